#include "multiply.h"

#include "finish.h"

namespace tconv::generators {

using namespace Halide;

Multiply::Multiply(Element element, Lanes lanes, int width, std::optional<int> pitch, int unroll)
    : lanes(lanes),
      pitch(pitch),
      pair(channels_of_operand(element)),
      staged(factor_type(element), 4, "staged"),
      packed(factor_type(element), 5, "packed"),
      panel_channels("panel_channels"),
      panels("panels"),
      taps_x("taps_x"),
      taps_y("taps_y"),
      offset_x("offset_x"),
      offset_y("offset_y"),
      step_x("step_x"),
      step_y("step_y"),
      rows_staged("rows_staged"),
      first("first"),
      partial(computed_type(element), 4, "partial"),
      bias(computed_type(element), 1, "bias"),
      slope(computed_type(element), 1, "slope"),
      finish("finish"),
      low("low"),
      high("high"),
      a("a"),
      m("m"),
      row("row"),
      block("block"),
      product("product"),
      sums("sums") {
    Expr one = 1, zero = cast(computed_type(element), 0);
    const bool depthwise = lanes == Lanes::depthwise;
    taps = RDom({{0, pair},
                 {0, unroll},
                 {0, depthwise ? one : panel_channels / unroll},
                 {0, panels},
                 {0, taps_x},
                 {0, taps_y}},
                "taps");
    RVar of_pair = taps[0], panel = taps[3], jx = taps[4], jy = taps[5];
    Expr c = unroll * taps[2] + taps[1];
    Expr ci = depthwise ? Expr(panel) : panel * panel_channels + c;

    Expr staged_row = row + offset_y - jy * step_y;
    taps.where(staged_row >= 0 && staged_row < rows_staged);
    Expr column = m + offset_x - jx * step_x;
    Expr x = lanes == Lanes::channels ? staged(pair * c + of_pair, column, staged_row, panel)
             : lanes == Lanes::pixels ? staged(column, c, staged_row, panel)
                                      : staged(a, column, staged_row, block * panels + panel);

    product(a, m, row, block) = zero;
    product(a, m, row, block) +=
        cast(computed_type(element), packed(pair * a + of_pair, ci, jx, jy, block)) * cast(computed_type(element), x);

    // Sums that are the output itself are loaded only where they are partial, for they are in no cache yet.
    RDom adding = once_if(first == 0);
    product(a, m, row, block) += partial(a, m + adding.x, row, block);
    if (lanes != Lanes::pixels) {
        finish_tile(product, {a, m, row, block}, a, block, {bias, slope, finish, low, high, width});
    }
    sums(a, m, row, block) = product(a, m, row, block);
}

std::vector<Argument> Multiply::arguments() const {
    std::vector<Argument> all = {staged,   packed, panel_channels, panels,      taps_x, taps_y, offset_x,
                                 offset_y, step_x, step_y,         rows_staged, first,  partial};
    if (lanes != Lanes::pixels) {
        all.insert(all.end(), {bias, slope, finish, low, high});
    }
    return all;
}

}  // namespace tconv::generators
