// Elementary functions as expressions, in float32 or float64 as their argument is: generated code calls no libm, and
// the bits are the same on every path of an ISA. Finite arguments are exact to about one ULP; infinities and NaN go to
// their limits.
#pragma once

#include "Halide.h"

namespace tconv::generators {

Halide::Expr exponential(const Halide::Expr &x);
Halide::Expr exponential_minus_one(const Halide::Expr &x);  // without the cancellation near zero
Halide::Expr logistic(const Halide::Expr &x);               // 1 / (1 + exp(-x))
Halide::Expr hyperbolic_tangent(const Halide::Expr &x);
Halide::Expr error_function(const Halide::Expr &x);
Halide::Expr log_one_plus(const Halide::Expr &y);  // for y in [0, 1]

// The most negative x for which logistic(x) is not yet zero, or a little below.
double logistic_underflow(const Halide::Type &type);

// `value` in the type of `like`.
Halide::Expr constant(const Halide::Expr &like, double value);

}  // namespace tconv::generators
