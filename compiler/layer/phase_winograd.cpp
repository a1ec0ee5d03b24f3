// Phases by Winograd's minimal filtering: stage the input block once; then, for every phase, transform its tiles, multiply
// matrices point by point, and interpolate the products to sums, which are finished as those of the phase family.
//
// Positions are sets of `stride` outputs instead of quotients, so that every phase begins where the block does. With
// quotients, of which the phases of a layer of 32 outputs each span 33, one tile in nine would hold a single output.
//
// Along an axis of stride 1 and dilation d, sets are of d outputs: each of them, a residue, is a layer of its own, without
// dilation, of the inputs d apart. Their tiles share weights. A task multiplies those of all residues of a row at once,
// for it has more tiles then (of 65 columns with a dilation of 12 each residue has two); rows are one residue's.
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

// Of output `x0` of each set: how many taps it has, and the input of the first, less the position.
struct PhaseTaps {
    Expr taps, offset;
};
PhaseTaps taps_of_output(Statements &body, const AxisParameters &of_layer, const Expr &x0) {
    Expr position = of_layer.crop + x0;
    return {body.let("taps", (of_layer.kernel - 1 - position % of_layer.stride) / of_layer.stride + 1),
            body.let("offset", position / (of_layer.stride * of_layer.dilation))};
}

// The inputs that output `residue` of a set reads lie a dilation apart, from this one on.
struct InputsOfResidue {
    Expr first, count;
};
InputsOfResidue inputs_of_residue(Statements &body, const AxisParameters &of_layer, const Expr &residue) {
    Expr first = body.let("first_input", (of_layer.crop + residue) % of_layer.dilation);
    return {first, body.let("inputs", (of_layer.in - first + of_layer.dilation - 1) / of_layer.dilation)};
}

// Positions whose output `x0` of the set exists.
Expr end_of_output(const AxisParameters &axis, const Expr &x0, const Expr &begin, const Expr &end) {
    return max(begin, min((axis.out - 1 - x0) / axis.stride + 1, end));
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
    PhaseTaps vertical, horizontal;
    Expr x0;                                  // of the first residue
    Expr points_y, points_x, lines, columns;  // of points, and tiles of a residue
    Expr all_columns, count;                  // with those of all residues of the row
    Expr panel, point, products_point;        // distances in scratch
    Expr weights, weights_block;              // address of the first lane block's; distance of lane blocks
};

PhaseTask::StagedTiles PhaseTask::place_tiles(Statements &body, const AxisParameters &layer_h,
                                              const AxisParameters &layer_w, const Expr &residue, int outputs) {
    auto whole_tiles = [&](const Expr &begin, const Expr &end) {
        return begin + (end - begin + outputs - 1) / outputs * outputs;
    };
    StagedTiles staged;
    const InputsOfResidue rows = inputs_of_residue(body, layer_h, residue);
    staged.input = body.let("input_row", address_of(stored, pointers.input, int64(rows.first) * p.at("in_row")));
    staged.row_pitch = int64(p.at("in_row")) * layer_h.dilation;
    staged.column_pitch = int64(p.at("in_col")) * layer_w.dilation;
    staged.first_row = body.let("first_staged_row", row_begin + h.farthest);
    staged.rows = body.let("all_rows", whole_tiles(row_begin, row_end) + h.nearest - staged.first_row);
    staged.above = body.let("rows_above", clamp(-staged.first_row, 0, staged.rows));
    staged.inside = body.let("rows_inside", max(0, min(rows.count - staged.first_row, staged.rows) - staged.above));
    staged.first_column = body.let("first_staged_column", column_begin + w.farthest);
    staged.columns =
        body.let("staged_columns", whole_tiles(column_begin, column_end) + w.nearest - staged.first_column);
    return staged;
}

