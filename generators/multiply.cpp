#include "multiply.h"

#include "activation.h"

namespace tconv::generators {

using namespace Halide;

Multiply::Multiply(Element element, Lanes lanes, int width, int unroll)
    : lanes(lanes),
      staged(computed_type(element), 3, "staged"),
      packed(computed_type(element), 5, "packed"),
      channels("channels"),
      taps_x("taps_x"),
      taps_y("taps_y"),
      offset_x("offset_x"),
      offset_y("offset_y"),
      step_x("step_x"),
      step_y("step_y"),
      rows_staged("rows_staged"),
      first("first"),
      bias(computed_type(element), 1, "bias"),
      slope(computed_type(element), 1, "slope"),
      last("last"),
      low("low"),
      high("high"),
      a("a"),
      m("m"),
      row("row"),
      block("block"),
      product("product"),
      sums("sums") {
    Expr steps = lanes == Lanes::depthwise ? Expr(1) : channels / unroll;
    taps = RDom(0, unroll, 0, steps, 0, taps_x, 0, taps_y, "taps");
    RVar jx = taps.z, jy = taps.w;
    Expr ci = unroll * taps.y + taps.x;

    Expr staged_row = row + offset_y - jy * step_y;
    taps.where(staged_row >= 0 && staged_row < rows_staged);
    Expr column = m + offset_x - jx * step_x;
    Expr x = lanes == Lanes::channels ? staged(ci, column, staged_row)
             : lanes == Lanes::pixels ? staged(column, ci, staged_row)
                                      : staged(block * width + a, column, staged_row);

    Expr zero = cast(computed_type(element), 0);
    product(a, m, row, block) = zero;
    product(a, m, row, block) += packed(a, ci, jx, jy, block) * x;

    sums(a, m, row, block) = undef(computed_type(element));
    Expr total = select(first != 0, zero, sums(a, m, row, block)) + product(a, m, row, block);
    Expr lane = block * width + a;
    Expr finished = piecewise_linear(total + bias(lane), slope(lane), low, high);
    sums(a, m, row, block) = lanes == Lanes::pixels ? total : select(last != 0, finished, total);
}

std::vector<Argument> Multiply::arguments() const {
    std::vector<Argument> all = {staged,   packed, channels, taps_x,      taps_y, offset_x,
                                 offset_y, step_x, step_y,   rows_staged, first};
    if (lanes != Lanes::pixels) {
        all.insert(all.end(), {bias, slope, last, low, high});
    }
    return all;
}

}  // namespace tconv::generators
