// The kernels for devices compiled into this library, in the order of schedules/device_variants.csv.
#pragma once

#include <cstdint>
#include <span>

#include "registry.h"

namespace tconv {

// A generated function, called by an array of pointers to its arguments: a user context, buffers, scalars, the output.
using DeviceFunction = int (*)(void **arguments);

// The views that a kernel takes, and what it stores.
enum class Form {
    any,      // views of any strides
    vectors,  // contiguous channels in aligned vectors of four
    sums,     // any, and stores the sums of a half type as float32, for the second pass
};

// generators/dense_phases.h says what the numbers of the tile mean.
struct DeviceKernel {
    const char *name;
    int32_t dtype;
    Lanes lanes;
    Form form;
    int32_t a, lanes_a, x, y, lanes_x, lanes_y, warps;
    DeviceFunction layer, pack, activate, softmax, phase_table;

    int32_t width() const { return x * lanes_x; }
    int32_t height() const { return y * lanes_y; }
};

std::span<const DeviceKernel> device_kernels();

// The one that computes the same from the same packed filter on views of any strides.
const DeviceKernel &any_access(const DeviceKernel &kernel);

}  // namespace tconv
