// The phase family's arithmetic for groups of few channels, and for kernels as wide as their stride: pixels in the lanes,
// and all x-phases of a row at once.
//
//   sums[r, m, row, a, block] = sum over taps (jy, jx) and channels ci of the group of
//       weight[a, ci, first_tap_r + jx * tap_step, jy, block] * x[m + row_pitch * row + offset_r - jx * step_x - jy * step_y,
//                                                                 ci, group]
//
// A plane, one channel of the staged input with zeros around, is one long line. Either m counts the pixels of a row, or, in
// one row, those of all rows with the margins between them, so that maps narrower than a vector fill vectors too; what
// falls into the margins is computed like all else, and nobody reads it. The x-phases of a pixel are streams r that lie
// side by side, so that a row of sums is a row of the output, and may be it. Sums run over (jy, jx, ci) in that order, the
// canonical one (multiply.h); rows outside the image are zeros here.
//
// Where each phase has one tap, all of the same column, a woven tile has one loop over the channels for all of them: its
// pixels are loaded once for all phases.
#pragma once

#include <vector>

#include "Halide.h"
#include "element.h"

namespace tconv::generators {

struct MultiplyPlanes {
    static constexpr int most_phases = 4;

    struct Phase {  // that a stream is of
        Halide::Param<int> taps, first_tap, offset;

        explicit Phase(int r);
    };

    Halide::ImageParam staged;  // (position, ci, group)
    Halide::ImageParam packed;  // (a, ci, kx, jy, block)
    Halide::Param<int> channels, group_blocks, taps_y, tap_step, step_x, step_y, row_pitch;
    // As Multiply's: sums that are the output are finished before they are stored.
    Halide::ImageParam bias, slope;
    Halide::Param<int> finish;
    Halide::Param<float> low, high;
    std::vector<Phase> phases;
    Halide::Var r, m, row, a, block;
    std::vector<Halide::RDom> taps;      // of each product
    std::vector<Halide::Func> products;  // by stream (r, a, m, row, block), or one of all
    Halide::Func sums;
    bool woven;

    // `streams`: the phases of a row, which are the stride. `width`: outputs of a block. `woven`: every phase of a row has
    // one tap, and all read the pixel that the first one's offset says.
    MultiplyPlanes(Element element, int streams, int width, bool woven);

    std::vector<Halide::Argument> arguments() const;
};

}  // namespace tconv::generators
