// The classes of shape where transposed convolutions go wrong, each by name.
#pragma once

#include <iosfwd>
#include <vector>

namespace tconv::testing {

struct ShapeClass {
    const char *name, *layer;
};
const std::vector<ShapeClass> &shape_classes();

std::ostream &operator<<(std::ostream &stream, const ShapeClass &shape);  // its layer

}  // namespace tconv::testing
