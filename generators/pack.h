// Weight packing: one lane block of the filter, in the order in which the multiply loops read it, padded with zeros.
//
//   packed[lane, ci, t, u] = filter[co, ci, kx, ky],
//   first_lane + lane = (phase_y * phases_x + phase_x) * out_channels + co
//
// Without merged phases along x (phases_x == 1) t is kx itself. With merged phases those of the axis lie side by side in
// the lanes, t counts input columns from the right, and kx is the tap that brings column `nearest - t` to output phase
// `phase_x`: dilation * kx = phase_x - stride * (nearest - t). The same for u, ky and rows. Lanes whose phase has no such
// tap hold zero, and so do channels past the last, which fill a panel.
#pragma once

#include <string>
#include <vector>

#include "Halide.h"
#include "element.h"

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

// The way back, for gradients of the filter without merged phases: one lane block of `splits` partial sums, added in
// their order and stored where the filter's view has them.
//
//   filter[lane, ci, kx, ky] = sum over s of partial[lane, ci, kx, ky, s]
struct Unpack {
    Halide::ImageParam partial;
    Halide::Param<int> splits;
    Halide::Var lane, ci, kx, ky;
    Halide::RDom split;
    Halide::Func total, filter;

    explicit Unpack(Element element);

    std::vector<Halide::Argument> arguments() const;
};

}  // namespace tconv::generators
