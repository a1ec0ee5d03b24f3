// A layer on a device: which kernel computes it, from what, and the calls that do. Nothing here knows a driver: the CUDA
// library makes these calls launches on a stream, the tests run them under OpenCL.
#pragma once

#include <cstdint>

#include "HalideRuntime.h"
#include "device_kernels.h"
#include "geometry.h"
#include "layer_params.h"
#include "message.h"
#include "tconv/tconv.h"
#include "views.h"

namespace tconv {

// How generated functions reach memory: `bind` makes a buffer, whose strides and extents are set, refer to an address;
// `done` is called after the function that wrote it.
struct DeviceAccess {
    void *user_context;
    int (*bind)(void *user_context, halide_buffer_t *buffer, const void *address, bool written);
    int (*done)(void *user_context, halide_buffer_t *buffer);
};

// Numbers of a device that the choice of a kernel depends on.
struct DeviceTraits {
    int32_t processors;  // multiprocessors
};

// One axis of what a kernel computes, in the terms of generators/dense_phases.h.
struct DeviceAxis {
    int64_t in, out, kernel;
    int64_t stride, advance;               // from one position to the next: of outputs, of inputs
    int64_t taps, tap_step, offset_step;   // of the phase that has most
    int64_t dilation, gcd, inverse, crop;  // for PhaseTable
};
DeviceAxis layer_axis(const Axis &axis);
DeviceAxis input_gradient_axis(const Axis &axis);

// The layer, or the gradient of its input.
struct DeviceLayer {
    tconv_spec spec;
    Direction direction;
    DeviceAxis h, w;
    Extents in, out;       // of what is read, and of what is stored
    LayerParams epilogue;  // of those, what fill_epilogue sets
    const DeviceKernel *kernel;
    int32_t groups, channels, outputs;  // of the kernel: a depthwise layer is one group; channels are added up
    int32_t phases_x, phases_y;         // that have outputs
    int64_t table_x, table_y, weights;  // where they begin in the packed filter, in bytes
    int64_t packed_bytes, workspace_bytes;
    bool finish_after;         // a second pass applies the activation
    bool sums_in_workspace;    // ... to sums that the output cannot hold meanwhile
    int64_t workspace_images;  // ... of so many images at a time

    // Rows of packed weights that a block has for each tap.
    int64_t packed_rows() const;
    // Of a kernel; each is a warp's.
    int64_t tiles_of_image(const DeviceKernel &of) const;
    // Positions of a phase, at most.
    int64_t positions_x() const { return (w.out + w.stride - 1) / w.stride; }
    int64_t positions_y() const { return (h.out + h.stride - 1) / h.stride; }
};

inline bool is_depthwise(const tconv_spec &spec) {
    return spec.groups == spec.in_channels && spec.groups == spec.out_channels && spec.groups > 1;
}

constexpr int64_t kDeviceAlignment = 256;
constexpr int64_t kLargestGrid = 65535;  // blocks along the second and third axis
// Of a launch: blocks along the first axis, and elements that the second pass finishes, 128 in a block.
constexpr int64_t kMostBlocks = 1 << 30, kMostFinished = 2147483647 - 127;

// Gradients compute stride * i + dilation * k - crop in 32 bits: SIZE_OVERFLOW where that is not enough, which takes strides or
// crops of millions.
tconv_status check_positions(const tconv_spec &spec, Message &message);

// The best kernel, or the named one. `why` gets a line for each candidate.
tconv_status plan_device_layer(const tconv_spec &spec, Direction direction, const char *name,
                               const DeviceTraits &traits, DeviceLayer *layer, Message &why, Message &message);

// All that can be wrong with a call, as tconv_pack_filter and tconv_run report it.
tconv_status check_device_pack(const DeviceLayer &layer, const tconv_view *filter, const void *packed,
                               size_t packed_bytes, Message &message);
tconv_status check_device_run(const DeviceLayer &layer, const tconv_tensors *tensors, Message &message);

// The plan's kernel, or where these views do not suit it, the one that takes any.
const DeviceKernel &kernel_for(const DeviceLayer &layer, const tconv_tensors &tensors);

// Both return what the generated functions return: 0, or the first that is not. Arguments are checked.
int pack_on_device(const DeviceLayer &layer, const DeviceAccess &access, const tconv_view &filter, void *packed);
int run_on_device(const DeviceLayer &layer, const DeviceAccess &access, const tconv_tensors &tensors);

}  // namespace tconv
