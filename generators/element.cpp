#include "element.h"

namespace tconv::generators {

using namespace Halide;

Type stored_type(Element element) {
    switch (element) {
        case Element::f64:
            return Float(64);
        case Element::f16:
            return Float(16);
        case Element::bf16:
        case Element::bf16_pairs:
            return UInt(16);
        case Element::f32:
            break;
    }
    return Float(32);
}

Type computed_type(Element element) {
    return element == Element::f64 ? Float(64) : Float(32);
}

Expr computed(Element element, const Expr &stored) {
    switch (element) {
        case Element::f16:
            return cast<float>(stored);
        case Element::bf16:
        case Element::bf16_pairs:
            return reinterpret<float>(cast<uint32_t>(stored) << 16);
        default:
            return stored;
    }
}

Expr stored(Element element, const Expr &computed) {
    switch (element) {
        case Element::f16: {
            // Where the processor has no conversion, Halide's own makes an infinity of a NaN.
            Expr is_nan = (reinterpret<uint32_t>(computed) & 0x7fffffff) > 0x7f800000;
            Expr quiet_nan = reinterpret(Float(16), cast<uint16_t>(0x7e00));
            return select(is_nan, quiet_nan, cast(Float(16), computed));
        }
        case Element::bf16:
        case Element::bf16_pairs: {
            Expr bits = reinterpret<uint32_t>(computed);
            // Adding just under a half, or a half where that makes the last bit even, rounds by carry. A NaN, whose
            // payload the carry could end, keeps its upper bits and becomes quiet.
            Expr rounded = (bits + 0x7fff + ((bits >> 16) & 1)) >> 16;
            Expr is_nan = (bits & 0x7fffffff) > 0x7f800000;
            return cast<uint16_t>(select(is_nan, (bits >> 16) | 0x40, rounded));
        }
        default:
            return computed;
    }
}

int channels_of_operand(Element element) {
    return element == Element::bf16_pairs ? 2 : 1;
}

Type operand_type(Element element) {
    return element == Element::bf16_pairs ? UInt(32) : computed_type(element);
}

Expr operand(Element element, const Expr &index, const std::function<Expr(const Expr &channel)> &at) {
    if (element != Element::bf16_pairs)
        return computed(element, at(index));
    return Internal::Call::make(UInt(32), Internal::Call::concat_bits, {at(2 * index), at(2 * index + 1)},
                                Internal::Call::PureIntrinsic);
}

Type factor_type(Element element) {
    return element == Element::bf16_pairs ? BFloat(16) : computed_type(element);
}

}  // namespace tconv::generators
