// Weight packing: one lane block of the filter, in the order in which the multiply loops read it, padded with zeros.
//
//   packed[lane, ci, t, u] = operand ci (element.h) of filter[co, :, kx, ky],
//   first_lane + lane = (phase_y * phases_x + phase_x) * out_channels + co
//
// Without merged phases along x (phases_x == 1) t is kx itself. With merged phases those of the axis lie side by side in
// the lanes, t counts input columns from the right, and kx is the tap that brings column `nearest - t` to output phase
// `phase_x`: dilation * kx = phase_x - stride * (nearest - t). The same for u, ky and rows. Lanes whose phase has no such
// tap hold zero, and so do channels past the last, which fill a panel.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "Halide.h"
#include "element.h"
#include "transpose.h"

namespace tconv::generators {

// One axis of the filter, by the suffix of its parameters.
struct MergedAxis {
    Halide::Param<int> phases, stride, dilation, kernel, nearest;

    explicit MergedAxis(const std::string &name);
};

struct Pack {
    Halide::ImageParam filter;  // (co, ci, kx, ky), any signed strides
    Halide::Param<int> out_channels, first_lane, channels;
    MergedAxis x, y;
    Halide::Var lane, ci, t, u;
    Halide::Func packed;

    explicit Pack(Element element);

    std::vector<Halide::Argument> arguments() const;
};

// The way back, for gradients of the filter without merged phases: `splits` partial sums of one lane block, added in
// their order and stored where the filter's view has them.
//
//   filter[lane, t, u, v] = sum over s of partial[lane, t, u, v, s]
//
// t, u and v are the other channel and the taps, in the order that suits the view.
struct Unpack {
    Halide::ImageParam partial;
    Halide::Param<int> splits;
    Halide::Var lane, t, u, v;
    Halide::RDom split;
    Halide::Func total, filter;
    std::optional<Transpose> transpose;

    // `edge`: for a view that has t contiguous instead of the lanes, in whole squares of t and lanes that are transposed
    // in registers.
    Unpack(Element element, std::optional<int> edge);

    std::vector<Halide::Argument> arguments() const;
};

}  // namespace tconv::generators
