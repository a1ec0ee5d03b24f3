// The gradient of the filter's arithmetic: one tap, as the product of two staged blocks summed over their positions.
//
//   sums[a, m, panel, block] (+)= sum over images, rows y and columns x of
//                                 wide[a, x, y, image, block] * narrow[m, x, y, image, panel]
//
// One of the two is the layer's input, the other its output's gradient, shifted by the tap; one lies along the lanes. Both
// are staged in panels, so that a register tile finds its positions side by side: lanes of a block, and of the other as
// many channels as fill whole tiles in a cache line. Sums run over (image, y, x) in that order.
#pragma once

#include <vector>

#include "Halide.h"
#include "element.h"

namespace tconv::generators {

struct Correlate {
    Halide::ImageParam wide, narrow;  // (channel, x, y, image, block or panel)
    Halide::Param<int> columns, rows, images, first;
    Halide::ImageParam partial;  // `sums` before the call, added to unless the call is the first
    Halide::Var a, m, panel, block;
    Halide::RDom positions;
    Halide::Func product, sums;

    // `depthwise`: narrow has the channels of wide, each lane its own; m and panel are 0.
    Correlate(Element element, bool depthwise);

    std::vector<Halide::Argument> arguments() const;
};

}  // namespace tconv::generators
