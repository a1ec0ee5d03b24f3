#include "overlap.h"

namespace tconv::generators {

using namespace Halide;

OverlapAdd::OverlapAdd(Element element)
    : products(computed_type(element), 5, "products"),
      taps_x("taps_x"),
      taps_y("taps_y"),
      more("more"),
      offset_x("offset_x"),
      offset_y("offset_y"),
      first_row("first_row"),
      end_row("end_row"),
      a("a"),
      m("m"),
      row("row"),
      total("total"),
      sums("sums") {
    const Expr zero = cast(computed_type(element), 0);
    auto row_of = [&](const Expr &jy) { return row + offset_y - jy; };
    full = RDom({{0, taps_x}, {0, taps_y}}, "full");
    full.where(row_of(full.y) >= first_row && row_of(full.y) < end_row);
    last = RDom(0, taps_y, "last");
    last.where(more > 0 && row_of(last.x) >= first_row && row_of(last.x) < end_row);
    total(a, m, row) = zero;
    total(a, m, row) += products(a, full.x, full.y, m + offset_x - full.x, row_of(full.y));
    total(a, m, row) += select(a < more, products(a, taps_x, last.x, m + offset_x - taps_x, row_of(last.x)), zero);
    sums(a, m, row) = total(a, m, row);
}

std::vector<Argument> OverlapAdd::arguments() const {
    return {products, taps_x, taps_y, more, offset_x, offset_y, first_row, end_row};
}

KeepProducts::KeepProducts(Element element)
    : products(computed_type(element), 2, "products"), m("m"), a("a"), kept("kept") {
    kept(m, a) = products(m, a);
}

}  // namespace tconv::generators
