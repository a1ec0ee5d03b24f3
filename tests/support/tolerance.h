// The one place that says how far a result may be from the oracle's. docs/testing.md quotes this table.
//
// Sums: integer data make every sum exact (Problem), so convolution, bias, residual, relu, clip and slopes that are
// powers of two are compared with ==, after the one rounding to the storage type. What is left is the error of an
// activation, given an exact argument x and its value y:
//     |result - y| <= result_ulps * ulp(y) + argument_ulps * ulp(x) + least * max(1, |x|)
// with ulp(v) = epsilon |v| and least, the smallest normal number, of the arithmetic: float, or double for f64. f16 and
// bf16 add half an ULP of theirs, or half their smallest step, for the rounding on the store. For f64 the oracle's own
// answer, a double, may be off by half an ULP wherever a result may.
// The second term is for activations that subtract near-equal numbers in their tails (gelu for x < -2: x/2 times
// 1 + erf, which has an absolute error of half an ulp of 1). The third lets a subnormal exp(x), and with it a result
// that is exp(x) or x * exp(x), be zero. Measured in float over 600 000 arguments, every instruction set alike: sigmoid
// 0.99 ulps of the result, tanh 1.17, elu 1.23, silu 1.29, hard_swish 1.21, hard_sigmoid 0.75, softplus 2.16; gelu 1.10
// and gelu_tanh 0.88 ulps of the larger of result and argument.
#pragma once

#include <algorithm>
#include <cmath>
#include <limits>

#include "element_type.h"
#include "tconv/tconv.h"

namespace tconv::testing {

struct Tolerance {
    double result_ulps, argument_ulps;
};

inline Tolerance tolerance_of(int32_t activation) {
    switch (activation) {
        case TCONV_ACT_LEAKY_RELU:  // one product, rounded once; exact for the slopes of exact tests
        case TCONV_ACT_PRELU:
            return {0.5, 0};
        case TCONV_ACT_HARD_SIGMOID:
            return {1, 0};
        case TCONV_ACT_ELU:
        case TCONV_ACT_SIGMOID:
        case TCONV_ACT_TANH:
            return {1.5, 0};
        case TCONV_ACT_SILU:
        case TCONV_ACT_HARD_SWISH:
            return {2, 0};
        case TCONV_ACT_SOFTPLUS:
            return {3, 0};
        case TCONV_ACT_GELU:
        case TCONV_ACT_GELU_TANH:
            return {0.5, 1.5};
        default:  // none, relu, clip
            return {0, 0};
    }
}

// An ULP of the arithmetic, and the bound on what the store adds.
inline double ulp(const tconv_spec &spec, double value) {
    return element_type(arithmetic_of(spec.dtype)).epsilon() * std::fabs(value);
}
inline double store_error(const tconv_spec &spec, double value) {
    const ElementType &type = element_type(spec.dtype);
    return spec.dtype == arithmetic_of(spec.dtype)
               ? 0
               : 0.5 * std::fmax(type.epsilon() * std::fabs(value), type.least_step());
}

inline double oracle_error(const tconv_spec &spec, double value) {
    return spec.dtype == TCONV_F64 ? 0.5 * ulp(spec, value) : 0;
}

// `argument` is the activation's, `activated` its value; `result` is after the residual, which is rounded once more.
// 0: the result must be the exact one, rounded to the storage type.
inline double allowed_error(const tconv_spec &spec, double argument, double activated, double result) {
    const Tolerance t = tolerance_of(spec.activation);
    if (t.result_ulps == 0 && t.argument_ulps == 0)
        return 0;
    const double added =
        spec.residual == TCONV_RESIDUAL_AFTER ? 0.5 * ulp(spec, result) + oracle_error(spec, result) : 0;
    const double least = element_type(arithmetic_of(spec.dtype)).least();
    return t.result_ulps * ulp(spec, activated) + oracle_error(spec, activated) +
           t.argument_ulps * ulp(spec, argument) + least * std::fmax(1, std::fabs(argument)) + added +
           store_error(spec, result);
}

// Softmax over `length` values that lie at most `range` apart: rounding x - peak puts range / 2 ulps into exp(), which
// itself has two; a sum of n positive terms is off by at most n / 2 ulps, and the quotient adds one. In ULPs of the
// arithmetic; the store comes on top.
inline double softmax_relative_error(const tconv_spec &spec, double length, double range) {
    return ulp(spec, 1) * (3 + range / 2 + length / 2);
}

// Sums of Winograd's kernels on data on which they round, in units of 2^-24 S, where S is the sum of the magnitudes of
// an output's products with each |x| replaced by the largest of its channel in the image: a tile's error is that of all
// that it reads. By the outputs of a tile along an axis, or, where its taps are more than three, by those that three taps
// would have with as many points; over channels errors cancel, and the last term is that of adding up so many, as in any
// sum. No worst case, which random data do not come near, but beyond the largest error of 2,000 random layers
// (correctness/winograd_error_test.cpp): for tiles of 2, 3 and 4 outputs 7.6, 13.5 and 20.9, and of 4 and 5 taps 9.4.
inline double winograd_error(int outputs, int taps, int64_t channels) {
    const int points = outputs + taps - 1, size = std::max(outputs, points - 2);
    const double root = std::sqrt(static_cast<double>(channels));
    return (1.5 * size * size + 3) * (1 + 1 / root) + root / 8;
}

// Sums of the kernels that multiply pairs of bfloat16, of numbers of at most 1 or without subnormal numbers among them:
// no product goes through more roundings than there are products, and one or two of blocks of channels. Subnormal
// factors and sums are taken for zero.
inline double dot_product_error(double products, double magnitudes) {
    return (products + 4) * std::ldexp(magnitudes, -24) + products * std::ldexp(1, -125);
}

// Sums of the kernels of family overlap: a product goes through the roundings of its block of channels (256), then
// those of the blocks after one another, then those of the output's taps; one more where products are rounded too.
inline double overlap_error(double channels, double taps, double magnitudes) {
    return (std::min(channels, 256.0) + std::ceil(channels / 256) + taps + 2) * std::ldexp(magnitudes, -24);
}

// Activations with a limit at -infinity that their formula does not give: x * sigmoid(x) is -infinity * 0.
inline bool limit_replaces_formula(int32_t activation) {
    return activation == TCONV_ACT_SILU || activation == TCONV_ACT_HARD_SWISH;
}

}  // namespace tconv::testing
