#include "activation.h"

#include "elementary.h"

namespace tconv::generators {

using namespace Halide;

Expr curve(Curve curve, Expr x, Expr alpha) {
    Expr zero = constant(x, 0), sigmoid = logistic(x), underflow = constant(x, logistic_underflow(x.type()));
    // relu6(x + 3), NaN kept.
    Expr ramp = select(x < -3.0f, zero, select(x > 3.0f, constant(x, 6), x + 3.0f));
    Expr value;
    switch (curve) {
        case Curve::sigmoid:
            value = sigmoid;
            break;
        case Curve::tanh:
            value = hyperbolic_tangent(x);
            break;
        case Curve::elu:
            value = select(x < 0.0f, cast(x.type(), alpha) * exponential_minus_one(x), x);
            break;
        case Curve::gelu:
            value = 0.5f * x * (1.0f + error_function(x * constant(x, 0.70710678118654752)));
            break;
        case Curve::gelu_tanh:
            value =
                0.5f * x *
                (1.0f + hyperbolic_tangent(constant(x, 0.79788456080286536) * (x + constant(x, 0.044715) * x * x * x)));
            break;
        // Where the sigmoid underflows to zero x * 0 would be NaN at -infinity.
        case Curve::silu:
            value = select(x < underflow, zero, x * sigmoid);
            break;
        case Curve::hard_swish:
            value = select(x < -3.0f, zero, x * (ramp / 6.0f));  // x * ramp would overflow at a sixth of the range
            break;
        case Curve::hard_sigmoid:
            value = ramp / 6.0f;
            break;
        case Curve::softplus:
            value = select(x != x, x, select(x > 0.0f, x, zero) + log_one_plus(exponential(-abs(x))));
            break;
    }
    // strict_float: Halide's default float rules let LLVM assume that NaN and infinity do not occur.
    return strict_float(value);
}

Expr piecewise_linear(Expr x, Expr slope, Expr low, Expr high) {
    Expr least = cast(x.type(), low), most = cast(x.type(), high);
    Expr sloped = select(x < 0.0f, slope * x, x);
    return strict_float(select(sloped < least, least, select(sloped > most, most, sloped)));
}

}  // namespace tconv::generators