void PhaseTask::stage_tiles(Statements &body, const AxisParameters &layer_w, const StagedTiles &staged,
                            const Expr &first_panel, const Expr &panels) {
    Expr all_columns = staged.columns * residues;
    body.when(staged.inside > 0, [&](Statements &then) {
        Expr channel = then.let("first_channel", first_panel * p.at("panel_channels"));
        Expr channels = then.let("channels", min(p.at("channels") - channel, panels * p.at("panel_channels")));
        then.loop("residue", residues, [&](Statements &each, const Expr &residue) {
            const InputsOfResidue inputs = inputs_of_residue(each, layer_w, residue);
            Source source;
            source.host =
                each.let("input_column", address_of(stored, staged.input, int64(inputs.first) * p.at("in_col")));
            source.row = staged.row_pitch, source.column = staged.column_pitch;
            Staged block;
            block.at =
                p.at("staged_at") + staged.above * p.at("staged_row") + residue * staged.columns * p.at("staged_minor");
            block.row_begin = staged.first_row + staged.above;
            block.rows = staged.inside;
            block.column_begin = staged.first_column;
            block.columns = staged.columns;
            block.inside_begin = each.let("inside_begin", clamp(-staged.first_column, 0, staged.columns));
            block.inside_end =
                each.let("inside_end", clamp(inputs.count - staged.first_column, block.inside_begin, staged.columns));
            copy_channels(each, source, block, channel, channels, p.at("panel_channels"), block.at);
        });
    });
    auto clear = [&](const Expr &from, const Expr &rows) {
        body.when(rows > 0, [&](Statements &then) {
            then.add(shared.clear.call({{"staged",
                                         {scratch_at(p.at("staged_at") + from * p.at("staged_row")),
                                          {p.at("panel_channels"), all_columns, rows, panels},
                                          {1, p.at("staged_minor"), p.at("staged_row"), p.at("staged_panel")}}}},
                                       {}));
        });
    };
    clear(0, staged.above);
    clear(staged.above + staged.inside, staged.rows - staged.above - staged.inside);
}

PhaseTask::Tiles PhaseTask::tiles_of(Statements &body, const WinogradStages &stages, const AxisParameters &layer_h,
                                     const AxisParameters &layer_w, const Expr &y0, const Expr &row_end_of_phase,
                                     const Expr &x0) {
    Tiles tiles;
    tiles.vertical = taps_of_output(body, layer_h, y0);
    tiles.horizontal = taps_of_output(body, layer_w, x0);
    tiles.x0 = x0;
    Expr taps_y = tiles.vertical.taps, taps_x = tiles.horizontal.taps;
    tiles.points_y = body.let("points_y", stages.points_along(taps_y));
    tiles.points_x = body.let("points_x", stages.points_along(taps_x));
    auto count = [&](const std::string &name, const Expr &taps, const Expr &length) {
        Expr outputs = stages.outputs_along(taps);
        return body.let(name, (length + outputs - 1) / outputs);
    };
    tiles.lines = count("lines", taps_y, row_end_of_phase - row_begin);
    // No residue has more outputs than the first.
    tiles.columns = count("tile_columns", taps_x, end_of_output(w, x0, column_begin, column_end) - column_begin);
    tiles.all_columns = body.let("all_columns", tiles.columns * residues);
    tiles.count = body.let("all_tiles", tiles.lines * tiles.all_columns);
    // Distances are those of a whole block, in every block.
    Expr most = body.let("most_tiles",
                         count("most_lines", taps_y, h.block) * count("most_columns", taps_x, w.block) * residues);
    const int line = numbers_of_line(computed);
    tiles.panel = body.let("tiles_panel", odd_lines(most, line));
    tiles.point = body.let("tiles_point", tiles.panel * p.at("block_panels"));
    tiles.products_point = body.let("products_point", odd_lines((most * p.at("sums_pitch") + line - 1) / line, line));

    Expr r_y = body.let("r_y", (layer_h.crop + y0) % layer_h.stride),
         r_x = body.let("r_x", (layer_w.crop + x0) % layer_w.stride);
    const PhasePoints rows = phase_points(body, stages, layer_h, r_y), row = phase_points(body, stages, layer_w, r_x);
    Expr point = body.let("weights_point", p.at("reduction") * p.at("tile_a"));
    Expr before = rows.before * row.all + tiles.points_y * row.before;
    tiles.weights_block = body.let("weights_block", point * tiles.points_y * tiles.points_x);
    tiles.weights = body.let("phase_weights",
                             address_of(computed, pointers.packed, int64(point) * p.at("lane_blocks") * int64(before)));
    return tiles;
}

