// Weight packing: one lane block of the filter, in the order in which the multiply loops read it, padded with zeros.
//
//   packed[lane, ci, t, ky] = filter[co, ci, kx, ky],   first_lane + lane = phase * out_channels + co
//
// Without merged phases (phases == 1) t is kx itself. With merged phases the x-phases of a row lie side by side in
// the lanes, t counts input columns from the right, and kx is the tap that brings column `offset_max - t` to output
// phase `phase`: dilation * kx = phase - stride * (offset_max - t); lanes whose phase has no such tap hold zero,
// and so do channels past the last, which fill a panel.
#pragma once

#include <vector>

#include "Halide.h"
#include "element.h"

namespace tconv::generators {

struct Pack {
    Halide::ImageParam filter;  // (co, ci, kx, ky), any signed strides
    Halide::Param<int> out_channels, phases, stride, dilation, kernel, offset_max, first_lane, channels;
    Halide::Var lane, ci, t, ky;
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
