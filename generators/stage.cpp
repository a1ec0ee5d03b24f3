#include "stage.h"

namespace tconv::generators {

using namespace Halide;

Stage::Stage(Element element, bool planar)
    : input(stored_type(element), 3, "input"),
      panel_channels("panel_channels"),
      c("c"),
      x("x"),
      y("y"),
      panel("panel"),
      loaded("loaded"),
      staged("staged") {
    loaded(c, x, y, panel) = computed(element, input(panel * panel_channels + c, x, y));
    if (planar) {
        staged(x, c, y, panel) = loaded(c, x, y, panel);
    } else {
        staged(c, x, y, panel) = loaded(c, x, y, panel);
    }
}

std::vector<Argument> Stage::arguments() const {
    return {input, panel_channels};
}

Clear::Clear(Element element) : minor("minor"), major("major"), row("row"), panel("panel"), staged("staged") {
    staged(minor, major, row, panel) = cast(computed_type(element), 0);
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
