#include "stage.h"

namespace tconv::generators {

using namespace Halide;

Stage::Stage(Element element, bool planar, std::optional<int> squares)
    : input(stored_type(element), 3, "input"),
      panel_channels("panel_channels"),
      c("c"),
      x("x"),
      y("y"),
      panel("panel"),
      loaded("loaded"),
      staged("staged") {
    loaded(c, x, y, panel) =
        operand(element, panel * panel_channels + c, [&](const Expr &channel) { return input(channel, x, y); });
    if (squares) {
        // Vectors along the axis that the input has contiguous.
        const int edge = *squares;
        Var lane("lane"), vector("vector"), read("read"), written("written");
        Expr along = edge * read + lane, across = edge * written + vector;
        Func square("square");
        square(lane, vector, read, written, y, panel) =
            planar ? loaded(along, across, y, panel) : loaded(across, along, y, panel);
        transpose.emplace(square, std::vector<Var>{read, written, y, panel}, edge);
        const Var &minor = planar ? x : c, &major = planar ? c : x;
        staged(minor, major, y, panel) =
            transposed(*transpose, minor % edge, major % edge, {major / edge, minor / edge, y, panel});
    } else if (planar) {
        staged(x, c, y, panel) = loaded(c, x, y, panel);
    } else {
        staged(c, x, y, panel) = loaded(c, x, y, panel);
    }
}

std::vector<Argument> Stage::arguments() const {
    return {input, panel_channels};
}

StageGroups::StageGroups(Element element)
    : input(stored_type(element), 3, "input"),
      first_lane("first_lane"),
      outputs("outputs"),
      channels("channels"),
      c("c"),
      x("x"),
      y("y"),
      panel("panel"),
      group_begin("group_begin"),
      staged("staged") {
    group_begin(c) = min((first_lane + c) / outputs * channels, input.dim(0).extent() - channels);
    Expr channel = unsafe_promise_clamped(group_begin(c) + panel, 0, input.dim(0).extent() - 1);
    staged(c, x, y, panel) = computed(element, input(channel, x, y));
}

StageUnpaired::StageUnpaired(Element element)
    : input(stored_type(element), 3, "input"), c("c"), x("x"), y("y"), panel("panel"), staged("staged") {
    staged(c, x, y, panel) = cast(operand_type(element), input(c, x, y));
}

Clear::Clear(Element element) : minor("minor"), major("major"), row("row"), panel("panel"), staged("staged") {
    staged(minor, major, row, panel) = cast(operand_type(element), 0);
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
