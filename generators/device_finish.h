// What follows the sums on a device, where it is not part of the tile: activations by polynomial, and softmax. The sums lie
// where the output will, if they are of its type, or in scratch of the same shape.
#pragma once

#include <vector>

#include "Halide.h"
#include "element.h"

namespace tconv::generators {

constexpr int residual_before = 1, residual_after = 2;  // tconv_residual

// output = curve(sums) + residual, element by element.
struct ActivateAll {
    Halide::ImageParam sums, residual;  // (channel, column, row, image), any strides
    Halide::Param<int> channels, columns, rows, images;
    Halide::Param<int> curve_kind, residual_kind;  // Curve; tconv_residual
    Halide::Param<float> alpha;
    Halide::Var element;  // counts all of them; one number, because Halide loses sight of a fused loop's parts
    Halide::RDom all;
    Halide::Func value, output;

    explicit ActivateAll(Element type);

    std::vector<Halide::Argument> arguments() const;
};

// output = softmax of sums along the first axis, + residual.
struct SoftmaxAll {
    Halide::ImageParam sums, residual;  // (reduced axis, the others, image), any strides
    Halide::Param<int> length, columns, rows, images;
    Halide::Param<int> residual_kind;
    Halide::Var position;  // counts all that the reduction leaves
    Halide::RDom peak_at, total_at, each;
    Halide::Func peak, total, output;

    explicit SoftmaxAll(Element type);

    std::vector<Halide::Argument> arguments() const;
};

}  // namespace tconv::generators
