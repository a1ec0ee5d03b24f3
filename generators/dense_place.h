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
    Halide::Expr last_x, last_y;  // positions of its phase

    Place(const DensePhases &d, const Halide::Expr &place) {
        const std::vector<Halide::Expr> digits = digits_of(place, {d.tiles_x, d.tiles_y, d.images, d.outputs_x}, d.outputs_y);
        tx = digits[0], ty = digits[1], n = digits[2], px = digits[3], py = digits[4];
        last_x = last(d.out_w, px, d.stride_x), last_y = last(d.out_h, py, d.stride_y);
    }

private:
    static Halide::Expr last(const Halide::Expr &out, const Halide::Expr &p, const Halide::Expr &stride) {
        return Halide::cast<int>(Halide::cast<uint32_t>(out - p - 1) / Halide::cast<uint32_t>(stride));
    }
};

// What a position reads at offset 0, on one axis. Of gradients, those past the last one read what the last does: times the
// advance they might be more than an int32 holds.
inline Halide::Expr at_offset_0(const DensePhases &d, const Halide::Expr &j, const Halide::Expr &last,
                                const Halide::Expr &advance) {
    return d.of == Of::layer ? j : advance * Halide::min(j, last);
}
inline Halide::Expr column_at_0(const DensePhases &d, const Place &place, const Halide::Expr &jx) {
    return at_offset_0(d, jx, place.last_x, d.advance_x);
}
inline Halide::Expr row_at_0(const DensePhases &d, const Place &place, const Halide::Expr &jy) {
    return at_offset_0(d, jy, place.last_y, d.advance_y);
}

// One of its positions, and whether the layer has an output there.
struct Position {
    Halide::Expr jx, jy, exists;

    Position(const DensePhases &d, const Place &place, const Halide::Expr &mx, const Halide::Expr &my, const Halide::Expr &l)
        : jx((place.tx * d.tile.x + mx) * d.tile.lanes_x + l % d.tile.lanes_x),
          jy((place.ty * d.tile.y + my) * d.tile.lanes_y + l / d.tile.lanes_x),
          exists(jx <= place.last_x && jy <= place.last_y) {}
};

// One axis of the input at one tap, for a tile whose first and last position read `begin` and `end` at offset 0.
struct Reach {
    Halide::Expr offset;  // from there to the input index
    Halide::Expr exists, touches, inside;

    Reach(const Halide::ImageParam &phases, const Halide::Expr &p, const Halide::Expr &t, const Halide::Expr &offset_step,
          const Halide::Expr &begin, const Halide::Expr &end, const Halide::Expr &extent)
        : offset(phases(PhaseTable::offset, p) - t * offset_step),
          exists(t < phases(PhaseTable::count, p)),
          touches(end + offset >= 0 && begin + offset < extent),
          inside(begin + offset >= 0 && end + offset < extent) {}
};

struct Reaches {
    Reach x, y;
    Halide::Expr any;  // of the input, by a tap that the tile's phase has

    Reaches(const DensePhases &d, const Place &place, const Halide::Expr &t, const Halide::Expr &s)
        : x(d.phases_x, place.px, t, d.offset_step_x, column_at_0(d, place, place.tx * width(d)),
            column_at_0(d, place, place.tx * width(d) + width(d) - 1), d.input.dim(1).extent()),
          y(d.phases_y, place.py, s, d.offset_step_y, row_at_0(d, place, place.ty * height(d)),
            row_at_0(d, place, place.ty * height(d) + height(d) - 1), d.input.dim(2).extent()),
          any(x.exists && y.exists && x.touches && y.touches) {}

private:
    static int width(const DensePhases &d) { return d.tile.x * d.tile.lanes_x; }
    static int height(const DensePhases &d) { return d.tile.y * d.tile.lanes_y; }
};

// Whether channel `a` is one of the layer's, asked of a whole step.
inline Halide::Expr in_layer(const DensePhases &d, const Halide::Expr &a) {
    return a / d.tile.step * d.tile.step < d.outputs;
}

}  // namespace tconv::generators
