#include "position_sums.h"

namespace tconv::generators {

using namespace Halide;

PositionSums::PositionSums(Element element, bool planar, int vector)
    : gradient(stored_type(element), 3, "gradient"),
      columns("columns"),
      rows("rows"),
      c("c"),
      v("v"),
      positions(0, columns, 0, rows, "positions"),
      vectors(0, columns / vector, 0, rows, "vectors"),
      lanes(0, vector, "lanes"),
      rest(0, columns % vector, 0, rows, "rest"),
      partial("partial"),
      sums("sums"),
      planar(planar) {
    Expr zero = cast(computed_type(element), 0);
    sums(c) = undef(computed_type(element));
    if (planar) {
        partial(v, c) = zero;
        partial(v, c) += computed(element, gradient(c, vectors.x * vector + v, vectors.y));
        sums(c) += partial(lanes, c);
        sums(c) += computed(element, gradient(c, columns / vector * vector + rest.x, rest.y));
    } else {
        partial(c) = zero;
        partial(c) += computed(element, gradient(c, positions.x, positions.y));
        sums(c) += partial(c);
    }
}

std::vector<Argument> PositionSums::arguments() const {
    return {gradient, columns, rows};
}

}  // namespace tconv::generators
