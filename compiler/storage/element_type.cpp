#include "element_type.h"

#include <bit>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace tconv {

namespace {

constexpr ElementType kF32 = {4, 24, -126, 128}, kF64 = {8, 53, -1022, 1024}, kF16 = {2, 11, -14, 16},
                      kBf16 = {2, 8, -126, 128};

constexpr int kDoubleDigits = 53, kDoubleBias = 1023;

[[noreturn]] void refuse(int32_t dtype) {
    std::fprintf(stderr, "dtype %d is none of f32, f64, f16, bf16\n", dtype);
    std::abort();
}

double power_of_two(int exponent) {  // a normal one
    return std::bit_cast<double>(static_cast<uint64_t>(exponent + kDoubleBias) << (kDoubleDigits - 1));
}

// A 16-bit format is a sign, an exponent whose bias is end_exponent - 1, and digits - 1 bits of fraction.
constexpr uint16_t infinity_of(const ElementType &type) {
    return static_cast<uint16_t>((2 * type.end_exponent - 1) << (type.digits - 1));
}

double widen(const ElementType &type, uint16_t bits) {
    const int fraction_bits = type.digits - 1;
    const int magnitude = bits & 0x7fff, exponent = magnitude >> fraction_bits;
    const uint64_t sign = static_cast<uint64_t>(bits >> 15) << 63;
    const auto fraction = static_cast<uint64_t>(magnitude & ((1 << fraction_bits) - 1));
    if (exponent == 0)
        return (sign != 0 ? -1 : 1) * static_cast<double>(fraction) * type.least_step();
    const bool finite = magnitude < infinity_of(type);
    const auto field = static_cast<uint64_t>(finite ? exponent - (type.end_exponent - 1) + kDoubleBias : 0x7ff);
    return std::bit_cast<double>(sign | field << (kDoubleDigits - 1) | fraction << (kDoubleDigits - type.digits));
}

uint16_t narrow(const ElementType &type, double value) {
    const uint64_t bits = std::bit_cast<uint64_t>(value), magnitude = bits & ~(uint64_t{1} << 63);
    const auto sign = static_cast<uint16_t>(bits >> 63 << 15);
    const int dropped = kDoubleDigits - type.digits;
    if (std::isnan(value)) {
        const uint64_t fraction = magnitude & ((uint64_t{1} << (kDoubleDigits - 1)) - 1);
        const auto quiet = static_cast<uint16_t>(1 << (type.digits - 2));
        return static_cast<uint16_t>(sign | infinity_of(type) | quiet | (fraction >> dropped));
    }
    // The exponent as the target stores it; below 1 the significand loses that many bits more, and there is none.
    const int exponent = static_cast<int>(magnitude >> (kDoubleDigits - 1)) - kDoubleBias + type.end_exponent - 1;
    const int shift = dropped + (exponent < 1 ? 1 - exponent : 0);
    if (shift > kDoubleDigits)  // below half of the smallest number; subnormal doubles are among these
        return sign;
    const uint64_t leading = uint64_t{1} << (kDoubleDigits - 1);
    const uint64_t significand = (magnitude & (leading - 1)) | leading;
    const uint64_t half = uint64_t{1} << (shift - 1), rest = significand & ((half << 1) - 1);
    uint64_t result = significand >> shift;
    if (rest > half || (rest == half && result % 2 == 1))
        result++;
    // The leading one, or a carry into it, adds one to the exponent field: to 0 for what was subnormal.
    if (exponent >= 1)
        result += static_cast<uint64_t>(exponent - 1) << (type.digits - 1);
    const uint64_t most = infinity_of(type);
    return static_cast<uint16_t>(sign | (result < most ? result : most));
}

}  // namespace

double ElementType::epsilon() const {
    return power_of_two(1 - digits);
}

double ElementType::least() const {
    return power_of_two(least_exponent);
}

double ElementType::least_step() const {
    return least() * epsilon();
}

double ElementType::most() const {
    return (2 - epsilon()) * power_of_two(end_exponent - 1);
}

const ElementType &element_type(int32_t dtype) {
    switch (dtype) {
        case TCONV_F32:
            return kF32;
        case TCONV_F64:
            return kF64;
        case TCONV_F16:
            return kF16;
        case TCONV_BF16:
            return kBf16;
        default:
            refuse(dtype);
    }
}

int32_t arithmetic_of(int32_t dtype) {
    return dtype == TCONV_F64 ? TCONV_F64 : TCONV_F32;
}

double load_element(int32_t dtype, const void *element) {
    if (dtype == TCONV_F32) {
        float value;
        std::memcpy(&value, element, sizeof value);
        return value;
    }
    if (dtype == TCONV_F64) {
        double value;
        std::memcpy(&value, element, sizeof value);
        return value;
    }
    uint16_t bits;
    std::memcpy(&bits, element, sizeof bits);
    return widen(element_type(dtype), bits);
}

void store_element(int32_t dtype, double value, void *element) {
    if (dtype == TCONV_F32) {
        const auto narrowed = static_cast<float>(value);
        std::memcpy(element, &narrowed, sizeof narrowed);
    } else if (dtype == TCONV_F64) {
        std::memcpy(element, &value, sizeof value);
    } else {
        const uint16_t bits = narrow(element_type(dtype), value);
        std::memcpy(element, &bits, sizeof bits);
    }
}

double rounded_to(int32_t dtype, double value) {
    unsigned char element[sizeof(double)];
    store_element(dtype, value, element);
    return load_element(dtype, element);
}

}  // namespace tconv
