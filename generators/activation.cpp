#include "activation.h"

#include <algorithm>
#include <initializer_list>
#include <limits>
#include <vector>

namespace tconv::generators {

using namespace Halide;

namespace {

// Estrin's scheme: pairs of terms side by side, which halves the chain of dependent operations against Horner's.
Expr polynomial(Expr x, std::initializer_list<float> highest_first) {
    std::vector<Expr> terms(highest_first.begin(), highest_first.end());
    std::reverse(terms.begin(), terms.end());
    for (Expr power = x; terms.size() > 1; power = power * power) {
        std::vector<Expr> pairs;
        for (size_t i = 0; i < terms.size(); i += 2) {
            pairs.push_back(i + 1 < terms.size() ? terms[i] + terms[i + 1] * power : terms[i]);
        }
        terms = pairs;
    }
    return terms[0];
}

// 2^n for integer n in [-126, 127], by its bit pattern.
Expr power_of_two(Expr n) {
    return reinterpret<float>((n + 127) << 23);
}

// exp(x) = 2^n * mantissa, Cephes expf: x = n ln 2 + r with |r| <= ln 2 / 2.
struct Exponential {
    Expr n, mantissa;
};

Exponential split_exponential(Expr x) {
    // Rounds to nearest by the last bit of a float above 2^23: floor() is a call of libm where SSE4.1 is missing.
    const float shift = 12582912.0f;
    Expr n = (x * 1.44269504088896341f + shift) - shift;
    Expr r = x - n * 0.693359375f - n * -2.12194440e-4f;
    Expr mantissa = r * r * polynomial(r, {1.9875691500e-4f, 1.3981999507e-3f, 8.3334519073e-3f, 4.1665795894e-2f,
                                           1.6666665459e-1f, 5.0000001201e-1f}) + r + 1.0f;
    return {cast<int>(n), mantissa};
}

// 1 / (1 + exp(-x)). Bounded so that one factor 2^n is enough: beyond, the result is 0 or rounds to 1.
Expr logistic(Expr x) {
    Expr bounded = select(x > 87.0f, 87.0f, select(x < -88.0f, -88.0f, x));
    Exponential e = split_exponential(-bounded);
    Expr value = 1.0f / (1.0f + e.mantissa * power_of_two(e.n));
    return select(x != x, x, select(x < -88.0f, 0.0f, value));
}

// exp(x) - 1 without the cancellation near zero.
Expr exponential_minus_one(Expr x) {
    Expr near_zero = x * polynomial(x, {2.4801587e-5f, 1.9841270e-4f, 1.3888889e-3f, 8.3333333e-3f, 4.1666667e-2f,
                                        1.6666667e-1f, 0.5f, 1.0f});
    return select(abs(x) < 0.5f, near_zero, exponential(x) - 1.0f);
}

// Cephes tanhf: a polynomial below 0.625, the exponential form above.
Expr hyperbolic_tangent(Expr x) {
    Expr z = x * x;
    Expr near_zero = x + x * z *
                             polynomial(z, {-5.70498872745e-3f, 2.06390887954e-2f, -5.37397155531e-2f,
                                            1.33314422036e-1f, -3.33332819422e-1f});
    Expr magnitude = 1.0f - 2.0f / (exponential(2.0f * abs(x)) + 1.0f);
    return select(abs(x) < 0.625f, near_zero, select(x < 0.0f, -magnitude, magnitude));
}

// Cephes erff: an odd polynomial below 1, the complement by exp(-x^2) above.
Expr error_function(Expr x) {
    Expr z = x * x, size = abs(x);
    Expr near_zero =
        x * polynomial(z, {7.853861353153693e-5f, -8.010193625184903e-4f, 5.188327685732524e-3f, -2.685381193529856e-2f,
                           1.128358514861418e-1f, -3.761262582423300e-1f, 1.128379165726710e+0f});
    Expr q = 1.0f / max(size, 1.0f), y = q * q;
    Expr middle = polynomial(y, {2.326819970068386e-2f, -1.387039388740657e-1f, 3.687424674597105e-1f,
                                 -5.824733027278666e-1f, 6.210004621745983e-1f, -4.944515323274145e-1f,
                                 3.404879937665872e-1f, -2.741127028184656e-1f, 5.638259427386472e-1f});
    Expr far =
        polynomial(y, {-1.047766399936249e+1f, 1.297719955372516e+1f, -7.495518717768503e+0f, 2.921019019210786e+0f,
                       -1.015265279202700e+0f, 4.218463358204948e-1f, -2.820767439740514e-1f, 5.641895067754075e-1f});
    Expr complement = exponential(-z) * q * select(size < 2.0f, middle, far);
    Expr magnitude = 1.0f - complement;
    return select(size < 1.0f, near_zero, select(x < 0.0f, -magnitude, magnitude));
}

// log(1 + y) for y in [0, 1]: 2 atanh(y / (2 + y)), whose argument stays below 1/3.
Expr log_one_plus(Expr y) {
    Expr t = y / (2.0f + y), z = t * t;
    return 2.0f * t * polynomial(z, {1.0f / 15, 1.0f / 13, 1.0f / 11, 1.0f / 9, 1.0f / 7, 1.0f / 5, 1.0f / 3, 1.0f});
}

}  // namespace

Expr exponential(Expr x) {
    // Two factors of 2^(n/2) reach the subnormals and infinity.
    Expr bounded = select(x > 128.0f, 128.0f, select(x < -128.0f, -128.0f, x));
    Exponential e = split_exponential(bounded);
    Expr half = e.n >> 1;
    Expr scaled = e.mantissa * power_of_two(half) * power_of_two(e.n - half);
    Expr infinity = std::numeric_limits<float>::infinity();
    return select(x != x, x, select(x > 89.0f, infinity, select(x < -104.0f, 0.0f, scaled)));
}

Expr curve(Curve curve, Expr x, Expr alpha) {
    Expr sigmoid = logistic(x);
    // relu6(x + 3), NaN kept.
    Expr ramp = select(x < -3.0f, 0.0f, select(x > 3.0f, 6.0f, x + 3.0f));
    Expr value;
    switch (curve) {
        case Curve::sigmoid:
            value = sigmoid;
            break;
        case Curve::tanh:
            value = hyperbolic_tangent(x);
            break;
        case Curve::elu:
            value = select(x < 0.0f, alpha * exponential_minus_one(x), x);
            break;
        case Curve::gelu:
            value = 0.5f * x * (1.0f + error_function(x * 0.70710678118654752f));
            break;
        case Curve::gelu_tanh:
            value = 0.5f * x * (1.0f + hyperbolic_tangent(0.79788456080286536f * (x + 0.044715f * x * x * x)));
            break;
        // Below -104 the sigmoid underflows to zero; x * 0 would be NaN at -infinity.
        case Curve::silu:
            value = select(x < -104.0f, 0.0f, x * sigmoid);
            break;
        case Curve::hard_swish:
            value = select(x < -3.0f, 0.0f, x * ramp / 6.0f);
            break;
        case Curve::hard_sigmoid:
            value = ramp / 6.0f;
            break;
        case Curve::softplus:
            value = select(x != x, x, select(x > 0.0f, x, 0.0f) + log_one_plus(exponential(-abs(x))));
            break;
    }
    // strict_float: Halide's default float rules let LLVM assume that NaN and infinity do not occur.
    return strict_float(value);
}

Expr piecewise_linear(Expr x, Expr slope, Expr low, Expr high) {
    Expr sloped = select(x < 0.0f, slope * x, x);
    return strict_float(select(sloped < low, low, select(sloped > high, high, sloped)));
}

}  // namespace tconv::generators
