#include "launch_recording.h"

#include <cstring>
#include <stdexcept>

#include "geometry.h"
#include "shares.h"
#include "views.h"

namespace tconv::compiler {

using namespace Halide;
using Halide::Internal::JITModule;

namespace {

// Addresses say which pointer they belong to, and how far from it they lie.
constexpr int kPlaceShift = 44;

void *address_in(int place, int64_t offset = 0) {
    return reinterpret_cast<void *>((static_cast<uintptr_t>(place) + 1) << kPlaceShift | static_cast<uintptr_t>(offset));
}

tconv_tensors tensors_of(const tconv_spec &spec, bool baked, int64_t bias_at, int64_t slope_at) {
    tconv_tensors t;
    tconv_tensors_init(&t, sizeof t);
    tconv_view_input(&spec, spec.layout, address_in(kInput), &t.input);
    tconv_view_output(&spec, spec.layout, address_in(kOutput), &t.output);
    tconv_view_output(&spec, spec.layout, address_in(kResidual), &t.residual);
    t.packed_filter = baked ? address_in(kBaked) : address_in(kPacked);
    t.bias = baked ? address_in(kBaked, bias_at) : address_in(kBias);
    t.act_slope = baked ? address_in(kBaked, slope_at) : address_in(kSlope);
    t.workspace = address_in(kWorkspace);
    return t;
}

// What generated code hears of while the layer's calls are made. A recording is the user context of all of them.
struct Recording {
    const RecordedStages *stages = nullptr;              // being called
    std::array<std::optional<DeviceConstants>, kStages> common;
    std::array<JITModule::argv_wrapper, kStages> code = {};  // NULL: only look at the arguments
    StageOf current = kStages;
    std::vector<RecordedLaunch> launches;
};

DeviceConstants values_of(const DeviceStage &stage, void **arguments) {
    DeviceConstants values;
    auto take = [&](const std::string &name, bool is_buffer, const void *argument) {
        if (!is_buffer) {
            std::memcpy(&values[name], argument, sizeof(int32_t));
            return;
        }
        const auto &buffer = *static_cast<const halide_buffer_t *>(argument);
        for (int i = 0; i < buffer.dimensions; i++) {
            values[name + ".extent." + std::to_string(i)] = buffer.dim[i].extent;
            values[name + ".stride." + std::to_string(i)] = buffer.dim[i].stride;
        }
    };
    size_t next = 1;  // behind the user context
    for (const Argument &argument : stage.arguments)
        take(argument.name, argument.is_buffer(), arguments[next++]);
    take("output", true, arguments[next]);
    return values;
}

template<int stage>
int call_stage(void **arguments) {
    Recording &recording = **static_cast<Recording **>(arguments[0]);
    recording.current = static_cast<StageOf>(stage);
    if (recording.code[stage] != nullptr)
        return recording.code[stage](arguments);
    const DeviceConstants values = values_of((*recording.stages)[stage]->stage, arguments);
    std::optional<DeviceConstants> &common = recording.common[stage];
    if (!common)
        common = values;
    std::erase_if(*common, [&](const auto &constant) { return values.at(constant.first) != constant.second; });
    return 0;
}

int bind(void *, halide_buffer_t *buffer, const void *address, bool) {
    buffer->device = reinterpret_cast<uintptr_t>(address);
    return 0;
}

int bind_host(void *, halide_buffer_t *buffer, const void *address, bool) {
    buffer->host = static_cast<uint8_t *>(const_cast<void *>(address));
    return 0;
}

int nothing_to_do(void *, halide_buffer_t *) {
    return 0;
}

// ---- What generated code for CUDA calls, as runtime/cuda/halide_calls.cpp has it

const halide_device_interface_t *no_interface() {
    return nullptr;
}

int copies_nothing(void *, halide_buffer_t *, const halide_device_interface_t *) {
    return 0;
}

int keeps_images(void *, void **state, const char *images, int) {
    *state = const_cast<char *>(images);
    return 0;
}

void finalizes_nothing(void *, void *) {}

int records_launch(void *user_context, void *, const char *entry, int grid_x, int grid_y, int grid_z, int block_x,
                   int block_y, int block_z, int shared_bytes, size_t sizes[], void *arguments[], int8_t is_buffer[]) {
    auto number = [](int value) { return static_cast<uint32_t>(value); };
    auto &recording = *static_cast<Recording *>(user_context);
    RecordedLaunch launch = {recording.current, entry, {}, {}};
    launch.shape = {0,
                    0,
                    0,
                    number(shared_bytes),
                    {number(grid_x), number(grid_y), number(grid_z)},
                    {number(block_x), number(block_y), number(block_z)}};
    for (size_t i = 0; sizes[i] != 0; i++) {
        CompiledArgument argument = {kPlaces, 0, 0};
        if (is_buffer[i]) {
            const uint64_t address = static_cast<halide_buffer_t *>(arguments[i])->device;
            argument.place = static_cast<int32_t>(address >> kPlaceShift) - 1;
            argument.value = static_cast<int64_t>(address & ((uint64_t{1} << kPlaceShift) - 1));
        } else {
            std::memcpy(&argument.value, arguments[i], sizes[i]);
        }
        launch.arguments.push_back(argument);
    }
    recording.launches.push_back(launch);
    return 0;
}

std::map<std::string, void *> recording_calls() {
    auto pointer = [](auto *function) { return reinterpret_cast<void *>(function); };
    return {{"halide_cuda_device_interface", pointer(no_interface)},
            {"halide_copy_to_device", pointer(copies_nothing)},
            {"halide_cuda_initialize_kernels", pointer(keeps_images)},
            {"halide_cuda_finalize_kernels", pointer(finalizes_nothing)},
            {"halide_cuda_run", pointer(records_launch)}};
}

Target host_without_runtime() {
    Target target = get_host_target();
    target.set_features({Target::UserContext, Target::NoAsserts, Target::NoBoundsQuery, Target::NoRuntime});
    return target;
}

void set_functions(DeviceKernel &kernel) {
    kernel.layer = call_stage<kLayerStage>;
    kernel.pack = call_stage<kPackStage>;
    kernel.activate = call_stage<kActivateStage>;
    kernel.softmax = call_stage<kSoftmaxStage>;
    kernel.phase_table = call_stage<kPhaseTableStage>;
}

void expect_success(int result) {
    if (result != 0)
        throw std::logic_error("a layer's calls cannot be recorded");
}

void call_pack(const FixedLayer &fixed, Recording &recording) {
    tconv_view filter;
    tconv_view_filter(&fixed.layer.spec, TCONV_IOHW, address_in(kFilter), &filter);
    expect_success(pack_on_device(fixed.layer, {&recording, bind, nothing_to_do}, filter, address_in(kPacked)));
}

void call_run(const FixedLayer &fixed, Recording &recording) {
    const tconv_tensors t = tensors_of(fixed.layer.spec, fixed.baked, fixed.bias_at, fixed.slope_at);
    expect_success(run_on_device(fixed.layer, {&recording, bind, nothing_to_do}, t));
}

}  // namespace

FixedLayer::FixedLayer(const DeviceLayer &planned, const std::vector<DeviceVariant> &variants, bool baked)
    : layer(planned),
      kernel(kernel_for(planned, tensors_of(planned.spec, false, 0, 0))),
      variant(nullptr),
      baked(baked),
      bias_at(round_up(planned.packed_bytes, kDeviceAlignment)),
      slope_at(round_up(bias_at + int64_t{planned.spec.out_channels} * dtype_bytes(planned.spec.dtype), kDeviceAlignment)) {
    for (const DeviceVariant &other : variants) {
        if (other.name == kernel.name)
            variant = &other;
    }
    if (variant == nullptr)
        throw std::logic_error(std::string("no variant is called ") + kernel.name);
    set_functions(kernel);
    layer.kernel = &kernel;
}

RecordedStages record_stages(const FixedLayer &fixed, const std::string &api) {
    const DeviceVariant &variant = *fixed.variant;
    RecordedStages stages;
    stages[kLayerStage] = {dense_phases_stage(variant, api), {}};
    stages[kPackStage] = {pack_stage(variant, api), {}};
    stages[kActivateStage] = {activate_stage(variant, api), {}};
    stages[kSoftmaxStage] = {softmax_stage(variant, api), {}};
    stages[kPhaseTableStage] = {phase_table_stage(api), {}};
    Recording recording;
    recording.stages = &stages;
    if (!fixed.baked)
        call_pack(fixed, recording);
    call_run(fixed, recording);
    for (int i = 0; i < kStages; i++) {
        if (recording.common[i])
            stages[i]->constants = *recording.common[i];
        else
            stages[i].reset();
    }
    return stages;
}

RecordedLaunches record_launches(const FixedLayer &fixed, const std::array<std::optional<Module>, kStages> &modules) {
    std::vector<JITModule> kept;
    Recording recording;
    for (int i = 0; i < kStages; i++) {
        if (!modules[i])
            continue;
        kept.push_back(host_side(*modules[i], recording_calls()));
        recording.code[i] = kept.back().argv_function();
    }
    RecordedLaunches launches;
    if (!fixed.baked)
        call_pack(fixed, recording);
    launches.pack.swap(recording.launches);
    call_run(fixed, recording);
    launches.run.swap(recording.launches);
    return launches;
}

JITModule host_side(const Module &module, const std::map<std::string, void *> &calls) {
    Module here(module.name(), host_without_runtime());
    for (const Internal::LoweredFunc &function : module.functions())
        here.append(function);
    for (const Buffer<> &buffer : module.buffers())
        here.append(buffer);
    JITModule called;
    for (const auto &[name, function] : calls)
        called.add_symbol_for_export(name, JITModule::Symbol(function));
    return JITModule(here, here.get_function_by_name(module.name()), {called});
}

std::vector<char> pack_here(const FixedLayer &fixed, const void *filter) {
    // The same definitions, their loops as they come.
    const generators::DevicePack definition = pack_definition(*fixed.variant);
    generators::PhaseTable table;
    const Target target = host_without_runtime();
    auto compiled = [&](Func output, const std::vector<Argument> &arguments) {
        const Module module = Pipeline(output).compile_to_module(arguments, "packs_here", target);
        return JITModule(module, module.get_function_by_name("packs_here"), {});
    };
    schedules::from_zero(definition.from.filter);
    const JITModule pack = compiled(definition.packed, definition.from.arguments()), phases = compiled(table.table, table.arguments());
    Recording recording;
    recording.code[kPackStage] = pack.argv_function();
    recording.code[kPhaseTableStage] = phases.argv_function();
    std::vector<char> packed(static_cast<size_t>(fixed.layer.packed_bytes));
    tconv_view view;
    tconv_view_filter(&fixed.layer.spec, TCONV_IOHW, filter, &view);
    expect_success(pack_on_device(fixed.layer, {&recording, bind_host, nothing_to_do}, view, packed.data()));
    return packed;
}

}  // namespace tconv::compiler
