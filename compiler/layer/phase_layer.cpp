// A task of the phase family: stage the input block once; then, for every row phase and unit of lanes, multiply all
// x-phases and finish them while their sums are in cache.
#include "epilogue.h"
#include "layer_function.h"
#include "phase_axis.h"

namespace tconv::compiler {

using namespace Halide;
using generators::Lanes;

namespace {

class PhaseTask {
public:
    PhaseTask(const SharedStages &shared, const MultiplyTiles &multiply, bool merged, const Parameters &p,
              const Pointers &pointers)
        : shared(shared),
          multiply(multiply),
          merged(merged),
          p(p),
          pointers(pointers),
          h(p, "h"),
          w(p, "w"),
          planar(multiply.lanes == Lanes::pixels),
          depthwise(multiply.lanes == Lanes::depthwise) {}

    void build(Statements &body, const Expr &task);

private:
    const SharedStages &shared;
    const MultiplyTiles &multiply;
    const bool merged;
    const Parameters &p;
    const Pointers &pointers;
    AxisParameters h, w;
    bool planar, depthwise;

    // Of the task: quotients, staged input, units.
    Expr row_begin, row_end, column_begin, column_end, staged_row_begin, staged_rows, staged_column_begin;
    Expr unit_begin, unit_count, first_group;
    // Strides of sums along lane (or output), pixel, row, block, x-phase and unit.
    Expr sums_a, sums_m, sums_row, sums_block, sums_phase, sums_unit;

    struct Unit {
        Expr group, first_block, blocks, first_lane, end_lane, sums;
    };

    void stage_input(Statements &body);
    Unit unit_of(Statements &body, const Expr &index);
    // Where the tiles of one phase are stored: the sums in scratch or, direct, the output.
    struct Destination {
        Expr host, m, row;
    };
    Destination destination(Statements &body, const Expr &sums, const Expr &output);

    void multiply_unit(Statements &body, const Unit &unit, const PhaseParameters &vertical, const Expr &ry);
    void multiply_phase(Statements &body, const Unit &unit, const PhaseParameters &vertical,
                        const PhaseParameters &horizontal, const Expr &taps_pitch, const Destination &to);
    void each_phase_box(Statements &body, const Unit &unit, const PhaseParameters &vertical, const Expr &ry,
                        const std::function<void(Statements &, const Box &)> &visit);
    Expr finish_by_rows(Statements &body, const Unit &unit, const PhaseParameters &vertical, const Expr &ry);
    void each_flat_box(Statements &body, const Unit &unit, const PhaseParameters &vertical, const Expr &ry,
                       const std::function<void(Statements &, const Box &)> &visit);
    Box box_at(Statements &body, const Unit &unit, const PhaseParameters &vertical, const Expr &ry);

