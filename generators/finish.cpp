#include "finish.h"

#include "elementary.h"

namespace tconv::generators {

using namespace Halide;

namespace {

Expr finished_sum(const Expr &sum, const Expr &bias, const Expr &slope, const Expr &kind, const Expr &low,
                  const Expr &high) {
    Expr biased = sum + bias;
    return select(kind == Finish::copy, sum, kind == Finish::bias_only, biased,
                  piecewise_linear(biased, slope, low, high));
}

}  // namespace

Finish::Finish(Element element)
    : sums(computed_type(element), 3, "sums"),
      bias(computed_type(element), 1, "bias"),
      slope(computed_type(element), 1, "slope"),
      kind("kind"),
      low("low"),
      high("high"),
      a("a"),
      m("m"),
      row("row"),
      output("output") {
    output(a, m, row) = stored(element, finished_sum(sums(a, m, row), bias(a), slope(a), kind, low, high));
}

std::vector<Argument> Finish::arguments() const {
    return {sums, bias, slope, kind, low, high};
}

RDom once_if(const Expr &condition) {
    RDom once(0, 1, "once");
    once.where(condition);
    return once;
}

void finish_tile(Func product, const std::vector<Var> &at, const Var &a, const Var &block, const TileFinish &by) {
    const auto &[bias, slope, finish, low, high, width] = by;
    RDom biased = once_if(finish >= Finish::bias_only);
    product(at) += bias(block * width + a + biased.x);
    RDom bent = once_if(finish > Finish::bias_only);
    product(at) = piecewise_linear(product(at), slope(block * width + a + bent.x), low, high);
}

FinishRows::FinishRows(Element element, std::optional<int> squares)
    : sums(computed_type(element), 4, "sums"),
      bias(computed_type(element), 1, "bias"),
      slope(computed_type(element), 1, "slope"),
      kind("kind"),
      first("first"),
      stride("stride"),
      reciprocal("reciprocal"),
      low("low"),
      high("high"),
      a("a"),
      x("x"),
      row("row"),
      finished("finished"),
      output("output") {
    Expr column = x + first;
    Expr quotient = cast<int>((cast<uint64_t>(column) * reciprocal) >> 32);
    // Promised, because Halide sees no bounds in the shift; the numbers only have to be large enough.
    quotient = unsafe_promise_clamped(quotient, 0, 1 << 20);
    Expr phase = unsafe_promise_clamped(column - quotient * stride, 0, 1 << 12);
    finished(a, x, row) = finished_sum(sums(a, quotient, phase, row), bias(a), slope(a), kind, low, high);
    if (squares) {
        const int edge = *squares;
        Var lane("lane"), vector("vector"), block_a("block_a"), block_x("block_x");
        Func square("square");
        square(lane, vector, block_a, block_x, row) = finished(edge * block_a + lane, edge * block_x + vector, row);
        transpose.emplace(square, std::vector<Var>{block_a, block_x, row}, edge);
        output(x, a, row) = stored(element, transposed(*transpose, x % edge, a % edge, {a / edge, x / edge, row}));
    } else {
        output(x, a, row) = stored(element, finished(a, x, row));
    }
}

std::vector<Argument> FinishRows::arguments() const {
    return {sums, bias, slope, kind, first, stride, reciprocal, low, high};
}

FinishInterleaved::FinishInterleaved(Element element, int streams)
    : sums(computed_type(element), 4, "sums"),
      bias(computed_type(element), 1, "bias"),
      slope(computed_type(element), 1, "slope"),
      kind("kind"),
      channels("channels"),
      stride("stride"),
      first_phase("first_phase"),
      carry("carry"),
      low("low"),
      high("high"),
      r("r"),
      j("j"),
      a("a"),
      row("row"),
      output("output"),
      streams(streams) {
    Expr phase = r / channels + first_phase, channel = a + r % channels;
    Expr quotient = j + select(phase >= stride, carry, 0);
    phase = select(phase >= stride, phase - stride, phase);
    output(r, j, a, row) = stored(
        element, finished_sum(sums(quotient, phase, channel, row), bias(channel), slope(channel), kind, low, high));
}

std::vector<Argument> FinishInterleaved::arguments() const {
    return {sums, bias, slope, kind, channels, stride, first_phase, carry, low, high};
}

Activate::Activate(Element element, std::optional<Curve> which)
    : bias(computed_type(element), 1, "bias"),
      slope(computed_type(element), 1, "slope"),
      alpha("alpha"),
      low("low"),
      high("high"),
      a("a"),
      m("m"),
      row("row"),
      sums("sums") {
    sums(a, m, row) = undef(computed_type(element));
    Expr biased = sums(a, m, row) + bias(a);
    sums(a, m, row) = which ? curve(*which, biased, alpha) : piecewise_linear(biased, slope(a), low, high);
}

std::vector<Argument> Activate::arguments() const {
    return {bias, slope, alpha, low, high};
}

AddToSums::AddToSums(Element element)
    : residual(stored_type(element), 3, "residual"), a("a"), m("m"), row("row"), sums("sums") {
    sums(a, m, row) = undef(computed_type(element));
    sums(a, m, row) += computed(element, residual(a, m, row));
}

std::vector<Argument> AddToSums::arguments() const {
    return {residual};
}

AddToOutput::AddToOutput(Element element)
    : sums(computed_type(element), 3, "sums"),
      residual(stored_type(element), 3, "residual"),
      a("a"),
      m("m"),
      row("row"),
      output("output") {
    output(a, m, row) = stored(element, sums(a, m, row) + computed(element, residual(a, m, row)));
}

std::vector<Argument> AddToOutput::arguments() const {
    return {sums, residual};
}

SoftmaxPeak::SoftmaxPeak(Element element)
    : sums(computed_type(element), 3, "sums"), length("length"), i("i"), row("row"), r(0, length, "r"), peak("peak") {
    peak(i, row) = undef(computed_type(element));
    Expr value = sums(r, i, row);
    // Written so that a NaN stays once met.
    peak(i, row) = strict_float(select(value > peak(i, row) || value != value, value, peak(i, row)));
}

std::vector<Argument> SoftmaxPeak::arguments() const {
    return {sums, length};
}

SoftmaxExponentiate::SoftmaxExponentiate(Element element)
    : peak(computed_type(element), 2, "peak"), r("r"), i("i"), row("row"), sums("sums") {
    sums(r, i, row) = undef(computed_type(element));
    sums(r, i, row) = strict_float(exponential(sums(r, i, row) - peak(i, row)));
}

std::vector<Argument> SoftmaxExponentiate::arguments() const {
    return {peak};
}

SoftmaxTotal::SoftmaxTotal(Element element)
    : sums(computed_type(element), 3, "sums"), length("length"), i("i"), row("row"), r(0, length, "r"), total("total") {
    total(i, row) = undef(computed_type(element));
    total(i, row) += sums(r, i, row);
}

std::vector<Argument> SoftmaxTotal::arguments() const {
    return {sums, length};
}

SoftmaxScale::SoftmaxScale(Element element)
    : total(computed_type(element), 2, "total"), r("r"), i("i"), row("row"), sums("sums") {
    sums(r, i, row) = undef(computed_type(element));
    sums(r, i, row) = strict_float(sums(r, i, row) / total(i, row));
}

std::vector<Argument> SoftmaxScale::arguments() const {
    return {total};
}

}  // namespace tconv::generators
