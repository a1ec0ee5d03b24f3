#include "element.h"

namespace tconv::generators {

using namespace Halide;

namespace {

constexpr int kInfinity = 0x7f800000, kMagnitude = 0x7fffffff;  // of a float32

// Exact: numbers of float16's range are 2^112 times the float32 that has their exponent's and fraction's bits, subnormal
// ones included.
Expr from_half_bits(const Expr &half) {
    Expr bits = cast<uint32_t>(half), magnitude = (bits & 0x7fff) << 13;
    // In two steps: a float32 that small is subnormal, which devices may take for zero; 2^-14 more is none.
    Expr small = reinterpret<float>(magnitude + (113 << 23)) - reinterpret<float>(cast<uint32_t>(113 << 23));
    Expr large = reinterpret<float>(magnitude + (112 << 23));
    Expr beyond = reinterpret<float>(magnitude | kInfinity);
    Expr value = select((bits & 0x7c00) == 0, small, select((bits & 0x7c00) == 0x7c00, beyond, large));
    return reinterpret<float>(reinterpret<uint32_t>(value) | ((bits & 0x8000) << 16));
}

// Rounds to nearest even; beyond 65504 to infinity; a NaN stays one.
Expr to_half_bits(const Expr &value) {
    Expr bits = reinterpret<uint32_t>(value), magnitude = bits & kMagnitude;
    Expr rounded = (magnitude - (112 << 23) + 0xfff + ((magnitude >> 13) & 1)) >> 13;
    // The steps of float16's subnormal numbers are those of float32 from 1/2 on, which an addition rounds to.
    Expr half = reinterpret<float>(cast<uint32_t>(126 << 23));
    Expr subnormal = reinterpret<uint32_t>(strict_float(reinterpret<float>(magnitude) + half)) - cast<uint32_t>(126 << 23);
    Expr finite = select(magnitude < (113 << 23), subnormal, min(rounded, 0x7c00));
    return cast<uint16_t>(select(magnitude > kInfinity, 0x7e00, finite) | ((bits >> 16) & 0x8000));
}

}  // namespace

Type stored_type(Element element) {
    switch (element) {
        case Element::f64:
            return Float(64);
        case Element::f16:
            return Float(16);
        case Element::f16_bits:
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
        case Element::f16_bits:
            return from_half_bits(stored);
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
            Expr is_nan = (reinterpret<uint32_t>(computed) & kMagnitude) > kInfinity;
            Expr quiet_nan = reinterpret(Float(16), cast<uint16_t>(0x7e00));
            return select(is_nan, quiet_nan, cast(Float(16), computed));
        }
        case Element::f16_bits:
            return to_half_bits(computed);
        case Element::bf16:
        case Element::bf16_pairs: {
            Expr bits = reinterpret<uint32_t>(computed);
            // Adding just under a half, or a half where that makes the last bit even, rounds by carry. A NaN, whose
            // payload the carry could end, keeps its upper bits and becomes quiet.
            Expr rounded = (bits + 0x7fff + ((bits >> 16) & 1)) >> 16;
            Expr is_nan = (bits & kMagnitude) > kInfinity;
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
