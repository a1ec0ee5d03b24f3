#include "verify.h"

#include <algorithm>
#include <cmath>

#include "element_type.h"
#include "geometry.h"
#include "text_table.h"

namespace tconv::tool {

namespace {

std::string place(const Pixel &pixel, int64_t channel) {
    return formatted("n %lld, channel %lld, row %lld, column %lld", static_cast<long long>(pixel.n),
                     static_cast<long long>(channel), static_cast<long long>(pixel.h), static_cast<long long>(pixel.w));
}

}  // namespace

Sums sums_of(const Kernel &kernel) {
    return outputs_of_tile(kernel.family) > 0 ? Sums::winograd : Sums::direct;
}

Answer::Answer(const tconv_spec &spec, const ExactData &data, double flops)
    : spec_(spec), pixels_(sample_of(spec, flops)), expected_(Oracle(spec, data).at(pixels_)) {
    const Geometry geometry = geometry_of(spec);
    whole_ = static_cast<int64_t>(pixels_.size()) == spec.batch * geometry.h.out * geometry.w.out;
}

Comparison Answer::compare(Tensors &tensors) const {
    const double tolerance = tolerance_of(spec_);
    const size_t channels = static_cast<size_t>(spec_.out_channels);
    Comparison comparison;
    comparison.compared = static_cast<int64_t>(expected_.size());
    for (size_t i = 0; i < expected_.size(); i++) {
        const Pixel &pixel = pixels_[i / channels];
        const int64_t channel = static_cast<int64_t>(i % channels);
        const double actual = tensors.at(pixel, channel);
        const double error = error_in_ulps(spec_.dtype, actual, expected_[i]);
        comparison.max_err = std::max(comparison.max_err, error);
        if (error <= tolerance)
            continue;
        if (comparison.wrong++ == 0)
            comparison.first = place(pixel, channel) + formatted(": %.9g, expected %.9g", actual, rounded_to(spec_.dtype, expected_[i].value));
    }
    return comparison;
}

Comparison compare_outputs(const tconv_spec &spec, const std::vector<double> &actual,
                           const std::vector<double> &other) {
    const Geometry geometry = geometry_of(spec);
    const bool exact = is_exact(spec);
    const double tolerance = 2 * tolerance_of(spec);  // both may be off
    const int64_t plane = geometry.h.out * geometry.w.out;
    Comparison comparison;
    comparison.compared = static_cast<int64_t>(actual.size());
    for (size_t i = 0; i < actual.size(); i++) {
        if (actual[i] == other[i])
            continue;
        // Without the oracle the magnitude of the terms is not known; values near 1 are what curves return.
        const double error = error_in_ulps(spec.dtype, actual[i], {other[i], exact ? 0.0 : 1.0});
        comparison.max_err = std::max(comparison.max_err, error);
        if (!exact && error <= tolerance)
            continue;
        const int64_t at = static_cast<int64_t>(i), image = at / plane;
        if (comparison.wrong++ == 0) {
            comparison.first = place({image / spec.out_channels, at % plane / geometry.w.out, at % geometry.w.out},
                                     image % spec.out_channels) +
                               formatted(": %.9g, another kernel gives %.9g", actual[i], other[i]);
        }
    }
    return comparison;
}

}  // namespace tconv::tool
