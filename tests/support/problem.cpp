#include "problem.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>

#include "reference.h"
#include "tolerance.h"

namespace tconv::testing {
namespace {

// Taps k with dilation*k in one residue class of stride.
int64_t taps_at_most(int64_t kernel, int64_t stride, int64_t dilation) {
    const int64_t step = stride / std::gcd(stride, dilation);
    return (kernel + step - 1) / step;
}

}  // namespace

int64_t products_of_an_output(const tconv_spec &s) {
    return s.in_channels / s.groups * taps_at_most(s.kernel_h, s.stride_h, s.dilation_h) *
           taps_at_most(s.kernel_w, s.stride_w, s.dilation_w);
}

DataRules winograd_rules(const tconv_spec &s, DataRules rules) {
    const auto denominator = [](int64_t kernel, int64_t stride) {
        const int64_t taps = taps_at_most(kernel, stride, 1);
        return taps == 1 ? 1 : taps == 2 ? 3 : 15;
    };
    rules.filter_multiple = denominator(s.kernel_h, s.stride_h) * denominator(s.kernel_w, s.stride_w);
    return rules;
}

DataRules reals() {
    DataRules rules;
    rules.integers = false;
    return rules;
}

Magnitudes magnitudes_of(int32_t dtype) {
    switch (dtype) {
        case TCONV_F64:
            return {int64_t{1} << 22, int64_t{1} << 49, int64_t{1} << 40, 1};
        case TCONV_F16:
            return {48, 1 << 19, 500, 1.0 / 16};
        case TCONV_BF16:
            return {48, 1 << 19, 50, 1};
        default:
            return {4, 1 << 19, 50, 1};
    }
}

int64_t largest_factor(int32_t dtype, int64_t most, int64_t products, int64_t multiple) {
    const int64_t sum = magnitudes_of(dtype).sum, integers = int64_t{1} << element_type(dtype).digits;
    int64_t largest = most;
    const auto fits = [&] {
        return largest <= sum / (products * multiple) / largest && largest * multiple <= integers;
    };
    while (largest > 1 && !fits())
        largest -= (largest + 15) / 16;
    return largest;
}

Problem::Problem(const tconv_spec &s, uint64_t seed, Placement placement, DataRules rules) : spec(s) {
    Random random(seed);
    const reference::Size out = reference::output_size(s);
    const std::array<int64_t, 4> output_extents = {s.batch, s.out_channels, out.h, out.w};
    input = place_image(random, s.dtype, {s.batch, s.in_channels, s.in_h, s.in_w}, s.layout, placement);
    filter =
        place_filter(random, s.dtype, {s.in_channels, s.out_channels / s.groups, s.kernel_h, s.kernel_w}, placement);
    residual = place_image(random, s.dtype, output_extents, s.layout, placement);
    output = place_image(random, s.dtype, output_extents, s.layout, placement);
    bias = slope = place_vector(s.dtype, s.out_channels);

    // Every output sums at most this many products, so magnitudes that keep terms*x*w below the limit keep each sum,
    // with bias and residual, below twice that. Weights must be numbers of the type too.
    const int64_t terms = products_of_an_output(s);
    const Magnitudes most = magnitudes_of(s.dtype);
    const int64_t limit = rules.largest > 0 ? rules.largest : most.value;
    const int64_t largest = largest_factor(s.dtype, limit, terms, rules.filter_multiple);
    // Multiples leave few numbers of a short type for the weights; the input takes what the sums allow.
    const int64_t largest_input =
        rules.filter_multiple == 1
            ? largest
            : std::max(largest, std::min(limit, most.sum / (terms * rules.filter_multiple) / largest));
    const auto value = [&](int64_t magnitude) {
        return rules.integers ? static_cast<double>(random.range(-magnitude, magnitude)) : 2 * random.unit() - 1;
    };
    input.change([&](int64_t, double) { return random.chance(rules.density) ? value(largest_input) : 0.0; });
    const double unit = rules.integers ? most.unit : 1, weight_unit = rules.integers ? unit * rules.filter_multiple : 1;
    filter.change([&](int64_t, double) { return value(largest) * weight_unit; });
    residual.change([&](int64_t, double) { return value(most.added) * unit; });
    constexpr double kSlopes[] = {0.25, 0.5, -0.125, 0.0, 1.0, 2.0};
    for (int32_t o = 0; o < s.out_channels; ++o) {
        bias.set(o, value(most.added) * unit);
        slope.set(o, random.pick(kSlopes));
    }
}

std::vector<double> Problem::expected_of(const tconv_spec &variation) const {
    const std::vector<double> x = input.logical(), w = filter.logical(), r = residual.logical(), b = bias.logical(),
                              a = slope.logical();
    std::vector<double> y(static_cast<size_t>(output.size()));
    reference::run(variation, {x.data(), w.data(), b.data(), a.data(), r.data(), y.data()});
    return y;
}

Problem::Steps Problem::expected_steps() const {
    tconv_spec before = spec, linear = spec;
    if (before.residual == TCONV_RESIDUAL_AFTER)
        before.residual = linear.residual = TCONV_RESIDUAL_NONE;
    linear.activation = TCONV_ACT_NONE;
    return {expected_of(linear), expected_of(before), expected()};
}

void Problem::scale_arguments() {
    tconv_spec linear = spec;
    linear.activation = TCONV_ACT_NONE;
    double largest = 1;
    for (const double y : expected_of(linear))
        largest = std::fmax(largest, std::fabs(y));
    const double factor = std::exp2(std::floor(std::log2(8 / largest)));
    for (Tensor *tensor : {&filter, &residual, &bias})
        tensor->change([&](int64_t, double value) { return value * factor; });
}

void Problem::take_magnitudes() {
    const auto magnitude = [](int64_t, double value) { return std::fabs(value); };
    input.change(magnitude);
    filter.change(magnitude);
}

void Problem::strain(int64_t kind, Random &random) {
    if (kind == 1)
        take_magnitudes();
    if (kind == 2)
        enlarge_some(random);
}

std::vector<double> Problem::expected_magnitudes() const {
    Problem absolute = *this;
    absolute.take_magnitudes();
    return absolute.expected();
}

std::string Problem::compare_sums(const std::vector<double> &expected,
                                  const std::function<double(size_t at)> &error_of_sum, double *worst) const {
    const std::vector<double> actual = output.logical();
    for (size_t at = 0; at < actual.size(); ++at) {
        const double sum = error_of_sum(at), stored = store_error(spec, std::fabs(expected[at]) + sum);
        const double error = std::fabs(actual[at] - expected[at]);
        if (!(error <= sum + stored)) {
            return "output " + std::to_string(at) + ": " + std::to_string(actual[at]) + ", expected " +
                   std::to_string(expected[at]) + ", off by " + std::to_string(error / (sum + stored)) + " of the bound";
        }
        if (error > stored)
            *worst = std::max(*worst, (error - stored) / sum);
    }
    return "";
}

void Problem::enlarge_some(Random &random) {
    input.change([&](int64_t, double value) { return random.chance(0.02) ? 64 * value : value; });
}

tconv_tensors Problem::tensors() const {
    tconv_tensors tensors;
    tconv_tensors_init(&tensors, sizeof tensors);
    tensors.input = input.view();
    tensors.output = output.view();
    tensors.residual = residual.view();
    tensors.bias = bias.data();
    tensors.act_slope = slope.data();
    return tensors;
}

}  // namespace tconv::testing
