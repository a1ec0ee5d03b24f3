#include "multiply.h"

namespace tconv::generators {

using namespace Halide;

Multiply::Multiply(Lanes lanes, int width)
    : lanes(lanes),
      staged(Float(32), 3, "staged"),
      packed(Float(32), 5, "packed"),
      channels("channels"),
      taps_x("taps_x"),
      taps_y("taps_y"),
      offset_x("offset_x"),
      offset_y("offset_y"),
      step_x("step_x"),
      step_y("step_y"),
      rows_staged("rows_staged"),
      first("first"),
      a("a"),
      m("m"),
      row("row"),
      block("block"),
      product("product"),
      sums("sums") {
    taps = RDom(0, lanes == Lanes::depthwise ? Expr(1) : Expr(channels), 0, taps_x, 0, taps_y, "taps");
    RVar ci = taps.x, jx = taps.y, jy = taps.z;

    Expr staged_row = row + offset_y - jy * step_y;
    taps.where(staged_row >= 0 && staged_row < rows_staged);
    Expr column = m + offset_x - jx * step_x;
    Expr x = lanes == Lanes::channels ? staged(ci, column, staged_row)
             : lanes == Lanes::pixels ? staged(column, ci, staged_row)
                                      : staged(block * width + a, column, staged_row);

    product(a, m, row, block) = 0.0f;
    product(a, m, row, block) += packed(a, ci, jx, jy, block) * x;

    sums(a, m, row, block) = undef<float>();
    sums(a, m, row, block) = select(first != 0, 0.0f, sums(a, m, row, block)) + product(a, m, row, block);
}

std::vector<Argument> Multiply::arguments() const {
    return {staged, packed, channels, taps_x, taps_y, offset_x, offset_y, step_x, step_y, rows_staged, first};
}

}  // namespace tconv::generators
