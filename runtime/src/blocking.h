// How a kernel cuts a layer into tasks, and the parameter block that tells its generated code so.
#pragma once

#include <cstdint>

#include "message.h"
#include "registry.h"
#include "tconv/tconv.h"

namespace tconv {

// Reductions run over blocks of this many input channels, each summed on its own: it is part of the documented
// order of summation (docs/algorithm.md), so it is the same for every kernel. 256 channels of one tap by 16 lanes
// are 16 KiB of weights, which keeps the taps of a phase in the second level of cache.
constexpr int32_t kChannelBlock = 256;

// What a measurement rather than the rules decided of a blocking; 0 leaves a number to the rules. No result's bits depend on
// it: sums run over channels and taps, and Winograd's tiles begin where they would.
struct Cut {
    int32_t block_h, block_w;  // positions of a task; of Winograd's kernels whole tiles
    int32_t units;             // lane blocks of a unit; of Winograd's kernels the units multiplied at once
};

constexpr bool is_given(const Cut &cut) {
    return cut.block_h > 0 || cut.block_w > 0 || cut.units > 0;
}

// What Winograd's kernels and those of any cut need for a task stays below the 2 MiB a thread that interfaces promise.
constexpr int64_t kMostScratch = 2000 << 10;
constexpr const char *kUnsuitableCut = "blocks of another size were asked for, which do not suit the layer";

struct Blocking {
    LayerParams params;
    int64_t packed_bytes;   // all groups
    int64_t scratch_bytes;  // of one task
    int64_t staged_bytes, sums_bytes;
    int32_t tasks;  // per image, or per params.task_images of them
};

// Fails with UNSUPPORTED and the reason where the kernel cannot compute the layer, SIZE_OVERFLOW where its own arrays
// would exceed what it can index. UNSUPPORTED also for a cut that does not suit the layer.
tconv_status block_layer(const tconv_spec &spec, Direction direction, const Kernel &kernel, Blocking *blocking,
                         Message &why, const Cut &cut = {});

}  // namespace tconv
