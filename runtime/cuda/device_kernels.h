// The kernels for devices compiled into this library.
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>

#include "geometry.h"
#include "registry.h"

namespace tconv {

// A generated function, called by an array of pointers to its arguments: a user context, buffers, scalars, the output.
using DeviceFunction = int (*)(void **arguments);

// The views that a kernel takes, and what it stores.
enum class Form {
    any,      // views of any strides
    vectors,  // contiguous channels in aligned vectors
    sums,     // any, and stores the sums of a half type as float32, for the second pass
};

// A row of schedules/device_variants.csv; generators/dense_phases.h says what the numbers of the tile mean.
struct DeviceKernel {
    const char *name;
    int32_t dtype;
    Lanes lanes;
    Form form;
    Direction direction;
    int32_t a, lanes_a, x, y, lanes_x, lanes_y, warps;
    DeviceFunction layer, pack, activate, softmax, phase_table;

    int32_t width() const { return x * lanes_x; }
    int32_t height() const { return y * lanes_y; }
    bool fragments() const { return lanes == Lanes::fragments; }
    // Elements of a vector, of which one access reads at most 16 bytes.
    int32_t vector() const { return fragments() ? kLargestAccess / static_cast<int32_t>(dtype_bytes(dtype)) : 4; }
    int32_t vector_alignment() const {
        return std::min(kLargestAccess, vector() * static_cast<int32_t>(dtype_bytes(dtype)));
    }
    // Packed weights of a block and tap are rows of `a` numbers for a channel, or of words for a step of fragments, which is
    // 16 words of channels (generators/fragments.h).
    int32_t channels_of_row() const { return fragments() ? kStepBytes / static_cast<int32_t>(dtype_bytes(dtype)) : 1; }
    int32_t row() const { return fragments() ? a * kStepBytes / 4 : a; }
    int64_t packed_bytes() const { return fragments() ? 4 : computed_bytes(dtype); }  // of a number or word

private:
    static constexpr int32_t kLargestAccess = 16, kStepBytes = 64;
};

std::span<const DeviceKernel> device_kernels();

// Those of the gradients of filter and bias, in the order of schedules/device_gradients.csv: `correlate` sums products,
// `bias_sums` the output's gradient, `total` adds up the splits of either. The tile's numbers: generators/device_correlate.h.
struct DeviceGradientKernel {
    const char *name;
    int32_t dtype;
    Lanes lanes;
    Form form;
    int32_t a, lanes_a, c, lanes_x, lanes_y;
    DeviceFunction correlate, bias_sums, total;
};

std::span<const DeviceGradientKernel> device_gradient_kernels();

}  // namespace tconv
