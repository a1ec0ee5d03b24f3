// Polynomials and ranges are those of Cephes (expf, tanhf, erff, exp, tanh, ndtr), Taylor's where named.
#include "elementary.h"

#include <limits>
#include <vector>

namespace tconv::generators {

using namespace Halide;

namespace {

bool wide(const Expr &x) {
    return x.type() == Float(64);
}

// Estrin's scheme: pairs of terms side by side, which halves the chain of dependent operations against Horner's.
Expr polynomial(const Expr &x, const std::vector<double> &highest_first) {
    std::vector<Expr> terms;
    for (size_t i = highest_first.size(); i-- > 0;) {
        terms.push_back(constant(x, highest_first[i]));
    }
    for (Expr power = x; terms.size() > 1; power = power * power) {
        std::vector<Expr> pairs;
        for (size_t i = 0; i < terms.size(); i += 2) {
            pairs.push_back(i + 1 < terms.size() ? terms[i] + terms[i + 1] * power : terms[i]);
        }
        terms = pairs;
    }
    return terms[0];
}

// 2^n for an int32 n of normal range, in the type of `like`, by its bit pattern.
Expr power_of_two(const Expr &like, const Expr &n) {
    return wide(like) ? reinterpret<double>((cast<int64_t>(n) + 1023) << 52) : reinterpret<float>((n + 127) << 23);
}

// exp(x) = 2^n * mantissa: x = n ln 2 + r with |r| <= ln 2 / 2, ln 2 in two parts.
struct Exponential {
    Expr n, mantissa;
};

Exponential split_exponential(const Expr &x) {
    // Rounds to nearest by the last bit of a large number: floor() is a call of libm where SSE4.1 is missing.
    Expr shift = constant(x, wide(x) ? 6755399441055744.0 : 12582912.0);
    Expr n = (x * constant(x, 1.44269504088896341) + shift) - shift;
    if (wide(x)) {
        Expr r = x - n * constant(x, 6.93145751953125e-1) - n * constant(x, 1.42860682030941723212e-6);
        Expr z = r * r;
        Expr odd = r * polynomial(z, {1.26177193074810590878e-4, 3.02994407707441961300e-2, 9.99999999999999999910e-1});
        Expr even = polynomial(z, {3.00198505138664455042e-6, 2.52448340349684104192e-3, 2.27265548208155028766e-1,
                                   2.00000000000000000009e0});
        return {cast<int>(n), 1.0f + 2.0f * odd / (even - odd)};
    }
    Expr r = x - n * constant(x, 0.693359375) - n * constant(x, -2.12194440e-4);
    Expr mantissa = r * r *
                        polynomial(r, {1.9875691500e-4, 1.3981999507e-3, 8.3334519073e-3, 4.1665795894e-2,
                                       1.6666665459e-1, 5.0000001201e-1}) +
                    r + 1.0f;
    return {cast<int>(n), mantissa};
}

}  // namespace

Expr constant(const Expr &like, double value) {
    return Internal::make_const(like.type(), value);
}

Expr exponential(const Expr &x) {
    // Two factors of 2^(n/2) reach the subnormals and infinity.
    const double bound = wide(x) ? 1024 : 128, overflow = wide(x) ? 710 : 89, underflow = wide(x) ? -746 : -104;
    Expr high = constant(x, bound), low = constant(x, -bound);
    Exponential e = split_exponential(select(x > high, high, select(x < low, low, x)));
    Expr half = e.n >> 1;
    Expr scaled = e.mantissa * power_of_two(x, half) * power_of_two(x, e.n - half);
    Expr infinity = constant(x, std::numeric_limits<double>::infinity());
    return select(
        x != x, x,
        select(x > constant(x, overflow), infinity, select(x < constant(x, underflow), constant(x, 0), scaled)));
}

Expr exponential_minus_one(const Expr &x) {
    std::vector<double> taylor;  // 1/k!, as many as |x| < 0.5 asks for
    double term = 1;
    for (int k = 1; k <= (wide(x) ? 16 : 8); k++) {
        term /= k;
        taylor.insert(taylor.begin(), term);
    }
    return select(abs(x) < 0.5f, x * polynomial(x, taylor), exponential(x) - 1.0f);
}

double logistic_underflow(const Type &type) {
    return type == Float(64) ? -746 : -104;
}

Expr logistic(const Expr &x) {
    // Bounded so that one factor 2^n is enough: beyond, the result is 0 or rounds to 1.
    Expr high = constant(x, wide(x) ? 708 : 87), low = constant(x, wide(x) ? -709 : -88);
    Expr bounded = select(x > high, high, select(x < low, low, x));
    Exponential e = split_exponential(-bounded);
    Expr value = 1.0f / (1.0f + e.mantissa * power_of_two(x, e.n));
    return select(x != x, x, select(x < low, constant(x, 0), value));
}

Expr hyperbolic_tangent(const Expr &x) {
    Expr z = x * x;
    Expr ratio =
        wide(x) ? polynomial(z, {-9.64399179425052238628e-1, -9.92877231001918586564e1, -1.61468768441708447952e3}) /
                      polynomial(z, {1, 1.12811678491632931402e2, 2.23548839060100448583e3, 4.84406305325125486048e3})
                : polynomial(
                      z, {-5.70498872745e-3, 2.06390887954e-2, -5.37397155531e-2, 1.33314422036e-1, -3.33332819422e-1});
    Expr near_zero = x + x * z * ratio;
    Expr magnitude = 1.0f - 2.0f / (exponential(2.0f * abs(x)) + 1.0f);
    return select(abs(x) < 0.625f, near_zero, select(x < 0.0f, -magnitude, magnitude));
}

Expr error_function(const Expr &x) {
    // Odd below 1, the complement by exp(-x^2) above.
    Expr z = x * x, size = abs(x), near_zero, complement;
    if (wide(x)) {
        near_zero = x *
                    polynomial(z, {9.60497373987051638749e0, 9.00260197203842689217e1, 2.23200534594684319226e3,
                                   7.00332514112805075473e3, 5.55923013010394962768e4}) /
                    polynomial(z, {1, 3.35617141647503099647e1, 5.21357949780152679795e2, 4.59432382970980127987e3,
                                   2.26290000613890934246e4, 4.92673942608635921086e4});
        // The complement is below half an ULP of 1 from 6 on.
        Expr y = min(size, constant(x, 8));
        complement = exponential(-z) *
                     polynomial(y, {2.46196981473530512524e-10, 5.64189564831068821977e-1, 7.46321056442269912687e0,
                                    4.86371970985681366614e1, 1.96520832956077098242e2, 5.26445194995477358631e2,
                                    9.34528527171957607540e2, 1.02755188689515710272e3, 5.57535335369399327526e2}) /
                     polynomial(y, {1, 1.32281951154744992508e1, 8.67072140885989742329e1, 3.54937778887819891062e2,
                                    9.75708501743205489753e2, 1.82390916687909736289e3, 2.24633760818710981792e3,
                                    1.65666309194161350182e3, 5.57535340817727675546e2});
    } else {
        near_zero =
            x * polynomial(z, {7.853861353153693e-5, -8.010193625184903e-4, 5.188327685732524e-3, -2.685381193529856e-2,
                               1.128358514861418e-1, -3.761262582423300e-1, 1.128379165726710e+0});
        Expr q = 1.0f / max(size, 1.0f), y = q * q;
        Expr middle = polynomial(y, {2.326819970068386e-2, -1.387039388740657e-1, 3.687424674597105e-1,
                                     -5.824733027278666e-1, 6.210004621745983e-1, -4.944515323274145e-1,
                                     3.404879937665872e-1, -2.741127028184656e-1, 5.638259427386472e-1});
        Expr far =
            polynomial(y, {-1.047766399936249e+1, 1.297719955372516e+1, -7.495518717768503e+0, 2.921019019210786e+0,
                           -1.015265279202700e+0, 4.218463358204948e-1, -2.820767439740514e-1, 5.641895067754075e-1});
        complement = exponential(-z) * q * select(size < 2.0f, middle, far);
    }
    Expr magnitude = 1.0f - complement;
    return select(size < 1.0f, near_zero, select(x < 0.0f, -magnitude, magnitude));
}

Expr log_one_plus(const Expr &y) {
    // 2 atanh(y / (2 + y)), whose argument stays below 1/3: Taylor's series.
    std::vector<double> series;
    for (int k = wide(y) ? 17 : 7; k >= 0; k--) {
        series.push_back(1.0 / (2 * k + 1));
    }
    Expr t = y / (2.0f + y), z = t * t;
    return 2.0f * t * polynomial(z, series);
}

}  // namespace tconv::generators
