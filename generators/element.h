// What the numbers of a layer are, at rest and in flight. Tensors hold `stored` numbers; staging and packing turn them
// into `computed` ones, the last pass turns the results back, with one rounding to nearest even.
#pragma once

#include "Halide.h"

namespace tconv::generators {

enum class Element { f32, f64, f16, bf16 };

// bfloat16 is handled as its bits: Halide has no native bfloat16 arithmetic on any CPU, and its own conversion turns
// some NaNs into zero.
Halide::Type stored_type(Element element);
Halide::Type computed_type(Element element);

Halide::Expr computed(Element element, const Halide::Expr &stored);
Halide::Expr stored(Element element, const Halide::Expr &computed);

}  // namespace tconv::generators
