#include <algorithm>
#include <cstring>

#include "device_layer.h"
#include "epilogue.h"
#include "shares.h"
#include "spec.h"

namespace tconv {
namespace {

constexpr int64_t kLargestGrid = 65535;  // blocks along the second and third axis

int64_t padded(int64_t bytes) {
    return ceil_div(bytes, kDeviceAlignment) * kDeviceAlignment;
}

bool is_depthwise(const tconv_spec &spec) {
    return spec.groups == spec.in_channels && spec.groups == spec.out_channels && spec.groups > 1;
}

// Why a kernel does not compute a layer; NULL if it does.
const char *refusal(const DeviceKernel &kernel, const tconv_spec &spec) {
    if (kernel.dtype != spec.dtype)
        return "of another element type";
    if (kernel.lanes == Lanes::depthwise && !is_depthwise(spec))
        return "the layer is not depthwise";
    const int64_t grouped = kernel.lanes == Lanes::depthwise ? 1 : spec.groups;
    const int64_t channels = spec.in_channels / grouped, outputs = spec.out_channels / grouped;
    if (kernel.vectors && spec.layout != TCONV_NHWC)
        return "wants contiguous channels, NHWC";
    if (kernel.vectors && (channels % 4 != 0 || outputs % 4 != 0))
        return "wants channels and outputs of a group in fours";
    if (ceil_div(outputs, kernel.a) > kLargestGrid)
        return "has too few outputs a block for so many";
    return nullptr;
}

struct Estimate {
    const DeviceLayer &layer;
    const DeviceKernel &kernel;
    int64_t positions_x, positions_y;

    int64_t tiles() const {
        return ceil_div(positions_x, kernel.width()) * ceil_div(positions_y, kernel.height()) * layer.phases_x *
               layer.phases_y * std::max(layer.spec.batch, 1);
    }
    int64_t blocks() const {
        return ceil_div(tiles(), kernel.warps) * ceil_div(layer.outputs, kernel.a) * layer.groups;
    }

    // Cycles of a multiprocessor for the tile of one warp: the larger of its multiply-adds, four warps of which run at once,
    // and of its accesses to the first level of cache, in lines; then its stores.
    double cycles_of_tile() const {
        const double lane_a = kernel.a / kernel.lanes_a, pixels = kernel.x * kernel.y;
        const bool nhwc = layer.spec.layout == TCONV_NHWC;
        const bool along_channels = kernel.lanes_a > 1;
        double weights, inputs, stores;
        if (along_channels) {
            weights = lane_a;
            inputs = kernel.lanes == Lanes::depthwise ? lane_a * pixels * (nhwc ? 1 : 32) : pixels / (kernel.vectors ? 4 : 1);
            stores = lane_a * pixels * (nhwc ? 1 : 32);
        } else {
            weights = std::max(1.0, lane_a / 4);
            inputs = pixels * (nhwc ? 8 : 1.5);
            stores = lane_a * pixels * (nhwc ? 8 : 1.5 * std::min(layer.spec.stride_w, 8));
        }
        const double step = std::max(lane_a * pixels / 4, weights + inputs);
        const double taps = static_cast<double>(layer.spec.kernel_h) * layer.spec.kernel_w /
                            (static_cast<double>(layer.phases_x) * layer.phases_y);
        const double channels = kernel.lanes == Lanes::depthwise ? 1 : layer.channels;
        return 200 + std::max(taps, 0.25) * channels * step + stores;
    }

    double cycles(const DeviceTraits &traits) const {
        const double rounds = std::max(1.0, static_cast<double>(blocks()) / traits.processors);
        return rounds * kernel.warps * cycles_of_tile();
    }
};

// Everything that follows from the layer and the kernel.
void complete(DeviceLayer &layer, const DeviceKernel &kernel) {
    const tconv_spec &spec = layer.spec;
    layer.kernel = &kernel;
    layer.groups = kernel.lanes == Lanes::depthwise ? 1 : spec.groups;
    layer.channels = spec.in_channels / layer.groups;
    layer.outputs = spec.out_channels / layer.groups;
    layer.phases_x = static_cast<int32_t>(std::min(layer.geometry.w.stride, layer.geometry.w.out));
    layer.phases_y = static_cast<int32_t>(std::min(layer.geometry.h.stride, layer.geometry.h.out));
    layer.table_x = 0;
    layer.table_y = padded(int64_t{layer.phases_x} * 16);
    layer.weights = layer.table_y + padded(int64_t{layer.phases_y} * 16);
    const int64_t lanes = ceil_div(layer.outputs, kernel.a) * kernel.a * layer.groups;
    const int64_t reduction = kernel.lanes == Lanes::depthwise ? 1 : layer.channels;
    layer.packed_bytes =
        layer.weights + lanes * reduction * spec.kernel_h * spec.kernel_w * computed_bytes(spec.dtype);
    layer.finish_after = layer.epilogue.curve != 0 || layer.epilogue.softmax != 0;
    layer.sums_in_workspace = layer.finish_after && spec.residual == TCONV_RESIDUAL_AFTER;
    layer.workspace_bytes = layer.sums_in_workspace ? int64_t{spec.out_channels} * layer.geometry.h.out *
                                                          layer.geometry.w.out * dtype_bytes(spec.dtype)
                                                    : 0;
}

}  // namespace

tconv_status plan_device_layer(const tconv_spec &spec, const char *name, const DeviceTraits &traits, DeviceLayer *layer,
                               Message &why, Message &message) {
    if (tconv_status status = validate(&spec, message); status != TCONV_OK)
        return status;
    DeviceLayer planned = {};
    planned.spec = spec;
    planned.spec.struct_size = sizeof spec;
    planned.geometry = geometry_of(spec);
    fill_epilogue(spec, planned.epilogue);
    const DeviceKernel *best = nullptr;
    double least = 0;
    bool known = name == nullptr;
    for (const DeviceKernel &kernel : device_kernels()) {
        if (name != nullptr && std::strcmp(name, kernel.name) != 0)
            continue;
        known = true;
        const char *reason = spec.math == TCONV_MATH_TF32 ? "computes in float32, not TF32" : refusal(kernel, spec);
        if (reason != nullptr) {
            why.append("  %s: %s\n", kernel.name, reason);
            continue;
        }
        complete(planned, kernel);
        if (planned.packed_bytes > kMaxElements) {
            why.append("  %s: its packed filter has more than 2147483647 bytes\n", kernel.name);
            continue;
        }
        const Estimate estimate = {planned, kernel, ceil_div(planned.geometry.w.out, spec.stride_w),
                                   ceil_div(planned.geometry.h.out, spec.stride_h)};
        const double cycles = estimate.cycles(traits);
        why.append("  %s: estimated at %.4g kilocycles, %lld blocks\n", kernel.name, cycles / 1000,
                   static_cast<long long>(estimate.blocks()));
        if (best == nullptr || cycles < least)
            best = &kernel, least = cycles;
    }
    if (!known)
        return message.fail(TCONV_UNSUPPORTED, "kernel '%s' is not in this library", name);
    if (best == nullptr) {
        return message.fail(TCONV_UNSUPPORTED, "no kernel of this library computes this layer on a device (dtype %d, math %d%s)",
                            spec.dtype, spec.math, spec.math == TCONV_MATH_TF32 ? ": none in TF32" : "");
    }
    complete(planned, *best);
    *layer = planned;
    return TCONV_OK;
}

}  // namespace tconv
