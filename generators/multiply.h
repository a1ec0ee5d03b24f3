// The phase family's arithmetic: one phase of a transposed convolution as a dense stride-1 gather.
//
//   sums[a, m, row] (+)= sum over taps (jy, jx) and channels ci of
//                        weight[a, ci, jx, jy] * x[ci, m + offset_x - jx * step_x, row + offset_y - jy * step_y]
//
// Channels are staged in panels that fill a cache line: the pixels of a tile then lie at constant distances, so that one
// register points at all of them. (With a distance that is only known at run time, a tile of 14 pixels took 14 pointers,
// reloaded from the stack for each channel: at most 61 % of the FMA peak.) Few channels would leave most of a line empty;
// the loop that takes one channel a step goes with any distance.
//
// `a` are the outputs that share a pixel (output channels, or channels of several x-phases side by side), `m` the
// pixels of one phase row. Rows that fall outside the staged input are skipped; columns never do, because staging
// surrounds each row with zeros. Sums run over (jy, jx, ci) in that order, one rounding per product (fused where the
// ISA fuses); calls for further blocks of channels add their total to what `sums` holds. This is the canonical order
// that STRICT promises, so all three forms below round alike. Where operands (element.h) are pairs of channels, an operand
// counts as one channel, and how its two products are rounded is the processor's affair.
#pragma once

#include <optional>
#include <vector>

#include "Halide.h"
#include "element.h"

namespace tconv::generators {

// Which index of the accumulator tile lies along the vector lanes; it also fixes the order of the packed weights.
enum class Lanes {
    channels,   // weights [block][ky][kx][ci][lane], x [panel][row][column][ci]: one weight vector, broadcast pixels
    pixels,     // weights [block][ky][kx][ci][out],  x [row][ci][column]: broadcast weights, one pixel vector
    depthwise,  // weights [block][ky][kx][ci][lane], x [block][ci][row][column][lane]: lane by lane, ci of the lane's group
    planes,     // multiply_planes.h
    fragments,  // fragments.h
};

struct Multiply {
    Lanes lanes;
    std::optional<int> pitch;
    int pair;  // channels of an operand, which lie side by side
    Halide::ImageParam staged, packed;
    Halide::Param<int> panel_channels, panels, taps_x, taps_y, offset_x, offset_y, step_x, step_y, rows_staged, first;
    Halide::ImageParam partial;  // `sums` before the call, added to unless the call is the first
    // Vectors of channels may be finished before they are stored, so that `sums` may be the output itself: by `finish`, a
    // Finish::Kind, with bias and slope per lane from the first block's first.
    Halide::ImageParam bias, slope;
    Halide::Param<int> finish;
    Halide::Param<float> low, high;
    // Tile-local index of a lane or output, pixel, row, and block of lanes or outputs.
    Halide::Var a, m, row, block;
    Halide::RDom taps;
    Halide::Func product, sums;

    // `width`: lanes of a block (channels, depthwise) or outputs of a block (pixels). `panel_channels`, those that are
    // used of each panel, are a multiple of `unroll`: that many channels are one step of the inner loop.
    // `pitch`: from one pixel of a panel (channels, depthwise) to the next, where it is known.
    Multiply(Element element, Lanes lanes, int width, std::optional<int> pitch, int unroll);

    std::vector<Halide::Argument> arguments() const;
};

}  // namespace tconv::generators
