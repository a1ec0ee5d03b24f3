// The element types of tensors as bytes: what the tests and the tconv command make data from and read results with.
// f32 and f64 are the compiler's; f16 (IEEE 754 binary16) and bf16 (the upper half of an f32) are taken apart here,
// since GCC 12 has neither for C++ on 64-bit ARM.
#pragma once

#include <cstdint>

#include "tconv/tconv.h"

namespace tconv {

struct ElementType {
    int32_t bytes;
    int32_t digits;          // bits of the significand, the leading one included
    int32_t least_exponent;  // 2^least_exponent is the smallest normal number
    int32_t end_exponent;    // finite numbers lie below 2^end_exponent

    double epsilon() const;    // from 1 to the next number: an ULP of v is at most epsilon |v|
    double least() const;      // the smallest normal number
    double least_step() const;  // from zero to the next number
    double most() const;       // the largest finite number
};

// dtype is one of f32, f64, f16 and bf16, here and below; the program ends on any other.
const ElementType &element_type(int32_t dtype);

// The type in which kernels multiply, add and activate: f64 for f64, f32 for the others.
int32_t arithmetic_of(int32_t dtype);

// NaN payloads survive as far as they fit; any NaN is stored as a quiet one.
double load_element(int32_t dtype, const void *element);

// Rounds once, to the nearest, ties to even; what rounds beyond the largest number becomes infinity.
void store_element(int32_t dtype, double value, void *element);

// What is read back after storing.
double rounded_to(int32_t dtype, double value);

}  // namespace tconv
