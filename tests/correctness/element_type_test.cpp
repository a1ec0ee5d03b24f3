// f16 and bf16 as bytes: every bit pattern against the definition, every rounding decision, and the compiler's own
// types where it has them. All other tests of these types, and the tconv command's, rest on this conversion.
#include "element_type.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <limits>

#include "random.h"

namespace tconv {
namespace {

constexpr int32_t kTypes[] = {TCONV_F32, TCONV_F64, TCONV_F16, TCONV_BF16}, kHalves[] = {TCONV_F16, TCONV_BF16};
constexpr double kInfinity = std::numeric_limits<double>::infinity();

double load(int32_t dtype, uint16_t bits) {
    return load_element(dtype, &bits);
}

uint16_t store(int32_t dtype, double value) {
    uint16_t bits;
    store_element(dtype, value, &bits);
    return bits;
}

uint16_t infinity_of(int32_t dtype) {
    return dtype == TCONV_F16 ? 0x7c00 : 0x7f80;
}

TEST(ElementType, DescribesTheFormats) {
    const ElementType &f32 = element_type(TCONV_F32), &f64 = element_type(TCONV_F64), &f16 = element_type(TCONV_F16),
                      &bf16 = element_type(TCONV_BF16);
    EXPECT_EQ(f32.epsilon(), std::numeric_limits<float>::epsilon());
    EXPECT_EQ(f32.least(), std::numeric_limits<float>::min());
    EXPECT_EQ(f32.least_step(), std::numeric_limits<float>::denorm_min());
    EXPECT_EQ(f32.most(), std::numeric_limits<float>::max());
    EXPECT_EQ(f64.epsilon(), std::numeric_limits<double>::epsilon());
    EXPECT_EQ(f64.least_step(), std::numeric_limits<double>::denorm_min());
    EXPECT_EQ(f64.most(), std::numeric_limits<double>::max());
    EXPECT_EQ(f16.most(), 65504);
    EXPECT_EQ(f16.least_step(), 0x1p-24);
    EXPECT_EQ(bf16.most(), 0x1.fep127);
    EXPECT_EQ(bf16.least_step(), 0x1p-133);
    EXPECT_EQ(arithmetic_of(TCONV_F64), TCONV_F64);
    for (const int32_t dtype : {TCONV_F32, TCONV_F16, TCONV_BF16})
        EXPECT_EQ(arithmetic_of(dtype), TCONV_F32);
    for (const int32_t dtype : kTypes)
        EXPECT_EQ(element_type(dtype).bytes, dtype == TCONV_F64 ? 8 : dtype == TCONV_F32 ? 4 : 2);
}

TEST(ElementType, KnownBits) {
    EXPECT_EQ(load(TCONV_F16, 0x3c00), 1);
    EXPECT_EQ(load(TCONV_F16, 0xc000), -2);
    EXPECT_EQ(load(TCONV_F16, 0x7bff), 65504);
    EXPECT_EQ(load(TCONV_F16, 0x0001), 0x1p-24);
    EXPECT_EQ(load(TCONV_F16, 0x03ff), 0x1p-14 - 0x1p-24);
    EXPECT_EQ(load(TCONV_F16, 0x3555), 0.333251953125);
    EXPECT_EQ(load(TCONV_BF16, 0x3f80), 1);
    EXPECT_EQ(load(TCONV_BF16, 0xc040), -3);
    EXPECT_EQ(load(TCONV_BF16, 0x0001), 0x1p-133);
    EXPECT_EQ(store(TCONV_F16, 1.0 / 3), 0x3555);
    EXPECT_EQ(store(TCONV_BF16, 1.0 / 3), 0x3eab);
    EXPECT_EQ(store(TCONV_F16, 65519.999), 0x7bff);
    EXPECT_EQ(store(TCONV_F16, 65520), 0x7c00) << "half a step beyond the largest is a tie, and that is odd";
    EXPECT_EQ(store(TCONV_F16, -1e300), 0xfc00);
    EXPECT_EQ(store(TCONV_BF16, std::numeric_limits<float>::max()), 0x7f80);
    EXPECT_EQ(store(TCONV_F16, 0x1p-25), 0) << "a tie with zero, which is even";
    EXPECT_EQ(store(TCONV_F16, -0x1.0000000000001p-25), 0x8001);
    EXPECT_EQ(store(TCONV_F16, std::numeric_limits<double>::denorm_min()), 0);
    EXPECT_EQ(store(TCONV_F16, -0.0), 0x8000);
}

TEST(ElementType, EveryPatternIsTheNumberOfItsBits) {
    for (const int32_t dtype : kHalves) {
        const int exponent_bits = dtype == TCONV_F16 ? 5 : 8, fraction_bits = 15 - exponent_bits;
        const int bias = (1 << (exponent_bits - 1)) - 1;
        for (int pattern = 0; pattern < 0x10000; ++pattern) {
            const auto bits = static_cast<uint16_t>(pattern);
            const double value = load(dtype, bits);
            const int field = pattern >> fraction_bits & ((1 << exponent_bits) - 1);
            const double fraction = (pattern & ((1 << fraction_bits) - 1)) * std::exp2(-fraction_bits);
            ASSERT_EQ(std::signbit(value), pattern >= 0x8000) << pattern;
            if (field == (1 << exponent_bits) - 1) {
                ASSERT_EQ(std::isinf(value), fraction == 0) << pattern;
                ASSERT_EQ(std::isnan(value), fraction != 0) << pattern;
            } else {
                const double magnitude = field == 0 ? fraction * std::exp2(1 - bias) : (1 + fraction) * std::exp2(field - bias);
                ASSERT_EQ(std::fabs(value), magnitude) << pattern;
            }
            const auto quiet = static_cast<uint16_t>(std::isnan(value) ? 1 << (fraction_bits - 1) : 0);
            ASSERT_EQ(store(dtype, value), bits | quiet) << pattern << " does not come back";
        }
    }
}

// Between each two neighbours: what lies nearer to one goes there, the middle to the even one.
TEST(ElementType, RoundsToTheNearestTiesToEven) {
    for (const int32_t dtype : kHalves) {
        for (uint16_t below = 0; below + 1 < infinity_of(dtype); ++below) {
            const auto above = static_cast<uint16_t>(below + 1);
            const double middle = (load(dtype, below) + load(dtype, above)) / 2;
            ASSERT_EQ(store(dtype, middle), below % 2 == 0 ? below : above) << below;
            ASSERT_EQ(store(dtype, std::nextafter(middle, 0)), below) << below;
            ASSERT_EQ(store(dtype, std::nextafter(middle, kInfinity)), above) << below;
            ASSERT_EQ(store(dtype, -middle), (below % 2 == 0 ? below : above) | 0x8000) << below;
        }
    }
}

TEST(ElementType, NonFiniteValuesSurvive) {
    for (const int32_t dtype : kTypes) {
        EXPECT_EQ(rounded_to(dtype, kInfinity), kInfinity);
        EXPECT_EQ(rounded_to(dtype, -kInfinity), -kInfinity);
        EXPECT_TRUE(std::isnan(rounded_to(dtype, std::nan("")))) << dtype;
        EXPECT_TRUE(std::isnan(rounded_to(dtype, std::bit_cast<double>(0x7ff8000000000001)))) << "payload below the type's";
        EXPECT_EQ(rounded_to(dtype, element_type(dtype).most()), element_type(dtype).most());
    }
}

#if defined(__FLT16_MANT_DIG__) && defined(__x86_64__)
TEST(ElementType, AgreesWithTheCompilersHalf) {
    testing::Random random(testing::seed_from_environment());
    for (int i = 0; i < 200000; ++i) {
        const double value = std::ldexp(random.unit() * 2 - 1, static_cast<int>(random.range(-30, 18)));
        ASSERT_EQ(store(TCONV_F16, value), std::bit_cast<uint16_t>(static_cast<_Float16>(value))) << value;
    }
}
#endif

// bf16 of a float, as the bit arithmetic that everybody uses: the upper half, after adding just under half of it.
TEST(ElementType, AgreesWithTheUpperHalfOfAFloat) {
    testing::Random random(testing::seed_from_environment());
    for (int i = 0; i < 200000; ++i) {
        const auto bits = static_cast<uint32_t>(random.next());
        const float value = std::bit_cast<float>(bits);
        if (std::isnan(value))
            continue;
        const auto expected = static_cast<uint16_t>((uint64_t{bits} + 0x7fff + (bits >> 16 & 1)) >> 16);
        ASSERT_EQ(store(TCONV_BF16, value), expected) << value;
    }
}

}  // namespace
}  // namespace tconv
