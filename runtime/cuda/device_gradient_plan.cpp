#include <algorithm>
#include <cstring>

#include "device_gradient.h"
#include "gradient_checks.h"
#include "layer_text.h"
#include "shares.h"
#include "spec.h"

namespace tconv {
namespace {

// Warps that keep a large device busy, and what their sums may take.
constexpr int64_t kWantedWarps = 2048, kMostSums = int64_t{64} << 20;

Splits cut(int64_t batch, int64_t height, int64_t wanted) {
    Splits s = {1, 1, height, height, batch};
    if (batch >= wanted || batch == 0) {
        s.images = std::max<int64_t>(1, ceil_div(batch, wanted));
        s.rows = s.images * height;
        s.count = ceil_div(batch, s.images);
    } else {
        s.rows = even_share(height, ceil_div(height, ceil_div(wanted, batch)));
        s.of_image = ceil_div(height, s.rows);
        s.pitch = s.of_image * s.rows;
        s.count = batch * s.of_image;
    }
    return s;
}

void complete_filter(DeviceGradient &g, const DeviceGradientKernel &kernel) {
    const tconv_spec &spec = g.spec;
    g.kernel = &kernel;
    const bool depthwise = kernel.lanes == Lanes::depthwise;
    g.groups = depthwise ? 1 : spec.groups;
    g.channels = depthwise ? 1 : spec.in_channels / g.groups;
    g.outputs = spec.out_channels / g.groups;
    const int64_t bytes = g.tiles() * kernel.a * kernel.c * computed_bytes(spec.dtype);
    const int64_t wanted = std::clamp<int64_t>(kMostSums / bytes, 1, ceil_div(kWantedWarps, g.tiles()));
    g.splits = cut(spec.batch, spec.in_h, wanted);
    g.workspace_bytes = g.splits.count * bytes;
}

void complete_bias(DeviceGradient &g, const DeviceGradientKernel &kernel) {
    const tconv_spec &spec = g.spec;
    g.kernel = &kernel;
    g.groups = g.channels = 1, g.outputs = spec.out_channels;
    const int64_t out_h = output_extents(spec).size[2];
    g.splits = cut(spec.batch, out_h, ceil_div(kWantedWarps * 32, int64_t{kBiasParts} * spec.out_channels));
    g.workspace_bytes = g.splits.count * kBiasParts * spec.out_channels * computed_bytes(spec.dtype);
}

// Why a kernel does not compute the filter's gradient; NULL if it does.
const char *refusal(const DeviceGradientKernel &kernel, const tconv_spec &spec) {
    if (kernel.dtype != spec.dtype)
        return "of another element type";
    if (kernel.lanes == Lanes::depthwise && !is_depthwise(spec))
        return "the layer is not depthwise";
    if (kernel.form == Form::vectors && spec.layout != TCONV_NHWC)
        return "wants contiguous channels, NHWC";
    if (kernel.form == Form::vectors &&
        (spec.in_channels / spec.groups % 4 != 0 || spec.out_channels / spec.groups % 4 != 0))
        return "wants channels and outputs of a group in fours";
    return nullptr;
}

// Cycles of all warps: of a step its multiply-adds or its accesses to the first level of cache, in lines; then the sums. (Not
// held against times yet, as those of device_plan.cpp are.)
double cycles_of(const DeviceGradient &g) {
    const tconv_spec &spec = g.spec;
    const DeviceGradientKernel &k = *g.kernel;
    const bool nhwc = spec.layout == TCONV_NHWC, along_positions = k.lanes == Lanes::pixels;
    const double lane_a = k.a / k.lanes_a, words = static_cast<double>(dtype_bytes(spec.dtype)) / 4;
    double reads, lanes = 1;
    if (along_positions) {
        // Neighbouring columns of x, and columns of gy that are a stride apart; or channels of neither.
        reads =
            nhwc ? 8 * (k.c + lane_a) : (1.5 * k.c + 1.5 * std::min(spec.stride_w, 8) * lane_a) * std::max(words, 1.0);
        const double filled = static_cast<double>(ceil_div(spec.in_w, k.lanes_x)) * k.lanes_x / spec.in_w;
        lanes = 32 / filled;
    } else {
        const double per_output = nhwc ? std::max(words, 0.5) : 32;
        reads = k.lanes == Lanes::depthwise ? 2 * per_output
                                            : lane_a * per_output + k.c / (k.form == Form::vectors ? 4.0 : 1.0);
    }
    const double step = std::max(lane_a * k.c * std::max(words, 1.0) / 4, reads) + 4;
    const double positions = static_cast<double>(spec.batch) * spec.in_h * spec.in_w;
    const double sums = static_cast<double>(g.splits.count * g.tiles()) * (along_positions ? 32 : 1) * k.a * k.c / 8;
    return static_cast<double>(g.tiles()) * positions / lanes * step + sums;
}

}  // namespace

int64_t DeviceGradient::tiles() const {
    return ceil_div(outputs, kernel->a) * ceil_div(channels, kernel->c) * spec.kernel_w * spec.kernel_h * groups;
}

tconv_status plan_device_gradient(const tconv_spec &spec, int32_t which, const char *name, const DeviceTraits &traits,
                                  DeviceGradient *gradient, Message &why, Message &message) {
    if (tconv_status status = check_gradient_spec(&spec, which, message); status != TCONV_OK)
        return status;
    DeviceGradient planned = {};
    planned.spec = spec;
    planned.spec.struct_size = sizeof spec;
    planned.spec.has_bias = 0;
    planned.which = which;
    if (which == TCONV_GRADIENT_INPUT) {
        const tconv_status status =
            plan_device_layer(planned.spec, Direction::input_gradient, name, traits, &planned.layer, why, message);
        planned.workspace_bytes = planned.layer.workspace_bytes;
        *gradient = planned;
        return status;
    }
    if (which == TCONV_GRADIENT_FILTER) {
        if (tconv_status status = check_positions(spec, message); status != TCONV_OK)
            return status;
    }
    const DeviceGradientKernel *best = nullptr;
    double least = 0;
    bool known = name == nullptr;
    for (const DeviceGradientKernel &kernel : device_gradient_kernels()) {
        if (name != nullptr && std::strcmp(name, kernel.name) != 0)
            continue;
        known = true;
        const bool bias = which == TCONV_GRADIENT_BIAS;
        if (const char *reason = bias && kernel.dtype == spec.dtype ? nullptr : refusal(kernel, spec);
            reason != nullptr) {
            why.append("  %s: %s\n", kernel.name, reason);
            continue;
        }
        if (bias) {
            best = &kernel;
            break;
        }
        complete_filter(planned, kernel);
        if (planned.workspace_bytes > kMaxElements || planned.tiles() * planned.splits.count > kMaxElements) {
            why.append("  %s: its sums have more than 2147483647 bytes\n", kernel.name);
            continue;
        }
        const double cycles = cycles_of(planned);
        why.append("  %s: estimated at %.4g kilocycles of a warp, %lld splits\n", kernel.name, cycles / 1000,
                   static_cast<long long>(planned.splits.count));
        if (best == nullptr || cycles < least)
            best = &kernel, least = cycles;
    }
    if (!known)
        return message.fail(TCONV_UNSUPPORTED, "kernel '%s' is not in this library", name);
    if (best == nullptr) {
        return message.fail(TCONV_UNSUPPORTED,
                            "no kernel of this library computes this gradient on a device (dtype %s)",
                            dtype_name(spec.dtype));
    }
    if (which == TCONV_GRADIENT_FILTER) {
        complete_filter(planned, *best);
    } else {
        complete_bias(planned, *best);
        const int64_t columns = output_extents(spec).size[3] + kBiasParts;  // rounded up to parts
        if (std::max({kBiasParts * spec.out_channels, planned.splits.pitch, columns}) > kMaxElements) {
            return message.fail(
                TCONV_SIZE_OVERFLOW,
                "the sums of %d channels in %lld parts, %lld rows or %lld columns are more than a launch counts",
                spec.out_channels, static_cast<long long>(kBiasParts), static_cast<long long>(planned.splits.pitch),
                static_cast<long long>(columns));
        }
    }
    *gradient = planned;
    return TCONV_OK;
}

}  // namespace tconv
