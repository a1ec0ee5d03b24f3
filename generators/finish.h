// What follows the sums: bias, activation, residual, softmax, and the store into the output view.
//
// All work on a box of one phase: `a` lane (output channel), `m` pixel along the row, `row`. Boxes are addressed by
// strides, so that the same code serves every layout, view and phase. `bias` and `slope` are per lane. Sums, bias, slope
// and statistics are computed numbers (element.h), output and residual stored ones.
#pragma once

#include <optional>
#include <vector>

#include "Halide.h"
#include "activation.h"
#include "element.h"
#include "transpose.h"

namespace tconv::generators {

// The common case in one pass: output[a, m, row] = piecewise_linear(sums + bias).
struct Finish {
    // How much of it a layer needs; each case gets its own loop.
    enum Kind { copy = 0, bias_only = 1, general = 2 };

    Halide::ImageParam sums, bias, slope;
    Halide::Param<int> kind;
    Halide::Param<float> low, high;
    Halide::Var a, m, row;
    Halide::Func output;

    explicit Finish(Element element);

    std::vector<Halide::Argument> arguments() const;
};

// The same for channel lanes and an output whose rows are contiguous: output[x, a, row] over all x-phases of a row, so
// that its stores are dense whatever the stride. Output x is column v = x + first of the block's full rows; quotient
// v / stride says where in `sums` its pixel lies, and v % stride in which phase. In `squares` of that edge, transposed in
// registers, only whole ones of columns; the last of channels may lack some.
struct FinishRows {
    Halide::ImageParam sums, bias, slope;  // sums (a, m, phase, row)
    Halide::Param<int> kind, first, stride;
    Halide::Param<uint64_t>
        reciprocal;  // ceil(2^32 / stride): v / stride = v * reciprocal >> 32 while v * stride < 2^32
    Halide::Param<float> low, high;
    Halide::Var a, x, row;
    Halide::Func finished, output;
    std::optional<Transpose> transpose;

    explicit FinishRows(Element element, std::optional<int> squares = std::nullopt);

    std::vector<Halide::Argument> arguments() const;
};

// The same for pixel lanes, whose sums are streams of one x-phase and channel each, and an output that interleaves
// `streams` of them: output[r, j, a, row] is number j of stream r, which is channel a + r % channels of phase r / channels.
// The first of the phases is `first_phase`; the pixels of phases before that one are counted from `carry` on. How many
// streams is a constant, so that vectors of all of them are interleaved in registers: the phases of one channel where rows
// of the output are contiguous, all channels of all phases where its channels are.
struct FinishInterleaved {
    static constexpr int streams_compiled[] = {2, 3, 4, 6, 8};

    Halide::ImageParam sums, bias, slope;  // sums (m, phase, a, row)
    Halide::Param<int> kind, channels, stride, first_phase, carry;
    Halide::Param<float> low, high;
    Halide::Var r, j, a, row;
    Halide::Func output;
    int streams;

    FinishInterleaved(Element element, int streams);

    std::vector<Halide::Argument> arguments() const;
};

// sums = activation(sums + bias), in place, for the activations and orders that Finish does not cover.
struct Activate {
    Halide::ImageParam bias, slope;
    Halide::Param<float> alpha, low, high;
    Halide::Var a, m, row;
    Halide::Func sums;

    Activate(Element element, std::optional<Curve> curve);  // none: piecewise_linear

    std::vector<Halide::Argument> arguments() const;
};

// The residual before the activation: sums += residual, in place.
struct AddToSums {
    Halide::ImageParam residual;
    Halide::Var a, m, row;
    Halide::Func sums;

    explicit AddToSums(Element element);

    std::vector<Halide::Argument> arguments() const;
};

// The residual after the activation: output = sums + residual. The output may be the residual itself.
struct AddToOutput {
    Halide::ImageParam sums, residual;
    Halide::Var a, m, row;
    Halide::Func output;

    explicit AddToOutput(Element element);

    std::vector<Halide::Argument> arguments() const;
};

// Softmax in three sweeps over one axis, with the values already in `sums`. `i` is the axis that stays, `r` the one
// that is reduced; sweeps over several boxes accumulate in `peak` and `total`, so an axis may be cut into boxes.
struct SoftmaxPeak {  // peak[i, row] = max(peak, max over r of sums[r, i, row])
    Halide::ImageParam sums;
    Halide::Param<int> length;
    Halide::Var i, row;
    Halide::RDom r;
    Halide::Func peak;

    explicit SoftmaxPeak(Element element);

    std::vector<Halide::Argument> arguments() const;
};

struct SoftmaxExponentiate {  // sums = exp(sums - peak), in place
    Halide::ImageParam peak;
    Halide::Var r, i, row;
    Halide::Func sums;

    explicit SoftmaxExponentiate(Element element);

    std::vector<Halide::Argument> arguments() const;
};

struct SoftmaxTotal {  // total[i, row] += sum over r of sums[r, i, row]
    Halide::ImageParam sums;
    Halide::Param<int> length;
    Halide::Var i, row;
    Halide::RDom r;
    Halide::Func total;

    explicit SoftmaxTotal(Element element);

    std::vector<Halide::Argument> arguments() const;
};

struct SoftmaxScale {  // sums /= total, in place
    Halide::ImageParam total;
    Halide::Var r, i, row;
    Halide::Func sums;

    explicit SoftmaxScale(Element element);

    std::vector<Halide::Argument> arguments() const;
};

// Of a register tile, before it is stored: what only some calls do are branches around it, not selections, and cost the
// others nothing. Updates over once_if() happen where the condition holds, at index 0.
Halide::RDom once_if(const Halide::Expr &condition);

// Bias and activation of the tile product(at), as Finish::Kind `finish` says: lane `a` of a block of `width`.
struct TileFinish {
    const Halide::ImageParam &bias, &slope;
    const Halide::Param<int> &finish;
    const Halide::Param<float> &low, &high;
    int width;
};
void finish_tile(Halide::Func product, const std::vector<Halide::Var> &at, const Halide::Var &a, const Halide::Var &block,
                 const TileFinish &by);

}  // namespace tconv::generators
