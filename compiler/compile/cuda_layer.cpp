#include "cuda_layer.h"

#include <cstring>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <limits>
#include <stdexcept>

#include "device_images.h"
#include "device_rows.h"
#include "elf_symbols.h"
#include "images.h"
#include "launch_recording.h"
#include "layer_module.h"
#include "tconv/failure.h"
#include "views.h"

namespace tconv::compiler {

using namespace Halide;
using namespace Halide::Internal;
namespace fs = std::filesystem;

namespace {

constexpr unsigned char kRuntime[] = {
#include "compiled_device.inc"
};

// Device code of a stage, and the module that launches it.
struct StageCode {
    Module module;
    std::string images;
};

// With the layer's numbers in the code. If that is refused (most likely by ptxas, for too few registers), for any sizes, as in
// libtconv_cuda: that is not, and what is launched is the same.
StageCode compile_stage(const RecordedStage &recorded, const CudaTarget &target, const fs::path &folder) {
    auto with = [&](const DeviceConstants &constants) {
        Module module = lower_device_stage(recorded.stage, "cuda", constants);
        const std::string file = (folder / (recorded.stage.name + ".ptx")).string();
        const std::vector<DeviceImage> images =
            images_of(device_code_of(module, kDeviceThreads), file, target.ptxas, target.archs);
        return StageCode{module, image_bytes(images)};
    };
    try {
        return with(recorded.constants);
    } catch (const std::runtime_error &error) {
        std::cerr << recorded.stage.name << ": its sizes stay arguments, because with them as constants\n"
                  << error.what() << "\n";
        return with({});
    }
}

// Where a block of bytes grows; parts that follow one another are aligned as images are.
class Block {
public:
    uint64_t append(const void *data, size_t bytes) {
        bytes_.resize((bytes_.size() + kImageAlignment - 1) / kImageAlignment * kImageAlignment);
        const uint64_t offset = bytes_.size();
        bytes_.append(static_cast<const char *>(data), bytes);
        return offset;
    }
    template<typename Record>
    void put(size_t at, const std::vector<Record> &records) {
        if (!records.empty())
            std::memcpy(bytes_.data() + at, records.data(), records.size() * sizeof(Record));
    }
    const std::string &bytes() const { return bytes_; }

private:
    std::string bytes_;
};

struct Launches {
    LaunchesHeader header = {};
    std::vector<CompiledLaunch> launches;
    std::vector<CompiledArgument> arguments;
    std::vector<std::string> entries, images;  // of each kernel
};

Launches launches_of(const RecordedLaunches &recorded, const std::array<std::string, kStages> &images) {
    Launches all;
    std::array<std::optional<uint32_t>, kStages> kernels;
    for (const std::vector<RecordedLaunch> *part : {&recorded.pack, &recorded.run}) {
        for (const RecordedLaunch &one : *part) {
            std::optional<uint32_t> &kernel = kernels[one.stage];
            if (!kernel) {
                kernel = static_cast<uint32_t>(all.entries.size());
                all.entries.push_back(one.entry);
                all.images.push_back(images[one.stage]);
            }
            CompiledLaunch launch = one.shape;
            launch.kernel = *kernel;
            launch.first_argument = static_cast<uint32_t>(all.arguments.size());
            launch.arguments = static_cast<uint32_t>(one.arguments.size());
            if (launch.arguments > kMostArguments)
                throw std::logic_error(one.entry + " takes too many arguments");
            all.launches.push_back(launch);
            all.arguments.insert(all.arguments.end(), one.arguments.begin(), one.arguments.end());
        }
    }
    if (all.entries.size() > kMostKernels)
        throw std::logic_error("a layer has more kernels than there is room for");
    all.header.pack_launches = static_cast<uint32_t>(recorded.pack.size());
    return all;
}

std::string table_of(Launches all, const std::vector<char> &baked) {
    LaunchesHeader &header = all.header;
    std::memcpy(header.magic, kLaunchesMagic, sizeof header.magic);
    header.kernels = static_cast<uint32_t>(all.entries.size());
    header.launches = static_cast<uint32_t>(all.launches.size());
    header.arguments = static_cast<uint32_t>(all.arguments.size());
    const size_t launches_at = sizeof header + all.entries.size() * sizeof(CompiledKernel);
    const size_t arguments_at = launches_at + all.launches.size() * sizeof(CompiledLaunch);
    const std::string room(arguments_at + all.arguments.size() * sizeof(CompiledArgument), '\0');
    Block block;
    block.append(room.data(), room.size());
    std::vector<CompiledKernel> kernels;
    for (size_t i = 0; i < all.entries.size(); i++) {
        const uint64_t entry = block.append(all.entries[i].c_str(), all.entries[i].size() + 1);
        kernels.push_back({entry, block.append(all.images[i].data(), all.images[i].size())});
    }
    if (!baked.empty()) {
        header.baked = block.append(baked.data(), baked.size());
        header.baked_bytes = baked.size();
    }
    block.put(0, std::vector<LaunchesHeader>{header});
    block.put(sizeof header, kernels);
    block.put(launches_at, all.launches);
    block.put(arguments_at, all.arguments);
    return block.bytes();
}

std::vector<char> bake(const FixedLayer &fixed, const Weights &weights) {
    const generators::Element element = fixed.variant->element;
    const Buffer<> filter = stored(element, weights.filter);
    std::vector<char> baked = pack_here(fixed, filter.data());
    auto add = [&](const std::vector<double> &numbers, int64_t at) {
        if (numbers.empty())
            return;
        const Buffer<> buffer = stored(element, numbers);
        const auto *const bytes = static_cast<const char *>(buffer.data());
        baked.resize(static_cast<size_t>(at));
        baked.insert(baked.end(), bytes, bytes + buffer.size_in_bytes());
    };
    add(weights.bias, fixed.bias_at);
    add(weights.slope, fixed.slope_at);
    return baked;
}

void set_alignments(LaunchesHeader &header, const FixedLayer &fixed, int64_t tensors) {
    const tconv_spec &spec = fixed.layer.spec;
    const auto element = static_cast<uint32_t>(dtype_bytes(spec.dtype)),
               blocks = static_cast<uint32_t>(kDeviceAlignment);
    const bool baked = fixed.baked;
    header.alignment[kInput] = header.alignment[kOutput] = static_cast<uint32_t>(tensors);
    header.alignment[kResidual] = spec.residual != TCONV_RESIDUAL_NONE ? static_cast<uint32_t>(tensors) : 0;
    header.alignment[kFilter] = baked ? 0 : element;
    header.alignment[kPacked] = baked ? 0 : blocks;
    header.alignment[kBias] = !baked && spec.has_bias ? element : 0;
    header.alignment[kSlope] = !baked && spec.activation == TCONV_ACT_PRELU ? element : 0;
    header.alignment[kWorkspace] = fixed.layer.workspace_bytes > 0 ? blocks : 0;
}

// NAME_load, NAME_unload, NAME_pack and NAME_run, which hand the table to what the runtime's object has under these names.
void write_functions(const std::string &name, const tconv_spec &spec, bool baked, const std::string &table,
                     const std::string &object) {
    Module module(name, device_host());
    Buffer<uint8_t> bytes(static_cast<int>(table.size()));
    std::memcpy(bytes.data(), table.data(), table.size());
    const Expr launches = reinterpret(Handle(), embed(module, name + "_launches", bytes));
    auto add = [&](const std::string &function, const std::vector<std::string> &parameters,
                   const std::vector<Expr> &values) {
        std::vector<LoweredArgument> arguments;
        for (const std::string &parameter : parameters)
            arguments.push_back(handle_argument(parameter));
        const Expr status = Variable::make(Int(32), "status");
        const Stmt body =
            LetStmt::make("status", Call::make(Int(32), name + "_" + function + "_compiled", values, Call::Extern),
                          AssertStmt::make(status == 0, status));
        module.append(LoweredFunc(name + "_" + function, arguments, body, LinkageType::External, NameMangling::C));
    };
    auto handle = [](const std::string &parameter) { return Variable::make(Handle(), parameter); };
    add("load", {}, {launches});
    add("unload", {}, {});
    if (!baked)
        add("pack", {"filter", "packed", "stream"}, {launches, handle("filter"), handle("packed"), handle("stream")});
    std::vector<std::string> parameters;
    std::vector<Expr> values = {launches};
    for (const TensorArgument &tensor : tensor_arguments(spec, baked)) {
        values.push_back(tensor.present ? handle(tensor.name) : reinterpret(Handle(), make_const(UInt(64), 0)));
        if (tensor.present)
            parameters.push_back(tensor.name);
    }
    parameters.push_back("stream");
    values.push_back(handle("stream"));
    add("run", parameters, values);
    module.compile({{OutputFileType::object, object}});
}

}  // namespace

CompiledLayer compile_cuda_layer(const std::string &name, const tconv_spec &spec, const std::optional<Weights> &weights,
                                 const CudaTarget &target, const std::string &folder,
                                 std::vector<std::string> &objects) {
    char text[512];
    Message message(text, sizeof text), ignored(nullptr, 0);
    DeviceLayer planned;
    const tconv_status status =
        plan_device_layer(spec, Direction::output, nullptr, {target.processors()}, &planned, ignored, message);
    if (status != TCONV_OK)
        throw tool::Failure(tool::exit_code_of(status), name + ": " + text);
    const FixedLayer fixed(planned, built_in_device_variants(), weights.has_value());
    const RecordedStages stages = record_stages(fixed, "cuda");
    const fs::path scratch = fs::path(folder) / (name + ".kernels");
    fs::create_directories(scratch);
    std::array<std::optional<Module>, kStages> modules;
    std::array<std::string, kStages> images;
    for (int i = 0; i < kStages; i++) {
        if (stages[i]) {
            StageCode code = compile_stage(*stages[i], target, scratch);
            modules[i].emplace(code.module);
            images[i] = code.images;
        }
    }
    fs::remove_all(scratch);
    const int64_t tensors =
        fixed.kernel.form == Form::vectors ? fixed.kernel.vector_alignment() : dtype_bytes(spec.dtype);
    Launches launches = launches_of(record_launches(fixed, modules), images);
    set_alignments(launches.header, fixed, tensors);
    const std::string table = table_of(launches, weights ? bake(fixed, *weights) : std::vector<char>());
    if (table.size() > size_t{std::numeric_limits<int>::max()}) {
        throw tool::Failure(
            tool::exit_code_of(TCONV_UNSUPPORTED),
            name + ": kernels and weights take " + std::to_string(table.size()) +
                " bytes, more than an object may embed (2147483647); leave --weights out and pack them at run time");
    }

    const fs::path functions = fs::path(folder) / (name + ".o"), runtime = fs::path(folder) / (name + ".device.o");
    write_functions(name, spec, fixed.baked, table, functions.string());
    std::map<std::string, std::string> names;
    for (const char *function : {"load", "unload", "pack", "run"})
        names.emplace(std::string("tconv_compiled_") + function, name + "_" + function + "_compiled");
    std::ofstream file(runtime, std::ios::binary);
    file << with_symbols_renamed({reinterpret_cast<const char *>(kRuntime), sizeof kRuntime}, names);
    if (!file.flush())
        throw std::runtime_error("cannot write " + runtime.string());
    objects.insert(objects.end(), {functions.string(), runtime.string()});

    CompiledLayer compiled = {};
    compiled.name = name;
    compiled.kernel = fixed.kernel.name;
    compiled.chosen = "by estimate";
    compiled.spec = spec;
    compiled.packed_bytes = planned.packed_bytes;
    compiled.workspace_bytes = planned.workspace_bytes;
    compiled.alignment = kDeviceAlignment;
    compiled.tensor_alignment = tensors;
    compiled.baked = fixed.baked;
    compiled.device = true;
    return compiled;
}

}  // namespace tconv::compiler
