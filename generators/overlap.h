// Overlap-add: outputs as sums of products that were computed input by input.
//
// One multiplication of matrices, input pixels by all taps of all output channels, gives `products`: what each input adds to
// each output it reaches. Output phase (ry, rx) then gathers, from neighbouring inputs, the products of its taps:
//
//   sums[a, m, row] = sum over (jy, jx) of products[a, jx, jy, m + offset_x - jx, row + offset_y - jy]
//
// `a` are output channels of one phase, or those of all x-phases side by side, which are neighbours among the products as
// well. Full taps come first, those that every x-phase has, in ascending (jy, jx); then the one tap more that the first
// phases have where the kernel is no multiple of the stride, in ascending jy.
#pragma once

#include <vector>

#include "Halide.h"
#include "element.h"

namespace tconv::generators {

struct OverlapAdd {
    Halide::ImageParam products;  // (a, tap_x, tap_y, pixel, row)
    // taps_x: of every x-phase; `more`: how many of `a`, from the first on, have one more.
    Halide::Param<int> taps_x, taps_y, more, offset_x, offset_y;
    Halide::Param<int> first_row, end_row;  // rows of products that exist
    Halide::Var a, m, row;
    Halide::RDom full, last;
    Halide::Func total, sums;

    explicit OverlapAdd(Element element);

    std::vector<Halide::Argument> arguments() const;
};

// Products that a strip of rows shares with the next one: kept[m, a] = products[m, a].
struct KeepProducts {
    Halide::ImageParam products;
    Halide::Var m, a;
    Halide::Func kept;

    explicit KeepProducts(Element element);

    std::vector<Halide::Argument> arguments() const { return {products}; }
};

}  // namespace tconv::generators
