#include "stage.h"

namespace tconv::generators {

using namespace Halide;

Stage::Stage(bool planar)
    : input(Float(32), 3, "input"),
      first_column("first_column"),
      width("width"),
      c("c"),
      x("x"),
      y("y"),
      staged("staged") {
    Expr column = x + first_column;
    Expr inside = column >= 0 && column < width;
    // The clamp keeps the address legal where the value is not used.
    Expr value = select(inside, input(c, clamp(column, 0, width - 1), y), 0.0f);
    if (planar) {
        staged(x, c, y) = value;
    } else {
        staged(c, x, y) = value;
    }
}

std::vector<Argument> Stage::arguments() const {
    return {input, first_column, width};
}

Repeat::Repeat() : channels(Float(32), 1, "channels"), channel("channel"), phase("phase"), lanes("lanes") {
    lanes(channel, phase) = channels(channel);
}

std::vector<Argument> Repeat::arguments() const {
    return {channels};
}

Fill::Fill() : value("value"), lane("lane"), lanes("lanes") {
    lanes(lane) = value;
}

std::vector<Argument> Fill::arguments() const {
    return {value};
}

}  // namespace tconv::generators
