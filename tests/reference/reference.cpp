#include "reference.h"

#include <cmath>

namespace tconv::reference {
Size output_size(const tconv_spec &s) {
    const long long full_h = (s.in_h - 1LL) * s.stride_h + (s.kernel_h - 1LL) * s.dilation_h + 1;
    const long long full_w = (s.in_w - 1LL) * s.stride_w + (s.kernel_w - 1LL) * s.dilation_w + 1;
    return {full_h - s.pad_top - s.pad_bottom + s.output_padding_h,
            full_w - s.pad_left - s.pad_right + s.output_padding_w};
}

namespace {

// In long double: curves of f64 kernels are held to an ULP or two of a double.
using Long = long double;

// In double, where a product of doubles is rounded once.
double product(Long a, Long b) {
    return static_cast<double>(a) * static_cast<double>(b);
}

Long pointwise(const tconv_spec &s, Long slope, Long x) {
    const Long a = s.act_alpha, b = s.act_beta, pi = std::acos(Long{-1});
    const Long hard_sigmoid = x < -3 ? 0 : x > 3 ? 1 : (x + 3) / 6;
    // Comparisons are arranged so that NaN stays NaN.
    // clang-format off
    switch (s.activation) {
        case TCONV_ACT_RELU: return x < 0 ? 0 : x;
        case TCONV_ACT_LEAKY_RELU: return x < 0 ? product(a, x) : x;
        case TCONV_ACT_CLIP: return x < a ? a : x > b ? b : x;
        case TCONV_ACT_SIGMOID: return 1 / (1 + std::exp(-x));
        case TCONV_ACT_TANH: return std::tanh(x);
        case TCONV_ACT_ELU: return x < 0 ? a * std::expm1(x) : x;
        case TCONV_ACT_GELU: return x / 2 * std::erfc(-x / std::sqrt(Long{2}));
        case TCONV_ACT_GELU_TANH: return x / 2 * (1 + std::tanh(std::sqrt(2 / pi) * (x + 0.044715L * x * x * x)));
        case TCONV_ACT_SILU: return x / (1 + std::exp(-x));
        case TCONV_ACT_HARD_SWISH: return x * hard_sigmoid;
        case TCONV_ACT_HARD_SIGMOID: return hard_sigmoid;
        case TCONV_ACT_SOFTPLUS: return (x > 0 ? x : 0) + std::log1p(std::exp(-std::fabs(x)));
        case TCONV_ACT_PRELU: return x < 0 ? product(slope, x) : x;
        default: return x;
    }
    // clang-format on
}

void softmax(double *values, long long count, long long step) {
    double peak = values[0];
    Long total = 0;
    for (long long i = 1; i < count; ++i)
        peak = std::fmax(peak, values[i * step]);
    for (long long i = 0; i < count; ++i)
        total += std::exp(static_cast<Long>(values[i * step]) - peak);
    for (long long i = 0; i < count; ++i)
        values[i * step] = static_cast<double>(std::exp(static_cast<Long>(values[i * step]) - peak) / total);
}

// The definition: input, filter and output positions that a product joins, as indices into dense arrays.
template<typename Visit>
void each_product(const tconv_spec &s, Visit visit) {
    const Size out = output_size(s);
    const long long plane = out.h * out.w, ins = s.in_channels / s.groups, outs = s.out_channels / s.groups;
    long long x = 0;
    for (long long n = 0; n < s.batch; ++n)
        for (long long c = 0; c < s.in_channels; ++c)
            for (long long h = 0; h < s.in_h; ++h)
                for (long long w = 0; w < s.in_w; ++w, ++x)
                    for (long long o = 0; o < outs; ++o) {
                        long long tap = (c * outs + o) * s.kernel_h * s.kernel_w;
                        const long long y = (n * s.out_channels + c / ins * outs + o) * plane;
                        for (long long kh = 0; kh < s.kernel_h; ++kh)
                            for (long long kw = 0; kw < s.kernel_w; ++kw, ++tap) {
                                const long long row = h * s.stride_h + kh * s.dilation_h - s.pad_top;
                                const long long column = w * s.stride_w + kw * s.dilation_w - s.pad_left;
                                if (row >= 0 && row < out.h && column >= 0 && column < out.w)
                                    visit(x, tap, y + row * out.w + column);
                            }
                    }
}

}  // namespace

void run(const tconv_spec &s, const Arrays &t) {
    const Size out = output_size(s);
    const long long plane = out.h * out.w, total = s.batch * s.out_channels * plane;
    const auto channel = [&](long long i) { return i / plane % s.out_channels; };
    for (long long i = 0; i < total; ++i)
        t.output[i] = (s.has_bias ? t.bias[channel(i)] : 0) + (s.residual == TCONV_RESIDUAL_BEFORE ? t.residual[i] : 0);
    each_product(s, [&](long long x, long long w, long long y) { t.output[y] += t.input[x] * t.filter[w]; });
    for (long long i = 0; i < total; ++i)
        t.output[i] = static_cast<double>(
            pointwise(s, s.activation == TCONV_ACT_PRELU ? t.slope[channel(i)] : 0, t.output[i]));
    if (s.activation == TCONV_ACT_SOFTMAX && s.softmax_axis == TCONV_AXIS_LAST)
        for (long long i = 0; i < total; i += out.w)
            softmax(t.output + i, out.w, 1);
    else if (s.activation == TCONV_ACT_SOFTMAX)
        for (long long i = 0; i < s.batch * plane; ++i)
            softmax(t.output + i / plane * s.out_channels * plane + i % plane, s.out_channels, plane);
    for (long long i = 0; i < total && s.residual == TCONV_RESIDUAL_AFTER; ++i)
        t.output[i] += t.residual[i];
}

// The layer is linear in the input and in the filter: a product x w in output y is gy w in the gradient of x, gy x in
// that of w.
void input_gradient(const tconv_spec &s, const double *gy, const double *filter, double *gx) {
    each_product(s, [&](long long x, long long w, long long y) { gx[x] += gy[y] * filter[w]; });
}

void filter_gradient(const tconv_spec &s, const double *gy, const double *input, double *gw) {
    each_product(s, [&](long long x, long long w, long long y) { gw[w] += gy[y] * input[x]; });
}

void bias_gradient(const tconv_spec &s, const double *gy, double *gb) {
    const long long plane = output_size(s).h * output_size(s).w;
    for (long long i = 0; i < s.batch * s.out_channels * plane; ++i)
        gb[i / plane % s.out_channels] += gy[i];
}

}  // namespace tconv::reference
