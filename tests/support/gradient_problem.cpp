#include "gradient_problem.h"

#include <algorithm>
#include <array>

#include "reference.h"

namespace tconv::testing {

const char *gradient_text(int32_t which) {
    constexpr const char *kNames[] = {"input", "filter", "bias"};
    return kNames[which];
}

tconv_spec linear(tconv_spec spec) {
    spec.activation = TCONV_ACT_NONE;
    spec.residual = TCONV_RESIDUAL_NONE;
    return spec;
}

GradientProblem::GradientProblem(const tconv_spec &s, int32_t of, uint64_t seed, Placement placement, DataRules rules)
    : spec(s), which(of) {
    Random random(seed);
    const reference::Size out = reference::output_size(s);
    const std::array<int64_t, 4> in_extents = {s.batch, s.in_channels, s.in_h, s.in_w},
                                 out_extents = {s.batch, s.out_channels, out.h, out.w},
                                 filter_extents = {s.in_channels, s.out_channels / s.groups, s.kernel_h, s.kernel_w};
    input = place_image(random, s.dtype, in_extents, s.layout, placement);
    input_gradient = place_image(random, s.dtype, in_extents, s.layout, placement);
    output_gradient = place_image(random, s.dtype, out_extents, s.layout, placement);
    filter = place_filter(random, s.dtype, filter_extents, placement);
    filter_gradient = place_filter(random, s.dtype, filter_extents, placement);
    bias_gradient = place_vector(s.dtype, s.out_channels);

    const Magnitudes most = magnitudes_of(s.dtype);
    const int64_t positions = std::max<int64_t>(s.batch, 1) * s.in_h * s.in_w,
                  outputs = std::max<int64_t>(s.batch, 1) * out.h * out.w,
                  taps = int64_t{1} * s.out_channels / s.groups * s.kernel_h * s.kernel_w;
    const int64_t integers = int64_t{1} << element_type(s.dtype).digits;
    const int64_t factor = largest_factor(s.dtype, rules.largest > 0 ? rules.largest : most.value,
                                          which == TCONV_GRADIENT_INPUT ? taps : positions);
    const int64_t summand = std::clamp<int64_t>(most.sum / outputs, 1, integers);
    const auto value = [&](int64_t magnitude, double unit) {
        return rules.integers ? static_cast<double>(random.range(-magnitude, magnitude)) * unit : 2 * random.unit() - 1;
    };
    const bool of_bias = which == TCONV_GRADIENT_BIAS;
    output_gradient.change([&](int64_t, double) {
        return !random.chance(rules.density) ? 0.0 : of_bias ? value(summand, most.unit) : value(factor, 1);
    });
    input.change([&](int64_t, double) { return value(factor, most.unit); });
    filter.change([&](int64_t, double) { return value(factor, most.unit); });
}

std::vector<double> GradientProblem::expected() const {
    const std::vector<double> x = input.logical(), w = filter.logical(), gy = output_gradient.logical();
    std::vector<double> gradient;
    switch (which) {
        case TCONV_GRADIENT_INPUT:
            gradient.resize(x.size());
            reference::input_gradient(spec, gy.data(), w.data(), gradient.data());
            break;
        case TCONV_GRADIENT_FILTER:
            gradient.resize(w.size());
            reference::filter_gradient(spec, gy.data(), x.data(), gradient.data());
            break;
        default:
            gradient.resize(static_cast<size_t>(spec.out_channels));
            reference::bias_gradient(spec, gy.data(), gradient.data());
            break;
    }
    return gradient;
}

std::string GradientProblem::compare(const std::vector<double> &expected) {
    for (const Tensor *tensor : {&input_gradient, &filter_gradient, &bias_gradient}) {
        if (tensor != &result() && !tensor->untouched())
            return "another gradient was written";
    }
    return testing::compare(result(), expected);
}

tconv_gradient_tensors GradientProblem::tensors() const {
    tconv_gradient_tensors tensors = {};
    tensors.struct_size = sizeof tensors;
    tensors.input = input.view();
    tensors.output_gradient = output_gradient.view();
    tensors.input_gradient = input_gradient.view();
    tensors.filter_gradient = filter_gradient.view();
    tensors.bias_gradient = bias_gradient.view().data;
    return tensors;
}

}  // namespace tconv::testing
