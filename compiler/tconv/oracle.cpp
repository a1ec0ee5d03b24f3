#include "oracle.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "element_type.h"
#include "geometry.h"

namespace tconv::tool {

namespace {

double pointwise(const tconv_spec &spec, double slope, double x) {
    const double a = spec.act_alpha, b = spec.act_beta;
    const double hard_sigmoid = std::clamp(x + 3, 0.0, 6.0) / 6;
    constexpr double kSqrt2OverPi = 0.79788456080286535588, kSqrtHalf = 0.70710678118654752440;
    switch (spec.activation) {
        case TCONV_ACT_RELU:
            return std::max(x, 0.0);
        case TCONV_ACT_LEAKY_RELU:
            return x < 0 ? a * x : x;
        case TCONV_ACT_CLIP:
            return std::min(std::max(x, a), b);
        case TCONV_ACT_SIGMOID:
            return 1 / (1 + std::exp(-x));
        case TCONV_ACT_TANH:
            return std::tanh(x);
        case TCONV_ACT_ELU:
            return x < 0 ? a * std::expm1(x) : x;
        case TCONV_ACT_GELU:
            return x / 2 * std::erfc(-x * kSqrtHalf);
        case TCONV_ACT_GELU_TANH:
            return x / 2 * (1 + std::tanh(kSqrt2OverPi * (x + 0.044715 * x * x * x)));
        case TCONV_ACT_SILU:
            return x / (1 + std::exp(-x));
        case TCONV_ACT_HARD_SWISH:
            return x * hard_sigmoid;
        case TCONV_ACT_HARD_SIGMOID:
            return hard_sigmoid;
        case TCONV_ACT_SOFTPLUS:
            return std::max(x, 0.0) + std::log1p(std::exp(-std::fabs(x)));
        case TCONV_ACT_PRELU:
            return x < 0 ? slope * x : x;
        default:
            return x;
    }
}

void softmax(Expected *first, int64_t count, int64_t step) {
    double peak = -std::numeric_limits<double>::infinity(), total = 0;
    for (int64_t i = 0; i < count; i++)
        peak = std::max(peak, first[i * step].value);
    for (int64_t i = 0; i < count; i++)
        total += first[i * step].value = std::exp(first[i * step].value - peak);
    for (int64_t i = 0; i < count; i++) {
        first[i * step].value /= total;
        first[i * step].magnitude = first[i * step].value;
    }
}

// In the forms of GELU, 1 + erf(x) and 1 + tanh(x) cancel for negative x: their error is relative to x.
double magnitude_of(const tconv_spec &spec, double argument, double value) {
    const bool cancels = spec.activation == TCONV_ACT_GELU || spec.activation == TCONV_ACT_GELU_TANH;
    return std::max(std::fabs(value), cancels ? std::fabs(argument) : 0.0);
}

double flops_of_pixel(const tconv_spec &spec) {
    const Geometry geometry = geometry_of(spec);
    const double pixels = static_cast<double>(spec.batch) * static_cast<double>(geometry.h.out * geometry.w.out);
    return (work_of(spec).flops_in_bounds + 20.0 * spec.out_channels * pixels) / pixels;
}

double ulps_of_arithmetic(const tconv_spec &spec) {
    switch (spec.activation) {
        case TCONV_ACT_LEAKY_RELU:
            return 1;
        case TCONV_ACT_HARD_SWISH:
        case TCONV_ACT_HARD_SIGMOID:
            return 2;
        case TCONV_ACT_SOFTMAX: {  // the total is a sum of as many terms
            const bool rows = spec.softmax_axis == TCONV_AXIS_LAST;
            const int64_t terms = rows ? geometry_of(spec).w.out : spec.out_channels;
            return 8 + static_cast<double>(terms) / 4;
        }
        default:  // twice what the kernels reach, 2.2 for softplus
            return 4;
    }
}

}  // namespace

double tolerance_of(const tconv_spec &spec) {
    if (is_exact(spec))
        return 0;
    const double computed = ulps_of_arithmetic(spec);
    const int32_t arithmetic = arithmetic_of(spec.dtype);
    if (arithmetic == spec.dtype)
        return computed;
    return 0.5 + computed * element_type(arithmetic).epsilon() / element_type(spec.dtype).epsilon();
}

double error_in_ulps(int32_t dtype, double actual, const Expected &expected) {
    if (rounded_to(dtype, expected.value) == actual)
        return 0;
    const ElementType &type = element_type(dtype);
    int exponent = 0;
    std::frexp(std::max({std::fabs(expected.value), expected.magnitude, type.least()}), &exponent);
    const double ulps = std::fabs(actual - expected.value) / std::ldexp(1.0, exponent - type.digits);
    return std::isnan(ulps) ? std::numeric_limits<double>::infinity() : ulps;
}

std::vector<Pixel> sample_of(const tconv_spec &spec, double flops) {
    const Geometry geometry = geometry_of(spec);
    const int64_t out_h = geometry.h.out, out_w = geometry.w.out, images = spec.batch;
    std::vector<Pixel> pixels;
    if (images == 0)
        return pixels;
    const double each = flops_of_pixel(spec);
    const bool rows = spec.activation == TCONV_ACT_SOFTMAX && spec.softmax_axis == TCONV_AXIS_LAST;
    const auto add = [&](int64_t n, int64_t h, int64_t w) {
        for (int64_t column = rows ? 0 : w; column < (rows ? out_w : w + 1); column++)
            pixels.push_back({n, h, column});
    };
    if (each * static_cast<double>(images * out_h * out_w) <= flops) {
        for (int64_t n = 0; n < images; n++) {
            for (int64_t h = 0; h < out_h; h++) {
                for (int64_t w = 0; w < out_w; w++)
                    pixels.push_back({n, h, w});
            }
        }
        return pixels;
    }
    for (int64_t h : {int64_t{0}, out_h / 2, out_h - 1}) {
        for (int64_t w : {int64_t{0}, out_w / 2, out_w - 1}) {
            if (!rows || w == 0)
                add(h == 0 ? 0 : images - 1, h, w);
        }
    }
    // At least 32, so that the phases of the usual strides are met several times each.
    Sequence sequence(20260101);
    for (int i = 0; i < 32 || static_cast<double>(pixels.size()) * each < flops; i++)
        add(sequence.below(images), sequence.below(out_h), sequence.below(out_w));
    return pixels;
}

Oracle::Oracle(const tconv_spec &spec, const ExactData &data) : spec_(spec), data_(data) {
    const Geometry geometry = geometry_of(spec);
    out_h_ = geometry.h.out;
    out_w_ = geometry.w.out;
    const int64_t taps = int64_t{spec.kernel_h} * spec.kernel_w, outputs = spec.out_channels / spec.groups;
    filter_.resize(data.filter.size());
    for (int64_t c = 0; c < spec.in_channels; c++) {
        for (int64_t o = 0; o < outputs; o++) {
            for (int64_t k = 0; k < taps; k++) {
                filter_[static_cast<size_t>((k * spec.in_channels + c) * outputs + o)] =
                    data.filter[static_cast<size_t>((c * outputs + o) * taps + k)];
            }
        }
    }
}

void Oracle::sums_at(const Pixel &pixel, std::vector<double> &sums) const {
    const int64_t inputs = spec_.in_channels / spec_.groups, outputs = spec_.out_channels / spec_.groups;
    const int64_t plane = int64_t{spec_.in_h} * spec_.in_w;
    sums.assign(static_cast<size_t>(spec_.out_channels), 0.0);
    for (int64_t kh = 0; kh < spec_.kernel_h; kh++) {
        const int64_t row = pixel.h + spec_.pad_top - kh * spec_.dilation_h;  // of the zero-inserted input
        if (row < 0 || row % spec_.stride_h != 0 || row / spec_.stride_h >= spec_.in_h)
            continue;
        for (int64_t kw = 0; kw < spec_.kernel_w; kw++) {
            const int64_t column = pixel.w + spec_.pad_left - kw * spec_.dilation_w;
            if (column < 0 || column % spec_.stride_w != 0 || column / spec_.stride_w >= spec_.in_w)
                continue;
            const float *x = data_.input.data() + pixel.n * spec_.in_channels * plane +
                             row / spec_.stride_h * spec_.in_w + column / spec_.stride_w;
            const double *weights = filter_.data() + (kh * spec_.kernel_w + kw) * spec_.in_channels * outputs;
            for (int64_t c = 0; c < spec_.in_channels; c++) {
                const double value = x[c * plane];
                double *sum = sums.data() + c / inputs * outputs;
                for (int64_t o = 0; o < outputs; o++)
                    sum[o] += value * weights[c * outputs + o];
            }
        }
    }
}

std::vector<Expected> Oracle::at(const std::vector<Pixel> &pixels) const {
    const int64_t channels = spec_.out_channels;
    std::vector<Expected> expected(pixels.size() * static_cast<size_t>(channels));
    std::vector<double> sums;
    const auto residual = [&](const Pixel &p, int64_t o) {
        return double{data_.residual[static_cast<size_t>(((p.n * channels + o) * out_h_ + p.h) * out_w_ + p.w)]};
    };
    for (size_t i = 0; i < pixels.size(); i++) {
        sums_at(pixels[i], sums);
        for (int64_t o = 0; o < channels; o++) {
            double x = sums[static_cast<size_t>(o)] + data_.bias[static_cast<size_t>(o)];
            if (spec_.residual == TCONV_RESIDUAL_BEFORE)
                x += residual(pixels[i], o);
            const double value = pointwise(spec_, data_.slope[static_cast<size_t>(o)], x);
            expected[i * static_cast<size_t>(channels) + static_cast<size_t>(o)] = {value,
                                                                                    magnitude_of(spec_, x, value)};
        }
    }
    if (spec_.activation == TCONV_ACT_SOFTMAX && spec_.softmax_axis == TCONV_AXIS_CHANNEL) {
        for (size_t i = 0; i < pixels.size(); i++)
            softmax(&expected[i * static_cast<size_t>(channels)], channels, 1);
    } else if (spec_.activation == TCONV_ACT_SOFTMAX) {
        for (size_t i = 0; i < pixels.size(); i += static_cast<size_t>(out_w_)) {
            for (int64_t o = 0; o < channels; o++)
                softmax(&expected[i * static_cast<size_t>(channels) + static_cast<size_t>(o)], out_w_, channels);
        }
    }
    if (spec_.residual == TCONV_RESIDUAL_AFTER) {
        for (size_t i = 0; i < expected.size(); i++)
            expected[i].value +=
                residual(pixels[i / static_cast<size_t>(channels)], static_cast<int64_t>(i) % channels);
    }
    return expected;
}

}  // namespace tconv::tool
