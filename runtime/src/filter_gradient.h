// How the gradient of a filter is cut into tasks, and which kernel computes it.
#pragma once

#include <cstdint>
#include <span>

#include "message.h"
#include "registry.h"
#include "tconv/tconv.h"

namespace tconv {

// Input positions are cut into blocks, all images' blocks into splits; each split adds up partial sums of its own, in
// the order of its blocks, and the splits are added in theirs. None of it depends on the number of threads.
struct FilterGradient {
    const Kernel *kernel;
    LayerParams params;
    int32_t blocks;  // of an image
    int32_t units;   // tasks of a block: groups and lane blocks
    int32_t splits;
    int64_t partial_bytes;  // of one split
    int64_t scratch_bytes;  // of one task
};

// UNSUPPORTED if none of the kernels does. The spec is a valid one without an activation.
tconv_status plan_filter_gradient(const tconv_spec &spec, std::span<const Kernel> kernels, Isa usable,
                                  FilterGradient *plan, Message &message);

// The gradient of the bias likewise: blocks of output rows, splits of them, [C_out] partial sums.
tconv_status plan_bias_gradient(const tconv_spec &spec, std::span<const Kernel> kernels, Isa usable,
                                FilterGradient *plan, Message &message);

// Bytes before byte i of a split's partial sums that belong to the units before `unit`.
int64_t partial_offset(const FilterGradient &plan, int32_t unit);

}  // namespace tconv
