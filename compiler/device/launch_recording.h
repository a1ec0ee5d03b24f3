// The launches of a layer whose sizes and strides are fixed, found by making its calls without a device: once to see which
// arguments all calls of a stage have in common, which become constants of its code, and once with that code to see what it
// launches.
#pragma once

#include <array>
#include <memory>
#include <optional>
#include <vector>

#include "device_layer.h"
#include "device_stages.h"
#include "launches.h"

namespace tconv::compiler {

enum StageOf { kLayerStage, kPackStage, kActivateStage, kSoftmaxStage, kPhaseTableStage, kStages };

// A stage that is called, and its constants.
struct RecordedStage {
    DeviceStage stage;
    DeviceConstants constants;
};
using RecordedStages = std::array<std::optional<RecordedStage>, kStages>;

struct RecordedLaunch {
    StageOf stage;
    std::string entry;
    CompiledLaunch shape;  // without the numbers of kernel and arguments
    std::vector<CompiledArgument> arguments;
};

// A layer on dense tensors. Baked: `bias` and `slope` lie behind the packed filter in one block, at these bytes.
struct FixedLayer {
    DeviceLayer layer;
    DeviceKernel kernel;  // of `layer`: the one for these views, its functions left out
    const DeviceVariant *variant;
    bool baked;
    int64_t bias_at, slope_at;

    // Of the variants the one that `planned` takes on dense, aligned tensors; throws if it is not there.
    FixedLayer(const DeviceLayer &planned, const std::vector<DeviceVariant> &variants, bool baked);
    FixedLayer(const FixedLayer &) = delete;
    FixedLayer &operator=(const FixedLayer &) = delete;
};

// Stages of packing, unless baked, and of a run.
RecordedStages record_stages(const FixedLayer &fixed, const std::string &api);

// What the modules of the stages, lowered for CUDA, launch in packing and in a run.
struct RecordedLaunches {
    std::vector<RecordedLaunch> pack, run;
};
RecordedLaunches record_launches(const FixedLayer &fixed, const std::array<std::optional<Halide::Module>, kStages> &modules);

// The host's side of a lowered stage, run here: what it calls, by name.
Halide::Internal::JITModule host_side(const Halide::Module &module, const std::map<std::string, void *> &calls);

// The weights of a layer as its packing on a device would leave them; filter: IOHW, as the layer's tensors store it.
std::vector<char> pack_here(const FixedLayer &fixed, const void *filter);

}  // namespace tconv::compiler
