#include "correlate.h"

namespace tconv::generators {

using namespace Halide;

Correlate::Correlate(Element element, int width, bool depthwise)
    : wide(computed_type(element), 3, "wide"),
      narrow(computed_type(element), 3, "narrow"),
      columns("columns"),
      rows("rows"),
      a("a"),
      m("m"),
      block("block"),
      positions(0, columns, 0, rows, "positions"),
      product("product"),
      sums("sums") {
    RVar x = positions.x, y = positions.y;
    Expr lane = block * width + a;
    product(a, m, block) = cast(computed_type(element), 0);
    product(a, m, block) += wide(lane, x, y) * (depthwise ? narrow(lane, x, y) : narrow(m, x, y));

    sums(a, m, block) = undef(computed_type(element));
    sums(a, m, block) += product(a, m, block);
}

std::vector<Argument> Correlate::arguments() const {
    return {wide, narrow, columns, rows};
}

}  // namespace tconv::generators
