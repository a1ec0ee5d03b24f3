// The gather family: the definition of transposed convolution, read over the zero-inserted input.
//
//   y[o] = sum over k of z[o + crop - dilation * k] * w[k],      z[u] = x[u / stride] if stride divides u, else 0
//
// in two dimensions and summed over input channels, in the canonical order (ky, kx, ci; see multiply.h). It is what
// every other family is read against, and the last resort where none of them applies.
#pragma once

#include <vector>

#include "Halide.h"
#include "element.h"

namespace tconv::generators {

struct Gather {
    Halide::ImageParam input;   // (ci, x, y) of one group, any strides
    Halide::ImageParam packed;  // (co, ci, kx, ky)
    Halide::Param<int> channels, channels_before, width, height, kernel_x, kernel_y, stride_x, stride_y, dilation_x,
        dilation_y, crop_x, crop_y, first;
    Halide::Var co, x, y;
    Halide::RDom taps;
    Halide::Func zero_inserted, product, sums;

    explicit Gather(Element element);

    std::vector<Halide::Argument> arguments() const;
};

}  // namespace tconv::generators
