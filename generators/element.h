// What the numbers of a layer are, at rest and in flight. Tensors hold `stored` numbers; staging and packing turn them
// into `computed` ones, the last pass turns the results back, with one rounding to nearest even.
#pragma once

#include <functional>

#include "Halide.h"

namespace tconv::generators {

// bf16_pairs is bfloat16 on processors that multiply pairs of it and add both products to a float in one instruction:
// there the multiply loops read pairs of neighbouring channels, as they are stored. f16_bits is float16 on devices that have
// no type for it, OpenCL's on most processors: its bits, converted by arithmetic on integers.
enum class Element { f32, f64, f16, f16_bits, bf16, bf16_pairs };

// bfloat16 is handled as its bits, but for those pairs: no processor has other arithmetic of it, and Halide's own
// conversion turns some NaNs into zero.
Halide::Type stored_type(Element element);
Halide::Type computed_type(Element element);

Halide::Expr computed(Element element, const Halide::Expr &stored);
Halide::Expr stored(Element element, const Halide::Expr &computed);

// What the multiply loops read, staged input and packed weights, are *operands*: computed numbers or, of the same size,
// the numbers of `channels_of_operand` channels. `at` gives the stored number of a channel.
int channels_of_operand(Element element);
Halide::Type operand_type(Element element);
Halide::Expr operand(Element element, const Halide::Expr &index,
                     const std::function<Halide::Expr(const Halide::Expr &channel)> &at);
// The type of those numbers, to be read and multiplied.
Halide::Type factor_type(Element element);

}  // namespace tconv::generators
