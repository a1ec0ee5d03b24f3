#include "compile_layer.h"

#include <algorithm>
#include <filesystem>
#include <set>
#include <stdexcept>

#include "bind.h"
#include "geometry.h"
#include "kernel_rows.h"
#include "layer/layer_function.h"
#include "layer_module.h"
#include "shares.h"
#include "specialize.h"
#include "tile_widths.h"
#include "variants.h"

namespace tconv::compiler {

using namespace Halide;
using namespace Halide::Internal;
using generators::Element;

namespace {

constexpr int kAlignment = 64;

using Strings = std::vector<std::string>;

Parameters constant_parameters(const LayerParams &params) {
    Parameters parameters;
    const auto *values = reinterpret_cast<const int32_t *>(&params);
    for (const std::string &name : parameter_names()) {
        parameters[name] = Expr(*values++);
    }
    return parameters;
}

// Parameters for dense tensors in the layer's layout, and the distance from image to image.
LayerParams dense_parameters(const tconv_spec &spec, const Choice &choice, int64_t &input_image,
                             int64_t &output_image) {
    tconv_view input, output;
    tconv_view_input(&spec, spec.layout, nullptr, &input);
    tconv_view_output(&spec, spec.layout, nullptr, &output);
    input_image = input.stride[0];
    output_image = output.stride[0];
    return bind_views(spec, choice, input, output, output);
}

// The packing of a variant's filters, and the stages that it calls.
struct Packing {
    std::optional<RawFunction> pack;
    std::optional<WinogradStages> winograd;

    Packing(const Variant &variant, const std::string &prefix, const Target &target, const std::set<int> &taps) {
        if (variant.winograd_outputs() > 0) {
            winograd.emplace(variant, prefix, prefix, target, taps);
        } else {
            pack.emplace(pack_stage(variant.element(), prefix, target));
        }
    }

    void append(Statements &body, const Parameters &parameters, const Variant &variant) const {
        if (winograd) {
            pack_winograd_filter(body, parameters, *winograd, address("filter"), address("packed"));
        } else if (variant.overlap()) {
            pack_overlap_filter(body, parameters, *pack, variant, address("filter"), address("packed"));
        } else {
            pack_filter(body, parameters, *pack, variant, address("filter"), address("packed"));
        }
    }

