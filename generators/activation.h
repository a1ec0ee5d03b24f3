// Activations as expressions over one value, float32 or float64. Definitions are PyTorch's; accuracy is tabulated in
// docs/testing.md.
#pragma once

#include "Halide.h"

namespace tconv::generators {

// The numbering is tconv_activation's (runtime/include/tconv/tconv.h).
enum class Curve { sigmoid = 4, tanh, elu, gelu, gelu_tanh, silu, hard_swish, hard_sigmoid, softplus };

inline constexpr Curve all_curves[] = {Curve::sigmoid,    Curve::tanh,         Curve::elu,
                                       Curve::gelu,       Curve::gelu_tanh,    Curve::silu,
                                       Curve::hard_swish, Curve::hard_sigmoid, Curve::softplus};

// `alpha` is used by elu only. Parameters may be float32 whatever x is. NaN goes to NaN, infinities to the limits.
Halide::Expr curve(Curve curve, Halide::Expr x, Halide::Expr alpha);

// None, relu, leaky relu, prelu and clip in one: min(max(x < 0 ? slope * x : x, low), high), NaN to NaN.
Halide::Expr piecewise_linear(Halide::Expr x, Halide::Expr slope, Halide::Expr low, Halide::Expr high);

}  // namespace tconv::generators
