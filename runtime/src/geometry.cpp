#include "geometry.h"

#include <algorithm>
#include <limits>
#include <numeric>

namespace tconv {
namespace {

Axis axis_of(int32_t in, int32_t kernel, int32_t stride, int32_t dilation, int32_t begin, int32_t end,
             int32_t output_padding) {
    Axis axis = {in, kernel, stride, dilation, begin, 0};
    axis.out = axis.full() - begin - end + output_padding;
    return axis;
}

}  // namespace

bool counts_in_int32(const Geometry &geometry) {
    constexpr int64_t most = std::numeric_limits<int32_t>::max(), kMostStep = 1 << 25, kSteps = 8;
    for (const Axis &axis : {geometry.h, geometry.w}) {
        const int64_t reach = axis.dilation * std::max<int64_t>(axis.kernel - 1, 1);
        if (std::max({axis.stride, reach, -axis.crop}) > kMostStep ||
            std::max(axis.full(), axis.crop + axis.out) > most - kSteps * kMostStep) {
            return false;
        }
    }
    return true;
}

double pairs_in_bounds(const Axis &axis) {
    double pairs = 0;
    for (int64_t k = 0; k < axis.kernel; ++k) {
        const int64_t shift = axis.dilation * k - axis.crop;  // the output of (i, k) is stride*i + shift
        const int64_t first = std::max<int64_t>(0, -floor_div(shift, axis.stride));
        const int64_t last = std::min(axis.in - 1, floor_div(axis.out - 1 - shift, axis.stride));
        if (last >= first)
            pairs += static_cast<double>(last - first + 1);
    }
    return pairs;
}

int64_t inverse_mod(int64_t a, int64_t m) {
    int64_t r0 = m, r1 = a % m, t0 = 0, t1 = 1;  // extended Euclid: t*a = r (mod m) for both pairs
    while (r1 != 0) {
        const int64_t quotient = r0 / r1;
        const int64_t r2 = r0 - quotient * r1, t2 = t0 - quotient * t1;
        r0 = r1, r1 = r2, t0 = t1, t1 = t2;
    }
    return floor_mod(t0, m);
}

Geometry geometry_of(const tconv_spec &s) {
    return {axis_of(s.in_h, s.kernel_h, s.stride_h, s.dilation_h, s.pad_top, s.pad_bottom, s.output_padding_h),
            axis_of(s.in_w, s.kernel_w, s.stride_w, s.dilation_w, s.pad_left, s.pad_right, s.output_padding_w)};
}

Phase phase_of(const Axis &axis, int64_t r) {
    const int64_t g = std::gcd(axis.stride, axis.dilation);
    Phase phase = {};
    phase.tap_step = axis.stride / g;
    phase.offset_step = axis.dilation / g;
    phase.first_out = floor_mod(r - axis.crop, axis.stride);
    phase.count = phase.first_out < axis.out ? (axis.out - 1 - phase.first_out) / axis.stride + 1 : 0;
    phase.first_q = floor_div(phase.first_out + axis.crop, axis.stride);
    if (r % g != 0)
        return phase;
    // dilation*k = r (mod stride) divided by g: (dilation/g)*k = r/g (mod stride/g), and the two are coprime.
    const int64_t first_tap =
        r / g % phase.tap_step * inverse_mod(phase.offset_step % phase.tap_step, phase.tap_step) % phase.tap_step;
    if (first_tap >= axis.kernel)
        return phase;
    phase.first_tap = first_tap;
    phase.taps = (axis.kernel - 1 - first_tap) / phase.tap_step + 1;
    phase.offset = (r - axis.dilation * first_tap) / axis.stride;
    return phase;
}

tconv_spec canonical_of(const tconv_spec &spec) {
    tconv_spec canonical = spec;
    canonical.pad_bottom -= spec.output_padding_h;
    canonical.pad_right -= spec.output_padding_w;
    canonical.output_padding_h = canonical.output_padding_w = 0;
    const bool reads_alpha = spec.activation == TCONV_ACT_LEAKY_RELU || spec.activation == TCONV_ACT_CLIP ||
                             spec.activation == TCONV_ACT_ELU;
    if (!reads_alpha)
        canonical.act_alpha = 0;
    if (spec.activation != TCONV_ACT_CLIP)
        canonical.act_beta = 0;
    if (spec.activation != TCONV_ACT_SOFTMAX)
        canonical.softmax_axis = TCONV_AXIS_CHANNEL;
    return canonical;
}

int64_t dtype_bytes(int32_t dtype) {
    switch (dtype) {
        case TCONV_F64:
            return 8;
        case TCONV_F32:
        case TCONV_S32:
            return 4;
        case TCONV_F16:
        case TCONV_BF16:
            return 2;
        case TCONV_S8:
        case TCONV_U8:
            return 1;
        default:
            return 0;
    }
}

int64_t computed_bytes(int32_t dtype) {
    return dtype == TCONV_F64 ? 8 : 4;
}

Work work_of(const tconv_spec &s) {
    const Geometry geometry = geometry_of(s);
    const int64_t element = dtype_bytes(s.dtype);
    const int64_t batch = s.batch, filters = s.out_channels / s.groups;
    Work work = {};
    const double per_pair = 2.0 * static_cast<double>(batch) * s.in_channels * static_cast<double>(filters);
    work.flops_nominal = per_pair * s.kernel_h * s.kernel_w * s.in_h * s.in_w;
    work.flops_in_bounds = per_pair * pairs_in_bounds(geometry.h) * pairs_in_bounds(geometry.w);
    work.input_bytes = batch * s.in_channels * s.in_h * s.in_w * element;
    work.filter_bytes = s.in_channels * filters * s.kernel_h * s.kernel_w * element;
    work.bias_bytes = s.has_bias ? s.out_channels * element : 0;
    work.output_bytes = batch * s.out_channels * geometry.h.out * geometry.w.out * element;
    work.residual_bytes = s.residual != TCONV_RESIDUAL_NONE ? work.output_bytes : 0;
    return work;
}

}  // namespace tconv
