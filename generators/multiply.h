// The phase family's arithmetic: one phase of a transposed convolution as a dense stride-1 gather.
//
//   sums[a, m, row] (+)= sum over taps (jy, jx) and channels ci of
//                        weight[a, ci, jx, jy] * x[ci, m + offset_x - jx * step_x, row + offset_y - jy * step_y]
//
// `a` are the outputs that share a pixel (output channels, or channels of several x-phases side by side), `m` the
// pixels of one phase row. Rows that fall outside the staged input are skipped; columns never do, because staging
// surrounds each row with zeros. Sums run over (jy, jx, ci) in that order, one rounding per product (fused where the
// ISA fuses); calls for further blocks of channels add their total to what `sums` holds. This is the canonical order
// that STRICT promises, so all three forms below round alike.
#pragma once

#include <vector>

#include "Halide.h"
#include "element.h"

namespace tconv::generators {

// Which index of the accumulator tile lies along the vector lanes; it also fixes the order of the packed weights.
enum class Lanes {
    channels,   // weights [block][ky][kx][ci][lane], x [row][column][channel]: one weight vector, broadcast pixels
    pixels,     // weights [block][ky][kx][ci][out],  x [channel][row][column]: broadcast weights, one pixel vector
    depthwise,  // weights [block][ky][kx][lane],     x [row][column][channel]: lane by lane, groups == channels
};

struct Multiply {
    Lanes lanes;
    Halide::ImageParam staged, packed;
    Halide::Param<int> channels, taps_x, taps_y, offset_x, offset_y, step_x, step_y, rows_staged, first;
    // With `last`, vectors of channels are finished before they are stored, so that `sums` may be the output itself:
    // sums = piecewise_linear(sums + bias, slope, low, high), bias and slope per lane from the first block's first.
    Halide::ImageParam bias, slope;
    Halide::Param<int> last;
    Halide::Param<float> low, high;
    // Tile-local index of a lane or output, pixel, row, and block of lanes or outputs.
    Halide::Var a, m, row, block;
    Halide::RDom taps;
    Halide::Func product, sums;

    // `width`: lanes of a block (channels, depthwise) or outputs of a block (pixels). `channels` is a multiple of
    // `unroll`: that many channels are one step of the inner loop.
    Multiply(Element element, Lanes lanes, int width, int unroll);

    std::vector<Halide::Argument> arguments() const;
};

}  // namespace tconv::generators
