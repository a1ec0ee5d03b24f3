#include "stage.h"

namespace tconv::generators {

using namespace Halide;

Stage::Stage(Element element, bool planar)
    : input(stored_type(element), 3, "input"), c("c"), x("x"), y("y"), loaded("loaded"), staged("staged") {
    loaded(c, x, y) = computed(element, input(c, x, y));
    if (planar) {
        staged(x, c, y) = loaded(c, x, y);
    } else {
        staged(c, x, y) = loaded(c, x, y);
    }
}

std::vector<Argument> Stage::arguments() const {
    return {input};
}

Clear::Clear(Element element) : minor("minor"), major("major"), row("row"), staged("staged") {
    staged(minor, major, row) = cast(computed_type(element), 0);
}

Repeat::Repeat(Element element)
    : channels(stored_type(element), 1, "channels"), channel("channel"), phase("phase"), lanes("lanes") {
    lanes(channel, phase) = computed(element, channels(channel));
}

std::vector<Argument> Repeat::arguments() const {
    return {channels};
}

Fill::Fill(Element element) : value(computed_type(element), "value"), lane("lane"), lanes("lanes") {
    lanes(lane) = value;
}

std::vector<Argument> Fill::arguments() const {
    return {value};
}

}  // namespace tconv::generators
