// Winograd's minimal filtering on one phase: m outputs of an axis with r taps from m + r - 1 products instead of m * r.
//
// The tiles are Toom-Cook's (Lavin and Gray, arXiv:1509.09308; Barabasz and others, arXiv:1803.10986): the inputs d of a
// tile and the taps g are evaluated at m + r - 1 points, multiplied there, and the products interpolated,
//     y = A^T ((G g) * (B^T d)),
// in two dimensions once along each axis. A phase without dilation is a dense gather of stride 1, so this is all that a
// transposed convolution needs; phases of one tap along an axis are copied along it. Between the two transformations, for
// each point, stands a multiplication of matrices (channels by outputs), which are the loops of Multiply with one tap.
#pragma once

#include <vector>

#include "Halide.h"
#include "element.h"

namespace tconv::generators {

// F(m, r) of one axis. A single tap has a single output and point.
struct Filtering {
    using Matrix = std::vector<std::vector<double>>;

    int outputs, taps;
    Matrix input, filter, output;      // B^T, G without its denominators, A^T
    std::vector<double> denominators;  // of the rows of G, whose other factors are powers of two

    Filtering(int outputs, int taps);

    int points() const { return outputs + taps - 1; }
};

// More points would make tiles that are off by more, and weights whose exact multiples leave no room in a float.
constexpr int kMostPoints = 6;
constexpr int most_winograd_taps(int outputs) {
    return kMostPoints + 1 - outputs;
}

struct Tile2d {
    Filtering y, x;

    // Tiles of `outputs` along each axis.
    Tile2d(int outputs, int taps_y, int taps_x);
};

// transformed[c, tile, line, point_x, point_y, panel], of tile `tile` of line `line`, from staged[c, x, y, panel] whose
// origin is the first input of tile (0, 0). All `panel` channels are transformed, used or not.
struct WinogradInput {
    Halide::ImageParam staged;
    Halide::Var c, tile, line, point_x, point_y, panel;
    Tile2d form;
    Halide::Func columns, transformed;

    WinogradInput(Element element, const Tile2d &form);

    std::vector<Halide::Argument> arguments() const { return {staged}; }
};

// sums[a, x, y] from products[a, tile, line, point_x, point_y], which may be the output itself: finished as Multiply
// finishes its tiles.
struct WinogradOutput {
    Halide::ImageParam products, bias, slope;
    Halide::Param<int> finish;
    Halide::Param<float> low, high;
    Halide::Var a, x, y;           // lane, position in the block
    Halide::Var i, j, tile, line;  // column and row within a tile, and tiles
    Tile2d form;
    Halide::Func rows, finished, sums;

    WinogradOutput(Element element, const Tile2d &form);

    std::vector<Halide::Argument> arguments() const;
};

// packed[lane, ci, point_x, point_y] of one lane block and phase, from taps first + step * (taps - 1), ..., first: tiles
// read ascending inputs, phases descending ones. Added up in double, where powers of two times weights are exact, and
// only then divided and rounded: weights that are multiples of the common denominators stay exact, and those that cancel
// at a point give 0, where thirds and fifteenths of them left 1e-15.
struct WinogradFilter {
    Halide::ImageParam filter;  // (co, ci, kx, ky), any signed strides
    Halide::Param<int> out_channels, first_lane, channels, first_x, step_x, first_y, step_y;
    Halide::Var lane, ci, tap_x, tap_y, point_x, point_y;
    Tile2d form;
    Halide::Func taps, columns, packed;

    WinogradFilter(Element element, const Tile2d &form);

    std::vector<Halide::Argument> arguments() const;
};

}  // namespace tconv::generators
