#include "position_sums.h"

namespace tconv::generators {

using namespace Halide;

PositionSums::PositionSums(Element element, int vector)
    : gradient(stored_type(element), 3, "gradient"),
      columns("columns"),
      rows("rows"),
      c("c"),
      v("v"),
      vectors(0, columns / vector, 0, rows, "vectors"),
      lanes(0, vector, "lanes"),
      rest(0, columns % vector, 0, rows, "rest"),
      partial("partial"),
      sums("sums") {
    partial(v, c) = cast(computed_type(element), 0);
    partial(v, c) += computed(element, gradient(c, vectors.x * vector + v, vectors.y));
    sums(c) = undef(computed_type(element));
    sums(c) += partial(lanes, c);
    sums(c) += computed(element, gradient(c, columns / vector * vector + rest.x, rest.y));
}

std::vector<Argument> PositionSums::arguments() const {
    return {gradient, columns, rows};
}

}  // namespace tconv::generators
