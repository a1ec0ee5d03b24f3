// How the gradient of a filter is cut into tasks, and which kernel computes it.
#pragma once

#include <cstdint>
#include <span>

#include "message.h"
#include "registry.h"
#include "tconv/tconv.h"

namespace tconv {

// Input positions are cut into blocks, of several small images where that makes enough positions; all blocks into splits.
// Each split adds up partial sums of its own, in the order of its blocks, and the splits are added in theirs. The filter is
// cut into units. None of it depends on the number of threads.
struct FilterGradient {
    const Kernel *kernel;
    LayerParams params;
    int32_t images;  // of a block
    int32_t blocks;  // of that many images
    int32_t units;   // tasks of a block: groups, lane blocks, narrow channels
    int32_t splits;
    int64_t unit_bytes;     // partial sums of a unit in one split
    int64_t scratch_bytes;  // of one task, without partial sums
};

// UNSUPPORTED if none of the kernels does. The spec is a valid one without an activation.
tconv_status plan_filter_gradient(const tconv_spec &spec, std::span<const Kernel> kernels, Isa usable,
                                  FilterGradient *plan, Message &message);

// The gradient of the bias likewise: blocks of output rows, splits of them, [C_out] partial sums.
tconv_status plan_bias_gradient(const tconv_spec &spec, std::span<const Kernel> kernels, Isa usable,
                                FilterGradient *plan, Message &message);

}  // namespace tconv
