// Phases by Winograd's minimal filtering: stage the input block once; then, for every phase, transform its tiles, multiply
// matrices point by point, and interpolate the products to sums, which are finished as those of the phase family.
//
// Positions are sets of `stride` outputs instead of quotients, so that every phase begins where the block does. With
// quotients, of which the phases of a layer of 32 outputs each span 33, one tile in nine would hold a single output.
#include "layer_params.h"
#include "phase_task.h"
#include "winograd_stages.h"

namespace tconv::compiler {

using namespace Halide;

namespace {

// As runtime/src/winograd_blocking.cpp: an odd number of cache lines.
Expr odd_lines(const Expr &lines, int line) {
    return (lines + 1 - lines % 2) * line;
}

int numbers_of_line(const Type &computed) {
    return kPanelBytes / computed.bytes();
}

// Phase `x0` of a set of outputs, in terms of the layer's own phases.
PhaseParameters phase_of_output(Statements &body, const AxisParameters &of_layer, const Expr &x0,
                                const PhaseParameters &block) {
    Expr position = of_layer.crop + x0;
    PhaseParameters phase =
        phase_of(body, of_layer, body.let("phase", position % of_layer.stride), block.begin, block.end);
    phase.offset = body.let("offset", phase.offset + position / of_layer.stride);
    phase.begin = block.begin;
    phase.end = block.end;
    return phase;
}

// The packed filter: points of the phases of an axis before phase r, and of all.
struct PhasePoints {
    Expr before, all;
};
PhasePoints phase_points(Statements &body, const WinogradStages &stages, const AxisParameters &axis, const Expr &r) {
    Expr taps = axis.kernel / axis.stride, longer = axis.kernel % axis.stride;
    Expr most = stages.points_along(taps + 1), least = stages.points_along(taps);
    auto first = [&](const Expr &phases) { return min(phases, longer) * most + max(phases - longer, 0) * least; };
    return {body.let("points_before", first(r)), body.let("all_points", first(axis.stride))};
}

}  // namespace

struct PhaseTask::Tiles {
    PhaseParameters vertical, horizontal;
    Expr points_y, points_x, lines, columns, count;  // lines and columns of tiles, both
    Expr panel, point, products_point;               // distances in scratch
    Expr weights, weights_block;                     // address of the first lane block's; distance of lane blocks
};

PhaseTask::StagedTiles PhaseTask::place_tiles(Statements &body, int outputs) {
    const Expr rows_end = row_end, columns_end = column_end;
    auto whole_tiles = [&](const Expr &begin, const Expr &end) {
        return begin + (end - begin + outputs - 1) / outputs * outputs;
    };
    row_end = body.let("tile_row_end", whole_tiles(row_begin, row_end));
    column_end = body.let("tile_column_end", whole_tiles(column_begin, column_end));
    StagedTiles staged;
    staged.source = {pointers.input, p.at("in_row"), p.at("in_col"), 0, h.in, 0, w.in};
    staged.first_row = row_begin + h.farthest;
    staged.rows = body.let("all_rows", row_end + h.nearest - staged.first_row);
    staged.above = body.let("rows_above", clamp(-staged.first_row, 0, staged.rows));
    staged.inside = place_staged(body, staged.source, p.at("staged_at") + staged.above * p.at("staged_row"));
    row_end = rows_end;
    column_end = columns_end;
    return staged;
}

void PhaseTask::stage_tiles(Statements &body, const StagedTiles &staged, const Expr &first_panel, const Expr &panels) {
    body.when(staged.inside.rows > 0, [&](Statements &then) {
        Expr channel = then.let("first_channel", first_panel * p.at("panel_channels"));
        copy_channels(then, staged.source, staged.inside, channel,
                      min(p.at("channels") - channel, panels * p.at("panel_channels")), p.at("panel_channels"),
                      staged.inside.at);
    });
    auto clear = [&](const Expr &from, const Expr &rows) {
        body.when(rows > 0, [&](Statements &then) {
            then.add(shared.clear.call({{"staged",
                                         {scratch_at(p.at("staged_at") + from * p.at("staged_row")),
                                          {p.at("panel_channels"), staged.inside.columns, rows, panels},
                                          {1, p.at("staged_minor"), p.at("staged_row"), p.at("staged_panel")}}}},
                                       {}));
        });
    };
    clear(0, staged.above);
    clear(staged.above + staged.inside.rows, staged.rows - staged.above - staged.inside.rows);
}

PhaseTask::Tiles PhaseTask::tiles_of(Statements &body, const WinogradStages &stages, const AxisParameters &layer_h,
                                     const AxisParameters &layer_w, const PhaseParameters &vertical, const Expr &ry,
                                     const PhaseParameters &horizontal, const Expr &rx) {
    Tiles tiles;
    tiles.vertical = phase_of_output(body, layer_h, ry, vertical);
    tiles.horizontal = phase_of_output(body, layer_w, rx, horizontal);
    Expr taps_y = tiles.vertical.taps, taps_x = tiles.horizontal.taps;
    tiles.points_y = body.let("points_y", stages.points_along(taps_y));
    tiles.points_x = body.let("points_x", stages.points_along(taps_x));
    auto count = [&](const std::string &name, const Expr &taps, const Expr &length) {
        Expr outputs = stages.outputs_along(taps);
        return body.let(name, (length + outputs - 1) / outputs);
    };
    tiles.lines = count("lines", taps_y, vertical.end - vertical.begin);
    tiles.columns = count("tile_columns", taps_x, horizontal.end - horizontal.begin);
    tiles.count = body.let("all_tiles", tiles.lines * tiles.columns);
    // Distances are those of a whole block, in every block.
    Expr most = body.let("most_tiles", count("most_lines", taps_y, h.block) * count("most_columns", taps_x, w.block));
    const int line = numbers_of_line(computed);
    tiles.panel = body.let("tiles_panel", odd_lines(most, line));
    tiles.point = body.let("tiles_point", tiles.panel * p.at("block_panels"));
    tiles.products_point = body.let("products_point", odd_lines((most * p.at("sums_pitch") + line - 1) / line, line));

    Expr r_y = body.let("r_y", (layer_h.crop + ry) % layer_h.stride),
         r_x = body.let("r_x", (layer_w.crop + rx) % layer_w.stride);
    const PhasePoints rows = phase_points(body, stages, layer_h, r_y), row = phase_points(body, stages, layer_w, r_x);
    Expr point = body.let("weights_point", p.at("reduction") * p.at("tile_a"));
    Expr before = rows.before * row.all + tiles.points_y * row.before;
    tiles.weights_block = body.let("weights_block", point * tiles.points_y * tiles.points_x);
    tiles.weights = body.let("phase_weights",
                             address_of(computed, pointers.packed, int64(point) * p.at("lane_blocks") * int64(before)));
    return tiles;
}

void PhaseTask::transform_input(Statements &body, const WinogradStages &stages, const StagedTiles &staged,
                                const Tiles &tiles, const Expr &first_panel, const Expr &panels) {
    const int line = numbers_of_line(computed);
    auto first = [](const PhaseParameters &phase, const Expr &staged_begin) {
        return phase.begin + phase.offset - (phase.taps - 1) - staged_begin;
    };
    Expr at = p.at("staged_at") + first_panel * p.at("staged_panel") +
              first(tiles.vertical, staged.first_row) * p.at("staged_row") +
              first(tiles.horizontal, staged.inside.column_begin) * p.at("staged_minor");
    stages.each(
        body, tiles.vertical.taps, tiles.horizontal.taps,
        [&](Statements &then, const WinogradStages::Transformations &of) {
            then.add(of.input.call(
                {{"staged", {scratch_at(at), {line, 0, 0, 0}, {1, line, p.at("staged_row"), p.at("staged_panel")}}},
                 {"transformed",
                  {scratch_at(p.at("transformed_at")),
                   {line, tiles.columns, tiles.lines, tiles.points_x, tiles.points_y, panels},
                   {1, line, line * tiles.columns, tiles.point, tiles.point * tiles.points_x, tiles.panel}}}},
                {}));
        });
}

void PhaseTask::multiply_points(Statements &body, const Unit &unit, const Tiles &tiles, const Expr &products,
                                const Expr &first_panel, const Expr &panels) {
    Expr width = p.at("tile_a"), channels = p.at("panel_channels");
    Expr weights = body.let("unit_weights", address_of(computed, tiles.weights,
                                                       int64(tiles.weights_block) * int64(unit.first_block) +
                                                           first_panel * channels * width));
    body.loop("point", tiles.points_y * tiles.points_x, [&](Statements &each, const Expr &point) {
        const TileRow row = {{"staged", scratch_at(p.at("transformed_at") + point * tiles.point)},
                             {"packed", address_of(computed, weights, point * p.at("reduction") * width)},
                             {"sums", scratch_at(products + point * tiles.products_point)},
                             {"bias", scratch_at(0)},
                             {"slope", scratch_at(0)},
                             {"ahead", address_of(computed, weights, (point + 1) * p.at("reduction") * width)},
                             {"ahead_bytes", panels * channels * width * computed.bytes() - 64},
                             {"columns", tiles.count},
                             {"rows", 1},
                             {"blocks", unit.blocks},
                             {"staged_minor", numbers_of_line(computed)},
                             {"staged_row", 0},
                             {"staged_panel", tiles.panel},
                             {"tap", 0},
                             {"row_of_taps", 0},
                             {"packed_block", tiles.weights_block},
                             {"sums_a", 1},
                             {"sums_m", p.at("sums_pitch")},
                             {"sums_row", 0},
                             {"sums_block", width},
                             {"lanes", width},
                             {"panel_channels", channels},
                             {"panels", panels},
                             {"finish", 0},
                             {"low", p.at("low_bits")},
                             {"high", p.at("high_bits")},
                             {"taps_x", 1},
                             {"taps_y", 1},
                             {"offset_x", 0},
                             {"offset_y", 0},
                             {"step_x", 1},
                             {"step_y", 1},
                             {"rows_staged", 1},
                             {"first", first_panel == 0}};
        Expr single = p.at("channel_step") == 1;
        each.when(single, [&](Statements &then) { form.multiply_row(then, p, 1, row); });
        each.when(!single, [&](Statements &then) { form.multiply_row(then, p, 2, row); });
    });
}

void PhaseTask::interpolate(Statements &body, const WinogradStages &stages, const Unit &unit, const Tiles &tiles,
                            const Expr &products, const Destination &to) {
    Expr lanes = unit.blocks * p.at("tile_a"), pitch = p.at("sums_pitch");
    stages.each(
        body, tiles.vertical.taps, tiles.horizontal.taps,
        [&](Statements &then, const WinogradStages::Transformations &of) {
            then.add(of.output.call(
                {{"products",
                  {scratch_at(products),
                   {lanes, 0, 0, 0, 0},
                   {1, pitch, pitch * tiles.columns, tiles.products_point, tiles.products_point * tiles.points_x}}},
                 {"sums",
                  {to.host,
                   {lanes, tiles.horizontal.end - tiles.horizontal.begin, tiles.vertical.end - tiles.vertical.begin},
                   {1, to.m, to.row}}},
                 {"bias", {scratch_at(unit.first_lane), {0}, {1}}},
                 {"slope", {scratch_at(p.at("slope_at") + unit.first_lane), {0}, {1}}}},
                {{"finish", select(p.at("direct") != 0, p.at("finish_kind"), 0)},
                 {"low", reinterpret<float>(p.at("low_bits"))},
                 {"high", reinterpret<float>(p.at("high_bits"))}}));
        });
}

// The sums of one phase for the units of a chunk.
void PhaseTask::sum_tiles(Statements &body, const WinogradStages &stages, const StagedTiles &staged, const Tiles &tiles,
                          const Expr &units, const UnitAt &unit_at, const DestinationOf &destination_of) {
    Expr panels = p.at("panels"), step = p.at("block_panels");
    Expr pitch = body.let("products_unit", tiles.products_point * tiles.points_y * tiles.points_x);
    auto products = [&](const Expr &index) { return p.at("products_at") + index * pitch; };
    body.loop("channel_block", (panels + step - 1) / step, [&](Statements &block, const Expr &number) {
        Expr first = block.let("first_panel", number * step);
        Expr count = block.let("panel_count", min(step, panels - first));
        Expr all_staged = p.at("staged_panels") == panels;
        block.when(!all_staged, [&](Statements &then) { stage_tiles(then, staged, first, count); });
        transform_input(block, stages, staged, tiles, select(all_staged, first, 0), count);
        block.loop("unit", units, [&](Statements &inner, const Expr &index) {
            multiply_points(inner, unit_at(inner, index), tiles, products(index), first, count);
        });
    });
    body.loop("unit", units, [&](Statements &inner, const Expr &index) {
        const Unit unit = unit_at(inner, index);
        interpolate(inner, stages, unit, tiles, products(index), destination_of(inner, unit));
    });
}

void PhaseTask::build_winograd(Statements &body, const Expr &task, const WinogradStages &stages) {
    const AxisParameters layer_h = h, layer_w = w;
    h.crop = w.crop = 0;
    place_task(body, task);
    prepare_lanes(body, shared, p, pointers, 1);
    const StagedTiles staged = place_tiles(body, stages.outputs);
    Expr panels = p.at("panels");
    body.when(p.at("staged_panels") == panels, [&](Statements &then) { stage_tiles(then, staged, 0, panels); });
    // The units whose products and sums are kept at once share the transformed input.
    Expr softmax = p.at("softmax") != 0;
    Expr kept = body.let("kept", select(p.at("direct") != 0, p.at("kept_units"), p.at("sums_units")));

    auto each_chunk = [&](Statements &rows, const Expr &ry, const PhaseParameters &vertical) {
        rows.loop("chunk", (unit_count + kept - 1) / kept, [&](Statements &chunk, const Expr &number) {
            Expr first_unit = chunk.let("first_unit", number * kept);
            Expr units = chunk.let("chunk_units", min(kept, unit_count - first_unit));
            auto unit_at = [&](Statements &inner, const Expr &index) {
                Unit unit = unit_of(inner, first_unit + index);
                unit.sums = inner.let("unit_sums", index * sums_unit);
                return unit;
            };
            each_pass(chunk, "rx", w, 1, column_begin, column_end,
                      [&](Statements &each, const Expr &rx, const PhaseParameters &horizontal) {
                          auto destination_of = [&](Statements &inner, const Unit &unit) {
                              Expr y = h.stride * vertical.begin + ry, x = w.stride * horizontal.begin + rx;
                              Expr output = int64(y) * p.at("out_row") + int64(x) * p.at("out_col") + unit.first_lane;
                              return destination(inner, unit.sums + rx * sums_phase, output);
                          };
                          each.when(horizontal.end > horizontal.begin, [&](Statements &phase) {
                              const Tiles tiles =
                                  tiles_of(phase, stages, layer_h, layer_w, vertical, ry, horizontal, rx);
                              sum_tiles(phase, stages, staged, tiles, units, unit_at, destination_of);
                          });
                      });
            chunk.when(!softmax && p.at("direct") == 0, [&](Statements &then) {
                then.loop("unit", units, [&](Statements &inner, const Expr &index) {
                    finish_unit(inner, unit_at(inner, index), row_phase(inner, ry));
                });
            });
        });
    };
    each_pass(body, "ry", h, 1, row_begin, row_end,
              [&](Statements &rows, const Expr &ry, const PhaseParameters &vertical) {
                  rows.when(vertical.end > vertical.begin, [&](Statements &then) {
                      each_chunk(then, ry, vertical);
                      then.when(softmax, [&](Statements &all) { finish_units_by_softmax(all, row_phase(all, ry)); });
                  });
              });
}

LayerBuilder winograd_layer(const SharedStages &shared, const PhaseForm &form, const WinogradStages &stages) {
    return [&shared, form, &stages](Statements &body, const Parameters &p, const Expr &task, const Pointers &pointers) {
        PhaseTask(shared, form, p, pointers).build_winograd(body, task, stages);
    };
}

void pack_winograd_filter(Statements &body, const Parameters &p, const WinogradStages &stages, const Expr &filter,
                          const Expr &packed) {
    const AxisParameters h(p, "h"), w(p, "w");
    const Expr width = p.at("tile_a"), reduction = p.at("reduction");
    Expr point = body.let("point", reduction * width);
    auto taps_of = [](const AxisParameters &axis, const Expr &r) { return (axis.kernel - 1 - r) / axis.stride + 1; };
    body.loop("ry", h.stride, [&](Statements &rows, const Expr &ry) {
        rows.loop("rx", w.stride, [&](Statements &each, const Expr &rx) {
            Expr taps_y = each.let("taps_y", taps_of(h, ry)), taps_x = each.let("taps_x", taps_of(w, rx));
            Expr points_y = stages.points_along(taps_y), points_x = stages.points_along(taps_x);
            const PhasePoints all_rows = phase_points(each, stages, h, ry), row = phase_points(each, stages, w, rx);
            Expr before = all_rows.before * row.all + points_y * row.before;
            Expr phase = each.let("phase_weights", address_of(stages.computed, packed,
                                                              int64(point) * p.at("lane_blocks") * int64(before)));
            each.loop("lane_block", p.at("lane_blocks"), [&](Statements &inner, const Expr &number) {
                Expr to = address_of(stages.computed, phase, int64(point) * int64(points_y * points_x * number));
                stages.each(inner, taps_y, taps_x, [&](Statements &then, const WinogradStages::Transformations &of) {
                    then.add(of.filter.call(
                        {{"filter",
                          {filter,
                           {0, 0, 0, 0},
                           {p.at("filter_co"), p.at("filter_ci"), p.at("filter_kx"), p.at("filter_ky")}}},
                         {"packed", {to, {width, reduction, points_x, points_y}, {1, width, point, point * points_x}}}},
                        {{"out_channels", p.at("outputs")},
                         {"first_lane", number * width},
                         {"channels", p.at("channels")},
                         {"first_x", rx},
                         {"step_x", w.stride},
                         {"first_y", ry},
                         {"step_y", h.stride}}));
                });
            });
        });
    });
}

}  // namespace tconv::compiler
