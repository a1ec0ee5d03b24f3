// Data on which a layer's sums are exact in its arithmetic (double for f64, else float), so that kernels are compared
// with == whatever the order of summation, after the one rounding to the storage type; and, for kernels of Winograd's
// families, data of their own on which their transformations are exact too.
#pragma once

#include <cstdint>
#include <vector>

#include "tconv/tconv.h"

namespace tconv::tool {

// The activation maps these data to the result without rounding, or with one correct rounding of an exact value.
bool is_exact(const tconv_spec &spec);

// Integers that are numbers of the layer's type, and small: every partial sum of products stays below 2^19, and with
// bias and residual below 2^20 (f64: 2^49 and 2^50, with products that are no floats; f16: counted in sixteenths, so
// that sums stay below 2^16). Before an activation with a curve all values are scaled by a power of two that brings
// typical sums to a few units, where the curve bends; they stay exact. Floats hold them all, whatever the layer's type.
//
// For Winograd's tiles weights are multiples of the denominators of the transformed filter: along an axis 3 and powers
// of two for phases of two taps, 15 for three. What is transformed is larger than the sums, by up to 2^7, and counted
// in quarters; it stays below 2^24 quarters, since sums of small numbers of either sign are far smaller than their
// bound.
enum class Sums { direct, winograd };

struct ExactData {
    // A valid spec; the same data for the same layer every time.
    explicit ExactData(const tconv_spec &spec, Sums sums = Sums::direct);

    std::vector<float> input;     // [N, C_in, H, W]
    std::vector<float> filter;    // [C_in, C_out/groups, kH, kW]
    std::vector<float> bias;      // [C_out]; zero where the layer has none
    std::vector<float> slope;     // [C_out]
    std::vector<float> residual;  // [N, C_out, out_h, out_w]; empty where the layer has none
};

// splitmix64: the same numbers on every machine.
class Sequence {
public:
    explicit Sequence(uint64_t seed) : state_(seed) {}
    uint64_t next();
    int64_t below(int64_t bound) { return static_cast<int64_t>(next() % static_cast<uint64_t>(bound)); }
    int64_t range(int64_t low, int64_t high) { return low + below(high - low + 1); }

private:
    uint64_t state_;
};

}  // namespace tconv::tool
