// The gradient of the filter's arithmetic: one tap, as the product of two staged blocks summed over their positions.
//
//   sums[a, m, block] += sum over rows y and columns x of wide[block * width + a, x, y] * narrow[m, x, y]
//
// One of the two is the layer's input, the other its output's gradient, shifted by the tap; whichever has more channels
// lies along the lanes. Sums run over (y, x) in that order.
#pragma once

#include <vector>

#include "Halide.h"
#include "element.h"

namespace tconv::generators {

struct Correlate {
    Halide::ImageParam wide, narrow;  // (channel, x, y)
    Halide::Param<int> columns, rows;
    Halide::Var a, m, block;
    Halide::RDom positions;
    Halide::Func product, sums;

    // `width`: lanes of a block. `depthwise`: narrow has the channels of wide, each lane its own, and m is 0.
    Correlate(Element element, int width, bool depthwise);

    std::vector<Halide::Argument> arguments() const;
};

}  // namespace tconv::generators
