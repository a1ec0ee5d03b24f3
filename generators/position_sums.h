// The gradient of the bias: sums[c] += sum over rows y and columns x of gradient[c, x, y].
#pragma once

#include <vector>

#include "Halide.h"
#include "element.h"

namespace tconv::generators {

struct PositionSums {
    Halide::ImageParam gradient;  // (c, x, y), any strides
    Halide::Param<int> columns, rows;
    Halide::Var c, v;
    Halide::RDom positions, vectors, lanes, rest;
    Halide::Func partial, sums;
    bool planar;

    // `planar`: `vector` columns are summed side by side, then with one another, then with those left over; else the
    // positions of a channel one after the other.
    PositionSums(Element element, bool planar, int vector);

    std::vector<Halide::Argument> arguments() const;
};

}  // namespace tconv::generators