void PhaseTask::transform_input(Statements &body, const WinogradStages &stages, const AxisParameters &layer_w,
                                const StagedTiles &staged, const Tiles &tiles, const Expr &first_panel,
                                const Expr &panels) {
    const int line = numbers_of_line(computed);
    Expr first_row = row_begin + tiles.vertical.offset - (tiles.vertical.taps - 1) - staged.first_row;
    body.loop("residue", residues, [&](Statements &each, const Expr &residue) {
        const PhaseTaps horizontal = taps_of_output(each, layer_w, tiles.x0 + residue);
        Expr first_column = column_begin + horizontal.offset - (horizontal.taps - 1) - staged.first_column;
        Expr at = p.at("staged_at") + first_panel * p.at("staged_panel") + first_row * p.at("staged_row") +
                  (first_column + residue * staged.columns) * p.at("staged_minor");
        Expr to = p.at("transformed_at") + residue * tiles.columns * line;
        stages.each(
            each, tiles.vertical.taps, tiles.horizontal.taps,
            [&](Statements &then, const WinogradStages::Transformations &of) {
                then.add(of.input.call(
                    {{"staged", {scratch_at(at), {line, 0, 0, 0}, {1, line, p.at("staged_row"), p.at("staged_panel")}}},
                     {"transformed",
                      {scratch_at(to),
                       {line, tiles.columns, tiles.lines, tiles.points_x, tiles.points_y, panels},
                       {1, line, line * tiles.all_columns, tiles.point, tiles.point * tiles.points_x, tiles.panel}}}},
                    {}));
            });
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
                            const Expr &products, const Expr &y0, const Expr &row_end_of_phase) {
    Expr lanes = unit.blocks * p.at("tile_a"), pitch = p.at("sums_pitch");
    body.loop("residue", residues, [&](Statements &each, const Expr &residue) {
        Expr x0 = each.let("x0", tiles.x0 + residue);
        Expr columns = each.let("columns", end_of_output(w, x0, column_begin, column_end) - column_begin);
        Expr y = h.stride * row_begin + y0, x = w.stride * column_begin + x0;
        Expr output = int64(y) * p.at("out_row") + int64(x) * p.at("out_col") + unit.first_lane;
        const Destination to = destination(each, unit.sums + x0 * sums_phase, output);
        Expr from = products + residue * tiles.columns * pitch;
        each.when(columns > 0, [&](Statements &some) {
            stages.each(some, tiles.vertical.taps, tiles.horizontal.taps,
                        [&](Statements &then, const WinogradStages::Transformations &of) {
                            then.add(of.output.call(
                                {{"products",
                                  {scratch_at(from),
                                   {lanes, 0, 0, 0, 0},
                                   {1, pitch, pitch * tiles.all_columns, tiles.products_point,
                                    tiles.products_point * tiles.points_x}}},
                                 {"sums", {to.host, {lanes, columns, row_end_of_phase - row_begin}, {1, to.m, to.row}}},
                                 {"bias", {scratch_at(unit.first_lane), {0}, {1}}},
                                 {"slope", {scratch_at(p.at("slope_at") + unit.first_lane), {0}, {1}}}},
                                {{"finish", select(p.at("direct") != 0, p.at("finish_kind"), 0)},
                                 {"low", reinterpret<float>(p.at("low_bits"))},
                                 {"high", reinterpret<float>(p.at("high_bits"))}}));
                        });
        });
    });
}

void PhaseTask::build_winograd(Statements &body, const Expr &all_tasks, const WinogradStages &stages) {
    // From here on w and h count sets of outputs, from the first of the layer on.
    const AxisParameters layer_h = h, layer_w = w;
    auto residues_of = [&](const std::string &name, const AxisParameters &axis) {
        return body.let(name, min(axis.dilation, axis.out));
    };
    Expr residue_rows = residues_of("residue_rows", h);
    residues = residues_of("residues", w);
    h.crop = w.crop = 0;
    h.stride = body.let("rows_of_set", h.stride * residue_rows);
    w.stride = body.let("columns_of_set", w.stride * residues);
    h.dilation = w.dilation = h.gcd = w.gcd = 1;
    Expr of_residue = body.let("tasks_of_residue", h.blocks * w.blocks * p.at("unit_tasks"));
    Expr residue_row = body.let("residue_row", all_tasks / of_residue);
    place_task(body, all_tasks % of_residue);
    prepare_lanes(body, shared, p, pointers, 1);
    const StagedTiles staged = place_tiles(body, layer_h, layer_w, residue_row, stages.outputs);
    Expr panels = p.at("panels"), step = p.at("block_panels");
    Expr all_staged = p.at("staged_panels") == panels;
    body.when(all_staged, [&](Statements &then) { stage_tiles(then, layer_w, staged, 0, panels); });
    // The units whose products and sums are kept at once share the transformed input.
    Expr softmax = p.at("softmax") != 0;
    Expr kept = body.let("kept", select(p.at("direct") != 0, p.at("kept_units"), p.at("sums_units")));

    // The sums of one phase, or of all residues of the row, for the units of a chunk.
    auto sum_tiles = [&](Statements &phase, const Tiles &tiles, const Expr &units, const auto &unit_at, const Expr &y0,
                         const Expr &row_end_of_phase) {
        Expr pitch = phase.let("products_unit", tiles.products_point * tiles.points_y * tiles.points_x);
        auto products = [&](const Expr &index) { return p.at("products_at") + index * pitch; };
        phase.loop("channel_block", (panels + step - 1) / step, [&](Statements &block, const Expr &number) {
            Expr first = block.let("first_panel", number * step);
            Expr count = block.let("panel_count", min(step, panels - first));
            block.when(!all_staged, [&](Statements &then) { stage_tiles(then, layer_w, staged, first, count); });
            transform_input(block, stages, layer_w, staged, tiles, select(all_staged, first, 0), count);
            block.loop("unit", units, [&](Statements &inner, const Expr &index) {
                multiply_points(inner, unit_at(inner, index), tiles, products(index), first, count);
            });
        });
        phase.loop("unit", units, [&](Statements &inner, const Expr &index) {
            interpolate(inner, stages, unit_at(inner, index), tiles, products(index), y0, row_end_of_phase);
        });
    };
    auto each_chunk = [&](Statements &rows, const Expr &y0, const Expr &row_end_of_phase) {
        rows.loop("chunk", (unit_count + kept - 1) / kept, [&](Statements &chunk, const Expr &number) {
            Expr first_unit = chunk.let("first_unit", number * kept);
            Expr units = chunk.let("chunk_units", min(kept, unit_count - first_unit));
            auto unit_at = [&](Statements &inner, const Expr &index) {
                Unit unit = unit_of(inner, first_unit + index);
                unit.sums = inner.let("unit_sums", index * sums_unit);
                return unit;
            };
            chunk.loop("x0", min(layer_w.stride, w.out), [&](Statements &each, const Expr &x0) {
                each.when(end_of_output(w, x0, column_begin, column_end) > column_begin, [&](Statements &phase) {
                    const Tiles tiles = tiles_of(phase, stages, layer_h, layer_w, y0, row_end_of_phase, x0);
                    sum_tiles(phase, tiles, units, unit_at, y0, row_end_of_phase);
                });
            });
            chunk.when(!softmax && p.at("direct") == 0, [&](Statements &then) {
                then.loop("unit", units, [&](Statements &inner, const Expr &index) {
                    finish_unit(inner, unit_at(inner, index), row_phase(inner, y0));
                });
            });
        });
    };
    // One row of residues a task, or all phases.
    body.loop("row", min(layer_h.stride, h.out), [&](Statements &rows, const Expr &number) {
        Expr y0 = rows.let("y0", number + residue_row);
        Expr end = rows.let("row_end_of_phase", end_of_output(h, y0, row_begin, row_end));
        rows.when(end > row_begin, [&](Statements &then) {
            each_chunk(then, y0, end);
            then.when(softmax, [&](Statements &all) { finish_units_by_softmax(all, row_phase(all, y0)); });
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
