// The conversions of float16 by arithmetic on integers, which stand for instructions where OpenCL has no half: every number of
// float16, and floats around each of them.
#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstdint>

#include "element.h"
#include "element_type.h"

namespace tconv {
namespace {

using generators::Element;

TEST(HalfBits, EveryNumberIsRead) {
    Halide::Var x("x");
    Halide::Func read("read");
    read(x) = generators::computed(Element::f16_bits, Halide::cast<uint16_t>(x));
    const Halide::Buffer<float> all = read.realize({1 << 16});
    for (int i = 0; i < 1 << 16; i++) {
        const auto half = static_cast<uint16_t>(i);
        const double expected = load_element(TCONV_F16, &half), actual = static_cast<double>(all(i));
        ASSERT_TRUE(std::isnan(expected) ? std::isnan(actual) : std::bit_cast<uint64_t>(expected) == std::bit_cast<uint64_t>(actual))
            << i;
    }
}

TEST(HalfBits, EveryNumberAndTheMiddlesBetweenAreRounded) {
    constexpr int kAround = 5;
    Halide::Buffer<float> values(kAround, 1 << 16);
    for (int i = 0; i < 1 << 16; i++) {
        const auto half = static_cast<uint16_t>(i), next = static_cast<uint16_t>(i + 1);
        const auto at = static_cast<float>(load_element(TCONV_F16, &half));
        const auto middle = static_cast<float>((static_cast<double>(at) + load_element(TCONV_F16, &next)) / 2);
        const float around[kAround] = {at, std::nextafter(at, INFINITY), middle, std::nextafter(middle, -INFINITY),
                                       std::nextafter(middle, INFINITY)};
        for (int j = 0; j < kAround; j++)
            values(j, i) = around[j];
    }
    values(0, 0) = 65519.996f, values(1, 0) = 65520, values(2, 0) = -1e30f, values(3, 0) = 1e-30f;
    Halide::Var x("x"), y("y");
    Halide::Func write("write");
    write(x, y) = generators::stored(Element::f16_bits, values(x, y));
    const Halide::Buffer<uint16_t> all = write.realize({kAround, 1 << 16});
    for (int i = 0; i < 1 << 16; i++) {
        for (int j = 0; j < kAround; j++) {
            uint16_t expected;
            store_element(TCONV_F16, static_cast<double>(values(j, i)), &expected);
            if (std::isnan(values(j, i)))
                ASSERT_GT(all(j, i) & 0x7fff, 0x7c00) << values(j, i);
            else
                ASSERT_EQ(all(j, i), expected) << values(j, i);
        }
    }
}

}  // namespace
}  // namespace tconv
