// All phases of a whole layer in one stage, for devices that run thousands of tiles at once: nothing is staged, and a
// tile goes straight from the input view to the output view.
//
//   output[co, o] = finish(sum over taps t of the phase and channels ci of
//                          weight[co, ci, first_tap + t * tap_step] * x[ci, j + offset - t * offset_step])
//
// along each axis, where o = stride * j + p: position j, and p counts the phases from the one of output 0. A small table
// has for each p what runtime/src/geometry.h calls a phase, made on the device by PhaseTable. Sums run over (ty, tx, ci) in
// that order, all channels of a group in one chain: the canonical order of these kernels.
//
// Where a second pass follows that needs the sums as they were computed, of types that are computed in another, kernels of
// their own store them so.
//
// A tile is `a` output channels by x times y positions, or the same spread over lanes: tile_x * lanes_x positions along a
// row, of which neighbouring lanes have neighbouring ones.
#pragma once

#include <vector>

#include "Halide.h"
#include "element.h"
#include "multiply.h"

namespace tconv::generators {

struct DenseTile {
    int a, lanes_a;        // output channels of a block of packed weights, and the lanes that share them
    int x, y;              // positions of one lane
    int lanes_x, lanes_y;  // lanes side by side along the positions; 1 where they lie along the channels
    int step;              // channels of one step of the reduction; it divides channels and outputs of a group
};

struct DensePhases {
    Lanes lanes;
    DenseTile tile;
    Halide::ImageParam input;               // (ci, column, row, image, group), any strides
    Halide::ImageParam packed;              // (lane, ci, kx, ky, block, group)
    Halide::ImageParam phases_x, phases_y;  // (field, p) of PhaseTable
    Halide::ImageParam bias, slope;         // (co, group)
    Halide::ImageParam residual;            // as the output
    Halide::Param<int> channels, outputs, out_w, out_h, stride_x, stride_y, taps_x, taps_y;
    Halide::Param<int> tap_step_x, tap_step_y, offset_step_x, offset_step_y;
    Halide::Param<int> tiles_x, tiles_y, images, outputs_x, outputs_y;  // outputs_x: phases along a row that have any
    Halide::Param<int> has_bias, finish_kind, has_slope, residual_kind;  // Finish::Kind, tconv_residual
    Halide::Param<float> slope_value, low, high;
    // place = (((py * outputs_x + px) * images + n) * tiles_y + ty) * tiles_x + tx, a tile of one phase of one image; in it
    // position jx = (tx * tile.x + mx) * tile.lanes_x + l % tile.lanes_x, and the same for rows.
    Halide::Var a, mx, my, l, place, g;
    Halide::RDom taps, stores;  // of a lane: channels, columns, rows; lanes of positions, of channels; places, blocks
    // The output view is (co, jx, px, jy, py, image, group), of stored numbers or, where so asked, of computed ones; beyond
    // the layer's outputs nothing is stored.
    Halide::Func pixel, sums, finished, output;

    DensePhases(Element element, Lanes lanes, const DenseTile &tile, bool stores_computed);

    std::vector<Halide::Argument> arguments() const;

private:
    void define_pixel(Element element);
    void define_sums(Element element);
    void define_finished(Element element);
    void define_output(Element element, bool stores_computed);
};

// One axis of the table: table[field, p], fields as follows. Phases without a tap have 0 taps.
struct PhaseTable {
    enum Field { count = 0, first_tap = 1, offset = 2, fields = 4 };

    Halide::Param<int> stride, dilation, gcd, inverse, kernel, crop_phase, crop_quotient;
    Halide::Var field, p;
    Halide::Func table;

    PhaseTable();

    std::vector<Halide::Argument> arguments() const;
};

// packed[lane, ci, kx, ky, block, group] = filter[ci, block * tile_a + lane, ky, kx] of the group, zero past its outputs.
struct PackBlocks {
    Halide::ImageParam filter;  // (co, ci, kx, ky, group), from its lowest address on
    Halide::Param<int> outputs;
    Halide::Param<int> flip_co, flip_ci, flip_kx, flip_ky;  // 1 where the view's stride is negative
    Halide::Var lane, ci, kx, ky, block, g;
    Halide::Func packed;

    PackBlocks(Element element, int tile_a);

    std::vector<Halide::Argument> arguments() const;
};

}  // namespace tconv::generators
