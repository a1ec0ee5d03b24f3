#include "stage.h"

namespace tconv::generators {

using namespace Halide;

Stage::Stage(bool planar) : input(Float(32), 3, "input"), c("c"), x("x"), y("y"), loaded("loaded"), staged("staged") {
    loaded(c, x, y) = input(c, x, y);
    if (planar) {
        staged(x, c, y) = loaded(c, x, y);
    } else {
        staged(c, x, y) = loaded(c, x, y);
    }
}

std::vector<Argument> Stage::arguments() const {
    return {input};
}

Clear::Clear() : minor("minor"), major("major"), row("row"), staged("staged") {
    staged(minor, major, row) = 0.0f;
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
