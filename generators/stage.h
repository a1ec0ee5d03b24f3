// Staging: a block of the input, copied where the multiply loops want it and surrounded by zero columns.
//
//   staged[c, x, y] = input[c, x + first_column, y]   where 0 <= x + first_column < width,   else 0
#pragma once

#include <vector>

#include "Halide.h"

namespace tconv::generators {

struct Stage {
    Halide::ImageParam input;  // (c, x, y), any strides
    Halide::Param<int> first_column, width;
    Halide::Var c, x, y;
    Halide::Func staged;

    // `planar`: staged is stored (x, c, y), as pixel lanes want it, instead of (c, x, y).
    explicit Stage(bool planar);

    std::vector<Halide::Argument> arguments() const;
};

// A per-channel vector (bias, slope) repeated for every x-phase, so that it lines up with the lanes of `sums`:
// lanes[channel, phase] = channels[channel].
struct Repeat {
    Halide::ImageParam channels;
    Halide::Var channel, phase;
    Halide::Func lanes;

    Repeat();

    std::vector<Halide::Argument> arguments() const;
};

// lanes[lane] = value: the stand-in for a bias or slope that the layer does not have.
struct Fill {
    Halide::Param<float> value;
    Halide::Var lane;
    Halide::Func lanes;

    Fill();

    std::vector<Halide::Argument> arguments() const;
};

}  // namespace tconv::generators
