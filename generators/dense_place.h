// Where a tile of dense_phases.h lies, and what its taps reach.
#pragma once

#include <vector>

#include "dense_phases.h"
#include "device_index.h"

namespace tconv::generators {

// Where a tile lies. (Decoded once into a Func of their own, these numbers would be loads, on which no branch leaves the loop
// over channels.)
struct Place {
    Halide::Expr tx, ty, n, px, py;

    Place(const DensePhases &d, const Halide::Expr &place) {
        const std::vector<Halide::Expr> digits = digits_of(place, {d.tiles_x, d.tiles_y, d.images, d.outputs_x}, d.outputs_y);
        tx = digits[0], ty = digits[1], n = digits[2], px = digits[3], py = digits[4];
    }
};

// One of its positions, and whether the layer has an output there.
struct Position {
    Halide::Expr jx, jy, exists;

    Position(const DensePhases &d, const Place &place, const Halide::Expr &mx, const Halide::Expr &my, const Halide::Expr &l)
        : jx((place.tx * d.tile.x + mx) * d.tile.lanes_x + l % d.tile.lanes_x),
          jy((place.ty * d.tile.y + my) * d.tile.lanes_y + l / d.tile.lanes_x),
          exists(jx <= last(d.out_w, place.px, d.stride_x) && jy <= last(d.out_h, place.py, d.stride_y)) {}

    // The last position of a phase. (A tile reaches past it, where position times stride may be more than an int32 holds.)
    static Halide::Expr last(const Halide::Expr &out, const Halide::Expr &p, const Halide::Expr &stride) {
        return Halide::cast<int>(Halide::cast<uint32_t>(out - p - 1) / Halide::cast<uint32_t>(stride));
    }
};

// One axis of the input at one tap, for a tile that begins at position `tile` and is `size` positions long.
struct Reach {
    Halide::Expr offset;  // from a position to the input index
    Halide::Expr exists, touches, inside;

    Reach(const Halide::ImageParam &phases, const Halide::Expr &p, const Halide::Expr &t, const Halide::Expr &offset_step,
          const Halide::Expr &tile, int size, const Halide::Expr &extent)
        : offset(phases(PhaseTable::offset, p) - t * offset_step),
          exists(t < phases(PhaseTable::count, p)),
          touches(tile + offset > -size && tile + offset < extent),
          inside(tile + offset >= 0 && tile + offset <= extent - size) {}
};

struct Reaches {
    Reach x, y;
    Halide::Expr any;  // of the input, by a tap that the tile's phase has

    Reaches(const DensePhases &d, const Place &place, const Halide::Expr &t, const Halide::Expr &s)
        : x(d.phases_x, place.px, t, d.offset_step_x, place.tx * (d.tile.x * d.tile.lanes_x), d.tile.x * d.tile.lanes_x,
            d.input.dim(1).extent()),
          y(d.phases_y, place.py, s, d.offset_step_y, place.ty * (d.tile.y * d.tile.lanes_y), d.tile.y * d.tile.lanes_y,
            d.input.dim(2).extent()),
          any(x.exists && y.exists && x.touches && y.touches) {}
};

// Whether channel `a` is one of the layer's, asked of a whole step.
inline Halide::Expr in_layer(const DensePhases &d, const Halide::Expr &a) {
    return a / d.tile.step * d.tile.step < d.outputs;
}

}  // namespace tconv::generators
