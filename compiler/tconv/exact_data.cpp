#include "exact_data.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "element_type.h"
#include "geometry.h"

namespace tconv::tool {

namespace {

constexpr double kTypicalArgument = 3;  // of a curve

// The largest integers: input and filter, the sum of products, bias and residual; and what weights and sums count in.
struct Range {
    int64_t value, sum, added;
    double unit;
};

Range range_of(int32_t dtype) {
    switch (dtype) {
        case TCONV_F64:
            return {int64_t{1} << 22, int64_t{1} << 49, 1 << 24, 1};
        case TCONV_F16:
            return {48, 1 << 19, 500, 1.0 / 16};
        case TCONV_BF16:
            return {48, 1 << 19, 50, 1};
        default:
            return {4, 1 << 19, 50, 1};
    }
}

// Of the transformed weights of Winograd's tiles along an axis, powers of two apart.
int64_t denominator_of(int64_t taps) {
    return taps == 1 ? 1 : taps == 2 ? 3 : 15;
}

// Products that one output sums, along one axis: phase 0 begins with tap 0, so that no other has more.
int64_t most_taps(const Axis &axis) {
    return phase_of(axis, 0).taps;
}

}  // namespace

uint64_t Sequence::next() {
    state_ += 0x9e3779b97f4a7c15u;
    uint64_t z = state_;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

bool is_exact(const tconv_spec &spec) {
    switch (spec.activation) {
        case TCONV_ACT_NONE:
        case TCONV_ACT_RELU:
        case TCONV_ACT_CLIP:
        case TCONV_ACT_PRELU:  // by slopes that are powers of two
            return true;
        case TCONV_ACT_LEAKY_RELU:  // one product, rounded once, unless a residual or the store rounds it again
            return spec.residual != TCONV_RESIDUAL_AFTER && arithmetic_of(spec.dtype) == spec.dtype;
        default:
            return false;
    }
}

ExactData::ExactData(const tconv_spec &spec, Sums sums) {
    const Geometry geometry = geometry_of(spec);
    const int64_t terms = spec.in_channels / spec.groups * most_taps(geometry.h) * most_taps(geometry.w);
    const int64_t multiple = sums == Sums::direct
                                 ? 1
                                 : denominator_of(most_taps(geometry.h)) * denominator_of(most_taps(geometry.w));
    const Range range = range_of(spec.dtype);
    const int64_t integers = int64_t{1} << element_type(spec.dtype).digits;
    int64_t largest = range.value;
    while (largest > 1 && (largest > range.sum / (terms * multiple) / largest || largest * multiple > integers))
        largest -= (largest + 15) / 16;
    const double variance = static_cast<double>(largest * (largest + 1)) / 3;  // of integers in [-largest, largest]
    const double typical_sum =
        static_cast<double>(multiple) * variance * std::sqrt(static_cast<double>(std::max<int64_t>(terms, 1)));
    double weight_unit = range.unit, bias_unit = range.unit;
    int64_t largest_bias = range.added;
    if (!is_exact(spec)) {
        weight_unit = std::exp2(-std::ceil(std::log2(std::max(typical_sum / kTypicalArgument, 1.0))));
        bias_unit = std::max(weight_unit, 1.0 / 16);
        largest_bias = 50;
    }

    Sequence sequence(static_cast<uint64_t>(terms) * 1000003u + static_cast<uint64_t>(spec.in_w));
    const auto fill = [&](std::vector<float> &values, int64_t count, int64_t magnitude, double unit) {
        values.resize(static_cast<size_t>(count));
        for (float &value : values)
            value = static_cast<float>(static_cast<double>(sequence.range(-magnitude, magnitude)) * unit);
    };
    const int64_t images = spec.batch, outputs = spec.out_channels;
    fill(input, images * spec.in_channels * spec.in_h * spec.in_w, largest, 1);
    fill(filter, int64_t{spec.in_channels} * (outputs / spec.groups) * spec.kernel_h * spec.kernel_w, largest,
         weight_unit * static_cast<double>(multiple));
    fill(bias, outputs, spec.has_bias ? largest_bias : 0, bias_unit);
    constexpr float kSlopes[] = {0.25f, 0.5f, -0.125f, 0.0f, 1.0f, 2.0f};
    for (int64_t o = 0; o < outputs; o++)
        slope.push_back(kSlopes[sequence.below(std::size(kSlopes))]);
    if (spec.residual != TCONV_RESIDUAL_NONE)
        fill(residual, images * outputs * geometry.h.out * geometry.w.out, largest_bias, bias_unit);
}

}  // namespace tconv::tool
