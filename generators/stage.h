// Staging: a block of the input, copied where the multiply loops want it and surrounded by zero columns. What is written
// are operands (element.h), whose index is that of the channel, or of the pair of channels.
#pragma once

#include <optional>
#include <vector>

#include "Halide.h"
#include "element.h"
#include "transpose.h"

namespace tconv::generators {

// staged[c, x, y, panel] = operand panel * panel_channels + c of input[:, x, y], for columns inside the input.
struct Stage {
    Halide::ImageParam input;  // (c, x, y), any strides
    Halide::Param<int> panel_channels;
    Halide::Var c, x, y, panel;
    Halide::Func loaded, staged;
    std::optional<Transpose> transpose;

    // `planar`: staged is stored (x, c, y, panel), as pixel lanes want it, instead of (c, x, y, panel).
    // `squares`: for an input whose contiguous axis is the other one than the copy's, in whole squares of that edge,
    // transposed in registers.
    Stage(Element element, bool planar, std::optional<int> squares = std::nullopt);

    std::vector<Halide::Argument> arguments() const;
};

// Channels of groups, each for all outputs of its group, of which the lanes of a block are some:
//
//   staged[c, x, y, panel] = input[group * channels + panel, x, y],    group = (first_lane + c) / outputs
struct StageGroups {
    Halide::ImageParam input;              // (c, x, y), any strides
    Halide::Param<int> first_lane;         // of the block
    Halide::Param<int> outputs, channels;  // of a group
    Halide::Var c, x, y, panel;
    Halide::Func group_begin;  // the first channel of a lane's group; past the last lane, of the last group
    Halide::Func staged;

    explicit StageGroups(Element element);

    std::vector<Halide::Argument> arguments() const { return {input, first_lane, outputs, channels}; }
};

// The last of an odd number of channels where operands are pairs: staged[c, x, y, panel] = (input[c, x, y], 0).
struct StageUnpaired {
    Halide::ImageParam input;  // (c, x, y), any strides
    Halide::Var c, x, y, panel;
    Halide::Func staged;

    explicit StageUnpaired(Element element);

    std::vector<Halide::Argument> arguments() const { return {input}; }
};

// Zeros for the columns outside: staged[minor, major, row, panel] = 0.
struct Clear {
    Halide::Var minor, major, row, panel;
    Halide::Func staged;

    explicit Clear(Element element);

    std::vector<Halide::Argument> arguments() const { return {}; }
};

// A per-channel vector (bias, slope) repeated for every x-phase, so that it lines up with the lanes of `sums`:
// lanes[channel, phase] = channels[channel].
struct Repeat {
    Halide::ImageParam channels;
    Halide::Var channel, phase;
    Halide::Func lanes;

    explicit Repeat(Element element);

    std::vector<Halide::Argument> arguments() const;
};

// lanes[lane] = value: the stand-in for a bias or slope that the layer does not have.
struct Fill {
    Halide::Param<> value;
    Halide::Var lane;
    Halide::Func lanes;

    explicit Fill(Element element);

    std::vector<Halide::Argument> arguments() const;
};

}  // namespace tconv::generators
