#include "correlate.h"

namespace tconv::generators {

using namespace Halide;

Correlate::Correlate(Element element, bool depthwise)
    : wide(computed_type(element), 5, "wide"),
      narrow(computed_type(element), 5, "narrow"),
      columns("columns"),
      rows("rows"),
      images("images"),
      first("first"),
      partial(computed_type(element), 4, "partial"),
      a("a"),
      m("m"),
      panel("panel"),
      block("block"),
      positions({{0, columns}, {0, rows}, {0, images}}, "positions"),
      product("product"),
      sums("sums") {
    RVar x = positions.x, y = positions.y, image = positions.z;
    Expr other = depthwise ? narrow(a, x, y, image, block) : narrow(m, x, y, image, panel);
    product(a, m, panel, block) = cast(computed_type(element), 0);
    product(a, m, panel, block) += wide(a, x, y, image, block) * other;

    // A branch around a tile, not a selection: nothing was stored yet for the first call to load.
    RDom adding(0, 1, "adding");
    adding.where(first == 0);
    product(a, m, panel, block) += partial(a, m + adding.x, panel, block);
    sums(a, m, panel, block) = product(a, m, panel, block);
}

std::vector<Argument> Correlate::arguments() const {
    return {wide, narrow, columns, rows, images, first, partial};
}

}  // namespace tconv::generators