    std::vector<const RawFunction *> stages() const {
        return winograd ? winograd->all() : std::vector<const RawFunction *>{&*pack};
    }
};

// Returns 10 from the function for a NULL pointer, and then 31 for a misaligned one.
Stmt pointer_checks(const Strings &given, const Strings &aligned) {
    const Expr zero = make_const(UInt(64), 0);
    std::vector<Stmt> checks;
    for (const std::string &name : given) {
        checks.push_back(AssertStmt::make(address(name) != zero, TCONV_INVALID_ARGUMENT));
    }
    for (const std::string &name : aligned) {
        checks.push_back(AssertStmt::make(address(name) % make_const(UInt(64), kAlignment) == zero, TCONV_MISALIGNED));
    }
    return Block::make(checks);
}

// Runs the packing stage here, just in time: the order of the packed numbers depends on the variant, not on the ISA.
Buffer<> pack_here(const tconv_spec &spec, const Choice &choice, const Variant &variant, const Buffer<> &filter,
                   const std::set<int> &taps) {
    tconv_view view;
    tconv_view_filter(&spec, TCONV_IOHW, filter.data(), &view);
    const LayerParams params = bind_filter(spec, Direction::output, choice, view);
    const Type computed = generators::computed_type(variant.element());
    Buffer<> packed(computed, {static_cast<int>(choice.blocking.packed_bytes / computed.bytes())});

    Target host = get_host_target();
    host.set_features({Target::NoAsserts, Target::NoBoundsQuery, Target::NoRuntime});
    const Packing packing(variant, "pack", host, taps);
    Statements body;
    packing.append(body, constant_parameters(params), variant);
    const LoweredFunc entry("pack_all",
                            std::vector<LoweredArgument>{handle_argument("filter"), handle_argument("packed")},
                            body.build(), LinkageType::ExternalPlusArgv, NameMangling::C);
    Module module("pack", host);
    for (const RawFunction *stage : packing.stages()) {
        module.append(stage->lowered());
    }
    module.append(entry);
    JITModule compiled(module, entry, {});
    const auto run = reinterpret_cast<int (*)(const void *, void *)>(compiled.main_function());
    run(filter.data(), packed.data());
    return packed;
}

}  // namespace

CompiledLayer compile_layer(const std::string &name, const tconv_spec &spec, const std::optional<Weights> &weights,
                            const Target &target, const CompileOptions &options, const std::string &folder,
                            std::vector<std::string> &objects) {
    Target kernel_target = target;
    for (Target::Feature feature : {Target::NoRuntime, Target::NoAsserts, Target::NoBoundsQuery}) {
        kernel_target.set_feature(feature);
    }
    const KernelRows rows(kernel_target, options.size, options.kernel);
    char about_rows[2048];
    Message lines(about_rows, sizeof about_rows);
    const Choice choice = rows.choose(spec, options.tables, lines);
    const Variant variant = rows.variant_of(choice);
    int64_t input_image, output_image;
    const LayerParams params = dense_parameters(spec, choice, input_image, output_image);
    const Parameters parameters = constant_parameters(params);

    const std::string prefix = name + "_stages";
    const SharedStages shared(variant.element(), prefix, kernel_target);
    const bool winograd = variant.winograd_outputs() > 0;
    const std::set<int> taps = winograd ? taps_of_phases(spec) : std::set<int>();
    const Packing packing(variant, prefix, kernel_target, taps);
    std::vector<LoweredFunc> stages;
    for (const RawFunction *stage : shared.all()) {
        stages.push_back(stage->lowered());
    }
    for (const RawFunction *stage : packing.stages()) {
        stages.push_back(stage->lowered());
    }
    std::optional<RawFunction> gather;
    std::optional<MultiplyTiles> multiply;
    std::optional<PlaneTiles> planes;
    std::optional<OverlapStages> overlap;
    LayerBuilder build;
    if (variant.family == "gather") {
        gather.emplace(gather_stage(variant.element(), prefix, kernel_target));
        stages.push_back(gather->lowered());
        build = gather_layer(shared, *gather);
    } else if (variant.planes()) {
        const int vector = vector_of(kernel_target, variant.element());
        planes.emplace(variant, prefix, kernel_target,
                       widths_of_planes(spec, choice, vector,
                                        PlaneTiles::widest(variant.tile_m, vector, spec.stride_w)));
        for (const RawFunction *tile : planes->all()) {
            stages.push_back(tile->lowered());
        }
        const PlaneTiles &tiles = *planes;
        build = planes_layer(shared, vector, [&tiles](Statements &body, const Parameters &, const PlaneLine &line) {
            tiles.call(body, line);
        });
    } else {
        const int step = MultiplyTiles::step_of(variant, kernel_target);
        const NeededTiles needed = {winograd            ? widths_of_winograd_tiles(spec, choice, variant.tile_m)
                                    : variant.overlap() ? widths_of_overlap_tiles(choice, step, variant.tile_m / step)
                                                        : widths_of_tiles(spec, choice, step, variant.tile_m / step),
                                    params.channel_step};
        multiply.emplace(variant, prefix, kernel_target, needed);
        for (const RawFunction *tile : multiply->all()) {
            stages.push_back(tile->lowered());
        }
        const MultiplyTiles &tiles = *multiply;
        const PhaseForm form = {tiles.lanes, variant.merges(),
                                [&tiles](Statements &body, const Parameters &, int unroll, const TileRow &row) {
                                    call_tiles(body, tiles, unroll, row);
                                }};
        if (variant.overlap()) {
            overlap.emplace(variant.element(), prefix, kernel_target);
            for (const RawFunction *stage : overlap->all()) {
                stages.push_back(stage->lowered());
            }
        }
        build = packing.winograd ? winograd_layer(shared, form, *packing.winograd)
                : overlap        ? overlap_layer(shared, form, *overlap)
                                 : phase_layer(shared, form);
    }

    // The layer's own functions check their pointers, which takes assertions.
    Module layer(name, kernel_target.without_feature(Target::NoAsserts));
    const bool baked = weights.has_value();
    const std::vector<TensorArgument> tensors = tensor_arguments(spec, baked);
    const Expr zero = make_const(UInt(64), 0), task = Variable::make(Int(32), "task");
    Pointers pointers = {address("input"), zero, zero, zero, zero, address("output"), address("workspace")};
    Statements body;
    if (baked) {
        pointers.packed = embed(layer, name + "_baked_filter",
                                pack_here(spec, choice, variant, stored(variant.element(), weights->filter), taps));
        if (!weights->bias.empty()) {
            pointers.bias = embed(layer, name + "_baked_bias", stored(variant.element(), weights->bias));
        }
        if (!weights->slope.empty()) {
            pointers.slope = embed(layer, name + "_baked_slope", stored(variant.element(), weights->slope));
        }
    } else {
        pointers.packed = address("packed");
        pointers.bias = address("bias");
        pointers.slope = address("slope");
    }
    const int32_t tasks = choice.blocking.tasks;
    const int32_t task_images = choice.blocking.params.task_images;
    const Expr image = body.let("image", task / tasks * task_images);
    Parameters of_task = parameters;
    of_task["images"] = min(task_images, std::max(spec.batch, 1) - image);
    auto image_of = [&](const std::string &tensor, int64_t stride) {
        return body.let(
            tensor + "_image",
            address(tensor) + cast<uint64_t>(int64(image) * make_const(Int(64), stride * dtype_bytes(spec.dtype))));
    };
    pointers.input = image_of("input", input_image);
    pointers.output = image_of("output", output_image);
    if (spec.residual != TCONV_RESIDUAL_NONE) {
        pointers.residual = image_of("residual", output_image);
    }
    pointers.scratch = address("workspace");
    build(body, of_task, body.let("task_of_image", task % tasks), pointers);
    const Stmt task_body = simplify(body.build());

    std::vector<LoweredArgument> arguments;
    std::vector<Expr> values = {Variable::make(Int(32), "each")};
    Strings given;
    for (const TensorArgument &tensor : tensors) {
        if (tensor.present) {
            arguments.push_back(handle_argument(tensor.name));
            values.push_back(Variable::make(Handle(), tensor.name));
            given.push_back(tensor.name);
        }
    }
    const Stmt checks = pointer_checks(given, baked ? Strings{"workspace"} : Strings{"workspace", "packed"});
    const int64_t all_tasks = static_cast<int64_t>(tasks) * ceil_div(std::max(spec.batch, 0), task_images);
    if (all_tasks > INT32_MAX) {
        throw std::runtime_error("the layer has more than 2^31-1 tasks; compile it for a smaller batch");
    }
    Stmt each = Evaluate::make(Call::make(Int(32), name + "_run_task", values, Call::Extern));
    const Stmt run = Block::make(checks, For::make("each", 0, static_cast<int>(all_tasks), ForType::Serial, Partition::Never,
                                                   DeviceAPI::None, each));

    std::vector<LoweredArgument> task_arguments = arguments;
    task_arguments.insert(task_arguments.begin(),
                          LoweredArgument("task", Halide::Argument::InputScalar, Int(32), 0, ArgumentEstimates{}));
    // Tasks are called by hosts too, so each looks at its pointers: a compare and a branch for each of them.
    layer.append(LoweredFunc(name + "_run_task", task_arguments, Block::make(checks, task_body), LinkageType::External,
                             NameMangling::C));
    layer.append(LoweredFunc(name + "_run", arguments, run, LinkageType::External, NameMangling::C));

    Stmt everything = task_body;
    if (!baked) {
        tconv_view filter;
        tconv_view_filter(&spec, TCONV_IOHW, nullptr, &filter);
        Statements pack_body;
        packing.append(pack_body, constant_parameters(bind_filter(spec, Direction::output, choice, filter)), variant);
        const Stmt pack_all = simplify(pack_body.build());
        everything = Block::make(everything, pack_all);
        const Stmt checked = Block::make(pointer_checks({"filter", "packed"}, {"packed"}), pack_all);
        const std::vector<LoweredArgument> pack_arguments = {handle_argument("filter"), handle_argument("packed")};
        layer.append(LoweredFunc(name + "_pack", pack_arguments, checked, LinkageType::External, NameMangling::C));
    }

    Module kernels_module(prefix, kernel_target);
    for (const LoweredFunc &stage : specialize_stages(everything, stages)) {
        kernels_module.append(stage);
    }
    // A dot is in no name: a bundle may hold both `up` and `up_stages`.
    for (const auto &[module, file] : {std::pair{&kernels_module, name + ".stages.o"}, {&layer, name + ".layer.o"}}) {
        module->set_any_strict_float(true);
        const std::string object = (std::filesystem::path(folder) / file).string();
        module->compile({{OutputFileType::object, object}});
        objects.push_back(object);
    }

    CompiledLayer compiled = {};
    compiled.name = name;
    compiled.kernel = variant.name;
    compiled.chosen = basis_text(choice.basis);
    compiled.rows = about_rows;
    compiled.spec = spec;
    compiled.packed_bytes = choice.blocking.packed_bytes;
    compiled.workspace_bytes = (choice.blocking.scratch_bytes + kAlignment - 1) / kAlignment * kAlignment;
    compiled.alignment = kAlignment;
    compiled.tasks = static_cast<int32_t>(all_tasks);
    compiled.baked = baked;
    compiled.hooks = options.hooks;
    return compiled;
}

}  // namespace tconv::compiler
