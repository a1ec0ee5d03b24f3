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

struct Blocking {
    LayerParams params;
    int64_t packed_bytes;   // all groups
    int64_t scratch_bytes;  // of one task
    int64_t staged_bytes, sums_bytes;
    int32_t tasks;  // per image
};

// Fails with UNSUPPORTED and the reason where the kernel cannot compute the layer, SIZE_OVERFLOW where its own arrays
// would exceed what it can index.
tconv_status block_layer(const tconv_spec &spec, Direction direction, const Kernel &kernel, Blocking *blocking,
                         Message &why);

}  // namespace tconv