    Expr sums_address(const Expr &elements) const {
        return float_address(pointers.scratch, p.at("sums_at") + elements);
    }
};

void PhaseTask::stage_input(Statements &body) {
    staged_row_begin = body.let("staged_row_begin", max(0, row_begin + h.farthest));
    Expr staged_row_end = min(h.in, row_end + h.nearest);
    staged_rows = body.let("staged_rows", max(0, staged_row_end - staged_row_begin));
    staged_column_begin = body.let("staged_column_begin", column_begin + w.farthest);
    Expr columns = body.let("staged_columns", column_end - column_begin + w.nearest - w.farthest);
    Expr inside_begin = body.let("inside_begin", clamp(-staged_column_begin, 0, columns));
    Expr inside_end = body.let("inside_end", clamp(w.in - staged_column_begin, inside_begin, columns));

    Expr last_group = (unit_begin + unit_count - 1) / p.at("group_units");
    Expr first_channel = first_group * p.at("channels");
    Expr channels = (last_group - first_group + 1) * p.at("channels");
    if (depthwise) {  // a unit reads the channels it writes
        first_channel = unit_begin * p.at("unit_blocks") * multiply.width;
        channels = min(p.at("lanes") - first_channel, unit_count * p.at("unit_blocks") * multiply.width);
    }
    // Channels [first, first + count) to a place in scratch; planar with columns innermost.
    auto copy = [&](Statements &then, bool as_planar, const Expr &first, const Expr &count, const Expr &at) {
        Expr minor = p.at("staged_minor");
        auto staged = [&](const Expr &column, const Expr &extent) {
            BufferArgument part = {float_address(pointers.scratch, at + column * (as_planar ? Expr(1) : minor)),
                                   {count, extent, staged_rows},
                                   {1, minor, p.at("staged_row")}};
            if (as_planar) {
                std::swap(part.extent[0], part.extent[1]);
            }
            return part;
        };
        then.when(inside_begin > 0, [&](Statements &left) {
            left.add(shared.clear.call({{"staged", staged(0, inside_begin)}}, {}));
        });
        then.when(inside_end < columns, [&](Statements &right) {
            right.add(shared.clear.call({{"staged", staged(inside_end, columns - inside_end)}}, {}));
        });
        Expr inside = inside_end - inside_begin;
        Expr first_element = int64(first) * p.at("in_c") + int64(staged_row_begin) * p.at("in_row") +
                             int64(staged_column_begin + inside_begin) * p.at("in_col");
        BufferArgument input = {float_address(pointers.input, first_element),
                                {count, inside, staged_rows},
                                {p.at("in_c"), p.at("in_col"), p.at("in_row")}};
        const std::map<std::string, BufferArgument> buffers = {{"input", input},
                                                               {"staged", staged(inside_begin, inside)}};
        Expr other_axis = as_planar ? p.at("in_c") == 1 && p.at("in_col") != 1
                                    : p.at("in_col") == 1 && p.at("in_c") != 1;
        Expr transposed = other_axis && inside >= shared.edge && count >= shared.edge;
        then.when(transposed, [&](Statements &inner) { inner.add(shared.stage_transposed(as_planar).call(buffers, {})); });
        then.when(inside > 0 && !transposed, [&](Statements &inner) { inner.add(shared.stage(as_planar).call(buffers, {})); });
    };
    Expr staged_at = p.at("staged_at"), panels = p.at("panels"), panel = p.at("channel_block");
    body.when(staged_rows > 0, [&](Statements &then) {
        if (planar || depthwise) {
            copy(then, planar, first_channel, channels, staged_at);
            return;
        }
        // A single channel is a plane whatever the layout, and copying it as one moves vectors of columns.
        Expr plane = p.at("staged_minor") == 1;
        then.when(plane, [&](Statements &inner) { copy(inner, true, first_channel, channels, staged_at); });
        then.when(!plane && panels == 1,
                  [&](Statements &inner) { copy(inner, false, first_channel, channels, staged_at); });
        then.when(panels > 1, [&](Statements &inner) {
            inner.loop("panel", (last_group - first_group + 1) * panels, [&](Statements &each, const Expr &index) {
                Expr begin = each.let("panel_begin", (index % panels) * panel);
                copy(each, false, first_channel + (index / panels) * p.at("channels") + begin,
                     min(panel, p.at("channels") - begin), staged_at + index * p.at("staged_panel"));
            });
        });
    });
}

PhaseTask::Unit PhaseTask::unit_of(Statements &body, const Expr &index) {
    Unit unit;
    Expr number = unit_begin + index;
    unit.group = body.let("group", number / p.at("group_units"));
    unit.first_block = body.let("first_block", (number % p.at("group_units")) * p.at("unit_blocks"));
    unit.blocks = body.let("blocks", min(p.at("unit_blocks"), p.at("lane_blocks") - unit.first_block));
    unit.first_lane = body.let("first_lane", unit.first_block * multiply.width);
    unit.end_lane = body.let("end_lane", min(p.at("lanes"), (unit.first_block + unit.blocks) * multiply.width));
    // Softmax keeps the sums of all units of a task; otherwise each unit takes the place of the one before.
    unit.sums = body.let("unit_sums", select(p.at("sums_units") > 1, index * sums_unit, 0));
    return unit;
}

void PhaseTask::multiply_phase(Statements &body, const Unit &unit, const PhaseParameters &vertical,
                               const PhaseParameters &horizontal, const Expr &taps_pitch, const Destination &to) {
    const int width = multiply.width;
    Expr reduction = depthwise ? Expr(1) : p.at("channels");
    // Weights [group][block][ky][t][ci][width]
    Expr tap = body.let("tap_pitch", reduction * width);
    Expr row_of_taps = body.let("row_of_taps", tap * taps_pitch);
    Expr block = int64(row_of_taps) * h.kernel;
    Expr weights = body.let(
        "weights",
        float_address(pointers.packed + cast<uint64_t>(block * 4) *
                                            cast<uint64_t>(unit.group * p.at("lane_blocks") + unit.first_block),
                      vertical.first_tap * row_of_taps + horizontal.first_tap * tap));
    // Staged input, from the first channel this unit reads.
    Expr channel = (unit.group - first_group) * p.at("channels");
    if (depthwise) {
        channel = unit.first_lane - unit_begin * p.at("unit_blocks") * width;
    }
    Expr staged_channel = planar ? p.at("staged_minor") : Expr(1);
    Expr columns = body.let("columns", horizontal.end - horizontal.begin);
    Expr rows = body.let("rows", vertical.end - vertical.begin);

    auto call_tiles = [&](Statements &inner, int unroll, const Expr &ci_begin, const Expr &ci_count) {
        Expr from = (channel + ci_begin) * staged_channel;
        if (!planar && !depthwise) {
            Expr panel = (unit.group - first_group) * p.at("panels") + ci_begin / p.at("channel_block");
            from = select(p.at("panels") > 1, panel * p.at("staged_panel"), from);
        }
        Expr staged = inner.let("staged_host", float_address(pointers.scratch, p.at("staged_at") + from));
        Expr packed = inner.let("packed_host", float_address(weights, ci_begin * width));
        // Tiles of at most the widest, differing by one step: `wide` of them are one step wider than `narrow`.
        const int steps = multiply.widths;
        Expr length = inner.let("length", (columns + multiply.step - 1) / multiply.step);
        Expr tiles = inner.let("tiles", (length + steps - 1) / steps);
        Expr narrow = inner.let("narrow", length / max(tiles, 1));
        Expr wide = inner.let("wide", length % max(tiles, 1));
        for (const auto &[i, tile] : multiply.tiles.at(unroll)) {
            Expr count = inner.let("tile_count", select(narrow + 1 == i, wide, select(narrow == i, tiles - wide, 0)));
            Expr start = inner.let("tile_start", select(narrow == i, wide * (i + 1), 0) * multiply.step);
            inner.when(count > 0, [&](Statements &then) {
                Expr pixels = count * (i * multiply.step);
                BufferArgument x = {staged, {0, 0, 0}, {1, p.at("staged_minor"), p.at("staged_row")}};
                BufferArgument weight = {
                    packed,
                    {width, 0, 0, 0, 0},
                    {1, width, tap * horizontal.tap_step, row_of_taps * vertical.tap_step, row_of_taps * h.kernel}};
                BufferArgument tiles_of_row = {float_address(to.host, start * to.m),
                                               {width, pixels, rows, unit.blocks},
                                               {sums_a, to.m, to.row, sums_block}};
                Expr lane = unit.group * p.at("lanes") + unit.first_lane;
                BufferArgument bias = {float_address(pointers.scratch, lane), {0}, {1}};
                BufferArgument slope = {float_address(pointers.scratch, p.at("slope_at") + lane), {0}, {1}};
                then.add(tile.call(
                    {{"staged", x}, {"packed", weight}, {"sums", tiles_of_row}, {"bias", bias}, {"slope", slope}},
                    {{"channels", ci_count},
                     {"last", p.at("direct") != 0 && ci_begin + ci_count >= reduction},
                     {"low", reinterpret<float>(p.at("low_bits"))},
                     {"high", reinterpret<float>(p.at("high_bits"))},
                     {"taps_x", horizontal.taps},
                     {"taps_y", vertical.taps},
                     {"offset_x", horizontal.begin - staged_column_begin + horizontal.offset + start},
                     {"offset_y", vertical.begin - staged_row_begin + vertical.offset},
                     {"step_x", horizontal.offset_step},
                     {"step_y", vertical.offset_step},
                     {"rows_staged", staged_rows},
                     {"first", ci_begin == 0}}));
            });
        }
    };
    body.when(columns > 0 && rows > 0, [&](Statements &then) {
        if (depthwise) {
            call_tiles(then, 1, 0, 1);
            return;
        }
        Expr step = p.at("channel_block");
        then.loop("channel_block", (reduction + step - 1) / step, [&](Statements &each, const Expr &number) {
            Expr begin = each.let("ci_begin", number * step);
            // Blocks are even, so all but the last have an even number of channels; the last decides for all.
            Expr odd = reduction % 2 != 0, count = min(step, reduction - begin);
            each.when(odd, [&](Statements &inner) { call_tiles(inner, 1, begin, count); });
            each.when(!odd, [&](Statements &inner) { call_tiles(inner, 2, begin, count); });
        });
    });
}

PhaseTask::Destination PhaseTask::destination(Statements &body, const Expr &sums, const Expr &output) {
    Expr direct = p.at("direct") != 0;
    Destination to;
    to.host = body.let("to_host", select(direct, float_address(pointers.output, output), sums_address(sums)));
    to.m = body.let("to_m", select(direct, w.stride * p.at("out_col"), sums_m));
    to.row = body.let("to_row", select(direct, h.stride * p.at("out_row"), sums_row));
    return to;
}

void PhaseTask::multiply_unit(Statements &body, const Unit &unit, const PhaseParameters &vertical, const Expr &ry) {
    Expr y = h.stride * vertical.begin + ry - h.crop;
    auto output_at = [&](const Expr &x) {
        Expr lane = int64(unit.group * p.at("outputs")) * p.at("out_c") + unit.first_lane;
        return int64(y) * p.at("out_row") + int64(x) * p.at("out_col") + lane;
    };
    if (merged) {
        // All x-phases at once: every column between the farthest and the nearest, one step apart.
        PhaseParameters all;
        all.taps = body.let("taps", w.nearest - w.farthest + 1);
        all.first_tap = 0;
        all.tap_step = 1;
        all.offset = w.nearest;
        all.offset_step = 1;
        all.begin = column_begin;
        all.end = column_end;
        multiply_phase(body, unit, vertical, all, all.taps,
                       destination(body, unit.sums, output_at(w.stride * column_begin - w.crop)));
        return;
    }
    body.loop("rx", w.stride, [&](Statements &each, const Expr &rx) {
        PhaseParameters horizontal = phase_of(each, w, rx, column_begin, column_end);
        // All phases of channel lanes count their pixels from column_begin, for finish_by_rows; vectors of pixels must
        // start where their row of sums does.
        Expr phase_sums = unit.sums + rx * sums_phase +
                          (planar ? Expr(0) : (horizontal.begin - column_begin) * sums_m);
        multiply_phase(each, unit, vertical, horizontal, w.kernel,
                       destination(each, phase_sums,
                                   output_at(w.stride * horizontal.begin + rx - w.crop)));
    });
}

Box PhaseTask::box_at(Statements &body, const Unit &unit, const PhaseParameters &vertical, const Expr &ry) {
    Box box;
    box.rows = vertical.end - vertical.begin;
    box.stride_a = sums_a;
    box.stride_m = sums_m;
    box.stride_row = sums_row;
    box.output_m = w.stride * p.at("out_col");
    box.output_row = h.stride * p.at("out_row");
    box.residual_m = w.stride * p.at("res_col");
    box.residual_row = h.stride * p.at("res_row");
    Expr y = body.let("y", h.stride * vertical.begin + ry - h.crop);
    Expr channel = unit.group * p.at("outputs");
    box.output = float_address(pointers.output, int64(y) * p.at("out_row") + int64(channel) * p.at("out_c"));
    box.residual = float_address(pointers.residual, int64(y) * p.at("res_row") + int64(channel) * p.at("res_c"));
    box.peak = box.total = Internal::make_const(UInt(64), 0);
    box.statistic = box.statistic_row = 0;
    return box;
}

// Where rows of the output are contiguous and lanes are channels: all x-phases at once. Returns whether it did; tiny
// boxes, which fill no tile, are left.
Expr PhaseTask::finish_by_rows(Statements &body, const Unit &unit, const PhaseParameters &vertical, const Expr &ry) {
    Expr first = w.stride * column_begin - w.crop;  // output column of quotient column_begin, phase 0
    Expr x_begin = body.let("x_begin", max(0, first));
    Expr length = body.let("row_length", min(w.out, w.stride * column_end - w.crop) - x_begin);
    // v * stride < 2^32, see generators::FinishRows.
    Expr divisible = w.stride < 4096 && w.block < (1 << 20) / (w.stride + 1);
    Expr lanes = body.let("unit_lanes", unit.end_lane - unit.first_lane);
    Expr suited = body.let(
        "by_rows", p.at("rows") != 0 && length >= shared.edge && divisible);
    body.when(suited, [&](Statements &then) {
        Box box = box_at(then, unit, vertical, ry);
        Expr output = box.output + cast<uint64_t>((int64(unit.first_lane) * p.at("out_c") + int64(x_begin)) * 4);
        Expr lane = unit.group * p.at("lanes") + unit.first_lane;
        Expr one = Internal::make_const(UInt(64), 1), stride = cast<uint64_t>(w.stride);
        then.add(shared.finish_rows.call(
            {{"sums", {sums_address(unit.sums), {0, 0, 0, 0}, {1, sums_m, sums_phase, sums_row}}},
             {"output", {output, {length, lanes, box.rows}, {1, p.at("out_c"), box.output_row}}},
             {"bias", {float_address(pointers.scratch, lane), {0}, {1}}},
             {"slope", {float_address(pointers.scratch, p.at("slope_at") + lane), {0}, {1}}}},
            {{"kind", p.at("finish_kind")},
             {"first", x_begin - first},
             {"stride", w.stride},
             {"reciprocal", ((one << 32) + stride - one) / stride},
             {"low", reinterpret<float>(p.at("low_bits"))},
             {"high", reinterpret<float>(p.at("high_bits"))}}));
    });
    return suited;
}

void PhaseTask::each_phase_box(Statements &body, const Unit &unit, const PhaseParameters &vertical, const Expr &ry,
                               const std::function<void(Statements &, const Box &)> &visit) {
    body.loop("rx", w.stride, [&](Statements &each, const Expr &rx) {
        PhaseParameters horizontal = phase_of(each, w, rx, column_begin, column_end);
        Box box = box_at(each, unit, vertical, ry);
        // The part of this phase's channels that lies in the unit's lanes.
        Expr phase_lane = each.let("phase_lane", merged ? rx * p.at("outputs") : Expr(0));
        Expr begin = each.let("lane_begin", max(unit.first_lane, phase_lane));
        Expr end = min(unit.end_lane, phase_lane + p.at("outputs"));
        Expr co = each.let("co", begin - phase_lane);
        Expr x = each.let("x", w.stride * horizontal.begin + rx - w.crop);
        box.lanes = each.let("box_lanes", end - begin);
        box.pixels = each.let("box_pixels", horizontal.end - horizontal.begin);
        // Lanes of one block lie `sums_a` apart; where that is not 1 (pixels), blocks follow at the same distance.
        Expr sums = unit.sums + (begin - unit.first_lane) * sums_a + (merged ? Expr(0) : rx * sums_phase) +
                    (planar ? Expr(0) : (horizontal.begin - column_begin) * sums_m);
        box.sums = sums_address(sums);
        box.first_lane = unit.group * p.at("lanes") + begin;
        box.output_a = p.at("out_c");
        box.residual_a = p.at("res_c");
        box.output = box.output + cast<uint64_t>((int64(x) * p.at("out_col") + int64(co) * p.at("out_c")) * 4);
        box.residual = box.residual + cast<uint64_t>((int64(x) * p.at("res_col") + int64(co) * p.at("res_c")) * 4);

        Expr over_channels = p.at("softmax") == 1;
        // Channel softmax keeps [rx][row][pixel], softmax along the row keeps [row][lane].
        Expr at = select(over_channels, rx * p.at("block_h") * p.at("block_w"), co + unit.group * p.at("outputs"));
        box.statistic = 1;
        box.statistic_row = select(over_channels, p.at("block_w"), p.at("groups") * p.at("outputs"));
        box.peak = float_address(pointers.scratch, p.at("peak_at") + at);
        box.total = float_address(pointers.scratch, p.at("total_at") + at);
        visit(each, box);
    });
}

void PhaseTask::each_flat_box(Statements &body, const Unit &unit, const PhaseParameters &vertical, const Expr &ry,
                              const std::function<void(Statements &, const Box &)> &visit) {
    // Quotient q holds outputs x = stride * q + rx - crop; the first and the last may hold some of the phases only.
    Expr outputs = p.at("outputs");
    Expr low_phase = unit.first_lane / outputs, high_phase = (unit.end_lane - 1) / outputs;
    Expr whole_begin = body.let("whole_begin", (w.crop - low_phase + w.stride - 1) / w.stride);
    Expr whole_end = body.let("whole_end", (w.crop + w.out - 1 - high_phase) / w.stride + 1);
    Expr begins[] = {column_begin, max(column_begin, whole_begin), max(column_begin, max(whole_begin, whole_end))};
    Expr ends[] = {min(whole_begin, column_end), min(whole_end, column_end), column_end};
    for (int piece = 0; piece < 3; piece++) {
        Box box = box_at(body, unit, vertical, ry);
        Expr q = body.let("q", begins[piece]);
        Expr x0 = body.let("x0", w.stride * q - w.crop);  // output of phase 0
        Expr begin = body.let("lane_begin", max(unit.first_lane, -x0 * outputs));
        Expr end = min(unit.end_lane, (w.out - x0) * outputs);
        box.lanes = body.let("box_lanes", end - begin);
        box.pixels = body.let("box_pixels", ends[piece] - q);
        box.sums = sums_address(unit.sums + begin - unit.first_lane + (q - column_begin) * sums_m);
        box.first_lane = unit.group * p.at("lanes") + begin;
        box.output_a = select(outputs == 1, p.at("out_col"), p.at("out_c"));
        box.residual_a = select(outputs == 1, p.at("res_col"), p.at("res_c"));
        box.output = box.output + cast<uint64_t>((int64(x0) * p.at("out_col") + int64(begin) * box.output_a) * 4);
        box.residual = box.residual + cast<uint64_t>((int64(x0) * p.at("res_col") + int64(begin) * box.residual_a) * 4);
        visit(body, box);
    }
}

void PhaseTask::build(Statements &body, const Expr &task) {
    Expr unit_task = body.let("unit_task", task % p.at("unit_tasks"));
    Expr block = body.let("block", task / p.at("unit_tasks"));
    Expr block_row = block / w.blocks, block_column = block % w.blocks;
    row_begin = body.let("row_begin", h.first + block_row * h.block);
    row_end = body.let("row_end", min(h.end, row_begin + h.block));
    column_begin = body.let("column_begin", w.first + block_column * w.block);
    column_end = body.let("column_end", min(w.end, column_begin + w.block));
    unit_begin = body.let("unit_begin", unit_task * p.at("task_units"));
    unit_count = body.let("unit_count", min(p.at("task_units"), p.at("units") - unit_begin));
    first_group = body.let("first_group", unit_begin / p.at("group_units"));

    if (planar) {
        sums_m = 1;
        sums_row = p.at("sums_pitch");
        sums_a = body.let("sums_a", p.at("sums_pitch") * h.block);
        sums_block = sums_a * multiply.width;
        sums_phase = body.let("sums_phase", sums_block * p.at("unit_blocks"));
    } else {
        sums_a = 1;
        sums_block = multiply.width;
        sums_m = p.at("sums_pitch");
        sums_row = body.let("sums_row", p.at("sums_pitch") * w.block);
        sums_phase = body.let("sums_phase", sums_row * h.block);
    }
    sums_unit = body.let("sums_unit", merged ? sums_phase : sums_phase * w.stride);

    prepare_lanes(body, shared, p, pointers, merged ? w.stride : Expr(1));
    stage_input(body);

    body.loop("ry", h.stride, [&](Statements &rows, const Expr &ry) {
        PhaseParameters vertical = phase_of(rows, h, ry, row_begin, row_end);
        Expr some = vertical.end > vertical.begin;
        Expr softmax = p.at("softmax") != 0;
        rows.when(some, [&](Statements &phase) {
            phase.loop("unit", unit_count, [&](Statements &each, const Expr &index) {
                Unit unit = unit_of(each, index);
                multiply_unit(each, unit, vertical, ry);
                each.when(!softmax && p.at("direct") == 0, [&](Statements &then) {
                    auto finish = [&](Statements &inner, const Box &box) {
                        finish_box(inner, shared, p, pointers, box);
                    };
                    if (merged) {
                        then.when(p.at("flat") != 0,
                                  [&](Statements &flat) { each_flat_box(flat, unit, vertical, ry, finish); });
                        then.when(p.at("flat") == 0,
                                  [&](Statements &strided) { each_phase_box(strided, unit, vertical, ry, finish); });
                    } else {
                        if (planar) {
                            each_phase_box(then, unit, vertical, ry, finish);
                            return;
                        }
                        Expr finished = finish_by_rows(then, unit, vertical, ry);
                        then.when(!finished, [&](Statements &rest) {
                            each_phase_box(rest, unit, vertical, ry, finish);
                        });
                    }
                });
            });
            phase.when(softmax, [&](Statements &then) {
                Expr over_channels = p.at("softmax") == 1;
                Expr statistics =
                    select(over_channels, w.stride * h.block * w.block, h.block * p.at("groups") * p.at("outputs"));
                finish_softmax(
                    then, shared, p, pointers,
                    [&](Statements &sweep, const std::function<void(Statements &, const Box &)> &visit) {
                        sweep.loop("unit", unit_count, [&](Statements &each, const Expr &index) {
                            Unit unit = unit_of(each, index);
                            each_phase_box(each, unit, vertical, ry, visit);
                        });
                    },
                    statistics);
            });
        });
    });
}

}  // namespace

LayerBuilder phase_layer(const SharedStages &shared, const MultiplyTiles &multiply, bool merged) {
    return [&shared, &multiply, merged](Statements &body, const Parameters &p, const Expr &task,
                                        const Pointers &pointers) {
        PhaseTask(shared, multiply, merged, p, pointers).build(body, task);
    };
}

}  // namespace tconv::compiler
