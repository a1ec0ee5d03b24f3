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
// The gradient of the input is the same of one phase, o = j, whose positions are a stride apart in what it reads:
// x[ci, advance * j + offset - t * offset_step]. In kernels of layers the advance is the number 1: as a variable it took 10 to 30
// registers more, an address for each position.
//
// Where a second pass follows that needs the sums as they were computed, of types that are computed in another, kernels of
// their own store them so.
//
// A tile is `a` output channels by x times y positions, or the same spread over lanes: tile_x * lanes_x positions along a
// row, of which neighbouring lanes have neighbouring ones.
//
// Where lanes hold fragments (fragments.h), tensor cores multiply: the order above is then that of blocks of channels, whose
// products an instruction adds in an order of its own.
#pragma once

#include <functional>
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

enum class Of { layer, input_gradient };

// How fragments are multiplied: by calls that stand for a tensor core's instructions, or with the products written out, for
// interfaces that have no such instructions.
enum class Products { called, written_out };

struct DensePhases {
    Of of;
    Lanes lanes;
    DenseTile tile;
    Halide::ImageParam input;               // (ci, column, row, image, group), any strides
    Halide::ImageParam packed;              // (lane, ci, kx, ky, block, group)
    Halide::ImageParam phases_x, phases_y;  // (field, p) of PhaseTable
    Halide::ImageParam bias, slope;         // (co, group)
    Halide::ImageParam residual;            // as the output
    Halide::Param<int> channels, outputs, out_w, out_h, stride_x, stride_y, taps_x, taps_y;
    Halide::Param<int> tap_step_x, tap_step_y, offset_step_x, offset_step_y;
    Halide::Param<int> advance_x, advance_y;  // of gradients
    Halide::Param<int> tiles_x, tiles_y, images, outputs_x, outputs_y;  // outputs_x: phases along a row that have any
    Halide::Param<int> has_bias, finish_kind, has_slope, residual_kind;  // Finish::Kind, tconv_residual
    Halide::Param<float> slope_value, low, high;
    // place = (((py * outputs_x + px) * images + n) * tiles_y + ty) * tiles_x + tx, a tile of one phase of one image; in it
    // position jx = (tx * tile.x + mx) * tile.lanes_x + l % tile.lanes_x, and the same for rows.
    Halide::Var a, mx, my, l, place, g;
    Halide::RDom taps, stores;  // of a lane: channels, columns, rows; lanes of channels, of positions; places, blocks
    // The output view is (co, jx, px, jy, py, image, group), of stored numbers or, where so asked, of computed ones; beyond
    // the layer's outputs nothing is stored.
    // pixel(c, ..., t, s, edge): what the input holds at tap (t, s) of a position; edge = 0 promises that the tile is inside.
    // Of fragments, `pixel` and `weights` are words that a lane reads, and `fragments` the sums, where they are called.
    // Whether a lane of fragments has outputs of the layer is held by `has_output`, where one answer is for all of them: a condition
    // that reads memory stays with the stores. Any other Halide would put around all that the lane computes, and lanes of
    // fragments have to multiply together.
    Halide::Func pixel, weights, has_tap, fragments, sums, finished, has_output, output;

    DensePhases(Of of, Element element, Lanes lanes, const DenseTile &tile, bool stores_computed, Products products);

    std::vector<Halide::Argument> arguments() const;

private:
    // What `read` gives at tap (t, s) of a position, and zero beside the input.
    using Read = std::function<Halide::Expr(const Halide::Expr &column, const Halide::Expr &row, const Halide::Expr &image)>;
    Halide::Expr at_tap(const Read &read, const Halide::Expr &t, const Halide::Expr &s, const Halide::Expr &edge) const;
    // Where tap (t, s) of a phase lies in the kernel.
    struct Tap {
        Halide::Expr kx, ky;
    };
    Tap tap_of(const Halide::Expr &t, const Halide::Expr &s) const;

    void define_pixel(Element element);
    void define_sums(Element element);
    void define_fragments(Element element, Products products);
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

// What packing reads: a filter's view, from its lowest address on.
struct DeviceFilter {
    Halide::ImageParam filter;  // (co, ci, kx, ky, group), of what is computed: outputs, and channels that are added up
    Halide::Param<int> outputs;
    Halide::Param<int> flip_co, flip_ci, flip_kx, flip_ky, flip_g;  // 1 where the view's stride is negative

    explicit DeviceFilter(Element element);

    // The stored weight, zero past the outputs and channels of a group.
    Halide::Expr at(const Halide::Expr &co, const Halide::Expr &ci, const Halide::Expr &kx, const Halide::Expr &ky,
                    const Halide::Expr &g) const;
    std::vector<Halide::Argument> arguments() const;
};

// A filter as tiles of `tile_a` outputs read it.
struct DevicePack {
    DeviceFilter from;
    Halide::Func packed;
    int row;  // the extent of its first axis
};

// packed[lane, ci, kx, ky, block, group] = filter[ci, block * tile_a + lane, ky, kx] of the group, zero past its outputs.
DevicePack pack_blocks(Element element, int tile_a);

}  // namespace tconv::generators
