// The gradient of the bias: sums[c] += sum over rows y and columns x of gradient[c, x, y]. `vector` columns are summed
// side by side, then with one another, then with those left over: the same order wherever a channel's positions lie.
#pragma once

#include <vector>

#include "Halide.h"
#include "element.h"

namespace tconv::generators {

struct PositionSums {
    Halide::ImageParam gradient;  // (c, x, y), any strides
    Halide::Param<int> columns, rows;
    Halide::Var c, v;
    Halide::RDom vectors, lanes, rest;
    Halide::Func partial, sums;

    PositionSums(Element element, int vector);

    std::vector<Halide::Argument> arguments() const;
};

}  // namespace tconv::generators
