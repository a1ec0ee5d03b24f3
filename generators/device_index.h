// Where something lies that one count of many names, on devices: their grids have fewer axes than layers.
#pragma once

#include <vector>

#include "Halide.h"

namespace tconv::generators {

// An index that a table or arithmetic decides, and so unbounded to Halide.
inline Halide::Expr within(const Halide::Expr &index, const Halide::Expr &extent) {
    return Halide::unsafe_promise_clamped(index, 0, extent - 1);
}

// Digits of a count, the first of `sizes` fastest; the last digit is what is left. Unsigned, for which division has no cases.
inline std::vector<Halide::Expr> digits_of(const Halide::Expr &count, const std::vector<Halide::Expr> &sizes,
                                           const Halide::Expr &last) {
    std::vector<Halide::Expr> digits;
    Halide::Expr rest = Halide::cast<uint32_t>(count);
    for (const Halide::Expr &size : sizes) {
        Halide::Expr whole = Halide::cast<uint32_t>(size);
        digits.push_back(within(Halide::cast<int>(rest % whole), size));
        rest = rest / whole;
    }
    digits.push_back(within(Halide::cast<int>(rest), last));
    return digits;
}

// An index of a view that begins at its lowest address: where the stride was negative (`flip` is 1), it counts from the end.
inline Halide::Expr turned(const Halide::Expr &index, const Halide::Expr &extent, const Halide::Param<int> &flip) {
    return Halide::select(flip != 0, extent - 1 - index, index);
}

}  // namespace tconv::generators
