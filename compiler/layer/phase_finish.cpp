// Finishing: the sums of a unit become outputs, while they are in cache.
#include "finish.h"
#include "phase_task.h"

namespace tconv::compiler {

using namespace Halide;

PhaseTask::RowPhase PhaseTask::row_phase(Statements &body, const Expr &r) {
    PhaseParameters vertical = phase_of(body, h, r, row_begin, row_end);
    RowPhase of;
    of.r = r;
    of.begin = vertical.begin;
    of.rows = body.let("rows", vertical.end - vertical.begin);
    Expr all = merged_h > 1;
    of.lane = body.let("row_lane", select(all, r * merged_w * p.at("outputs"), 0));
    of.sums = select(all, (vertical.begin - row_begin) * sums_row, 0);
    return of;
}

Box PhaseTask::box_at(Statements &body, const Unit &unit, const RowPhase &of) {
    Box box;
    box.rows = of.rows;
    box.stride_a = sums_a;
    box.stride_m = sums_m;
    box.stride_row = sums_row;
    box.output_m = w.stride * p.at("out_col");
    box.output_row = h.stride * p.at("out_row");
    box.residual_m = w.stride * p.at("res_col");
    box.residual_row = h.stride * p.at("res_row");
    Expr y = body.let("y", h.stride * of.begin + of.r - h.crop);
    Expr channel = unit.group * p.at("outputs");
    box.output = address_of(stored, pointers.output, int64(y) * p.at("out_row") + int64(channel) * p.at("out_c"));
    box.residual = address_of(stored, pointers.residual, int64(y) * p.at("res_row") + int64(channel) * p.at("res_c"));
    box.peak = box.total = Internal::make_const(UInt(64), 0);
    box.statistic = box.statistic_row = 0;
    return box;
}

PhaseTask::OutputRow PhaseTask::output_row(Statements &body) {
    OutputRow row;
    row.first = w.stride * column_begin - w.crop;
    row.begin = body.let("x_begin", max(0, row.first));
    row.length = body.let("row_length", min(w.out, w.stride * column_end - w.crop) - row.begin);
    return row;
}

// Where rows of the output are contiguous and lanes are channels: all x-phases at once. Returns whether it did; tiny
// boxes, which fill no tile, are left.
Expr PhaseTask::finish_by_rows(Statements &body, const Unit &unit, const RowPhase &of) {
    const OutputRow row = output_row(body);
    // v * stride < 2^32, see generators::FinishRows.
    Expr divisible = w.stride < 4096 && w.block < (1 << 20) / (w.stride + 1);
    Expr suited = body.let("by_rows", p.at("rows") != 0 && row.length >= shared.edge && divisible);
    body.when(suited, [&](Statements &then) {
        Box box = box_at(then, unit, of);
        Expr one = Internal::make_const(UInt(64), 1), stride = cast<uint64_t>(w.stride);
        // Columns [x, x + columns) of the row.
        auto call = [&](Statements &inner, const RawFunction &function, const Expr &x, const Expr &columns) {
            Expr output = address_of(stored, box.output, int64(unit.first_lane) * p.at("out_c") + int64(row.begin + x));
            inner.add(function.call(
                with_lane_vectors(unit,
                                  {{"sums", {sums_address(unit.sums), {0, 0, 0, 0}, {1, sums_m, sums_phase, sums_row}}},
                                   {"output",
                                    {output,
                                     {columns, unit.end_lane - unit.first_lane, box.rows},
                                     {1, p.at("out_c"), box.output_row}}}}),
                with_activation({{"first", row.begin - row.first + x},
                                 {"stride", w.stride},
                                 {"reciprocal", ((one << 32) + stride - one) / stride}})));
        };
        const int edge = shared.squares;
        Expr squares = edge > 0 ? row.length >= edge : Internal::const_false();
        if (edge > 0) {
            then.when(squares, [&](Statements &inner) {
                Expr whole = inner.let("whole", row.length / edge * edge);
                call(inner, *shared.finish_squares, 0, whole);
                // The last square overlaps the one before.
                inner.when(whole < row.length,
                           [&](Statements &last) { call(last, *shared.finish_squares, row.length - edge, edge); });
            });
        }
        then.when(!squares, [&](Statements &inner) { call(inner, shared.finish_rows, 0, row.length); });
    });
    return suited;
}

// The same where lanes are pixels, for the numbers of streams that are compiled in: full sets of all phases. Returns how
// many.
Expr PhaseTask::finish_interleaved(Statements &body, const Unit &unit, const RowPhase &of) {
    const OutputRow row = output_row(body);
    // Merged phases lie as far apart as their channels, and must all be in the unit.
    Expr all = merged_w > 1;
    Expr whole = unit.blocks == p.at("lane_blocks");
    Expr woven = body.let("woven", p.at("woven") != 0 && whole);
    Expr suited = woven || (p.at("rows") != 0 && (!all || whole));
    Expr channels = select(woven, p.at("outputs"), 1);
    Expr all_streams = body.let("streams", w.stride * channels);
    Expr phase_pitch = body.let("phase_pitch", select(all, p.at("outputs") * sums_a, sums_phase));
    Expr first_lane = select(all, 0, unit.first_lane);
    Expr lanes = select(woven, 1, select(all, p.at("outputs"), unit.end_lane - unit.first_lane));
    Expr compiled = Internal::const_false();
    for (const auto &[streams, function] : shared.finish_interleaved) {
        compiled = compiled || all_streams == streams;
    }
    Expr full = row.length / w.stride;
    Expr sets = body.let("sets", select(suited && compiled && full >= shared.edge, full, 0));
    for (const auto &[streams, function] : shared.finish_interleaved) {
        body.when(sets > 0 && all_streams == streams, [&](Statements &then) {
            Box box = box_at(then, unit, of);
            Expr output =
                address_of(stored, box.output, int64(first_lane) * p.at("out_c") + int64(row.begin) * p.at("out_col"));
            Expr sums = sums_address(unit.sums + of.lane * sums_a + of.sums);
            // Each phase counts its own pixels; merged ones count quotients, so that those before the first output's are
            // one further on.
            then.add(function.call(
                with_lane_vectors(
                    unit, {{"sums", {sums, {0, 0, 0, 0}, {1, phase_pitch, sums_a, sums_row}}},
                           {"output",
                            {output, {streams, sets, lanes, box.rows}, {1, streams, p.at("out_c"), box.output_row}}}}),
                with_activation({{"channels", channels},
                                 {"stride", w.stride},
                                 {"first_phase", (row.begin + w.crop) % w.stride},
                                 {"carry", select(all, 1, 0)}})));
        });
    }
    return sets;
}

std::map<std::string, BufferArgument> PhaseTask::with_lane_vectors(
    const Unit &unit, std::map<std::string, BufferArgument> buffers) const {
    Expr lane = unit.group * p.at("lanes") + unit.first_lane;
    buffers["bias"] = {scratch_at(lane), {0}, {1}};
    buffers["slope"] = {scratch_at(p.at("slope_at") + lane), {0}, {1}};
    return buffers;
}

std::map<std::string, Expr> PhaseTask::with_activation(std::map<std::string, Expr> scalars) const {
    // What is no piecewise linear activation has been applied in place.
    scalars["kind"] = select(p.at("in_place") != 0, generators::Finish::copy, p.at("finish_kind"));
    scalars["low"] = reinterpret<float>(p.at("low_bits"));
    scalars["high"] = reinterpret<float>(p.at("high_bits"));
    return scalars;
}

void PhaseTask::each_phase_box(Statements &body, const Unit &unit, const RowPhase &of, const Expr &skipped,
                               const BoxVisitor &visit) {
    each_phase(body, "rx", w, [&](Statements &each, const Expr &rx) {
        PhaseParameters horizontal = phase_of(each, w, rx, column_begin, column_end);
        Box box = box_at(each, unit, of);
        // The part of this phase's channels that lies in the unit's lanes.
        Expr phase_lane = each.let("phase_lane", of.lane + select(merged_w > 1, rx * p.at("outputs"), 0));
        Expr begin = each.let("lane_begin", max(unit.first_lane, phase_lane));
        Expr end = min(unit.end_lane, phase_lane + p.at("outputs"));
        Expr co = each.let("co", begin - phase_lane);
        Expr x = each.let("x", w.stride * (horizontal.begin + skipped) + rx - w.crop);
        box.lanes = each.let("box_lanes", end - begin);
        box.pixels = each.let("box_pixels", horizontal.end - horizontal.begin - skipped);
        // Lanes of one block lie `sums_a` apart; where that is not 1 (pixels), blocks follow at the same distance.
        Expr before = (horizontal.begin - column_begin) * sums_m;
        Expr sums = unit.sums + of.sums + (begin - unit.first_lane) * sums_a +
                    select(merged_w > 1, 0, rx * sums_phase) + (planar ? select(merged_w > 1, before, 0) : before) +
                    skipped * sums_m;
        box.sums = sums_address(sums);
        box.first_lane = unit.group * p.at("lanes") + begin;
        box.output_a = p.at("out_c");
        box.residual_a = p.at("res_c");
        box.output = address_of(stored, box.output, int64(x) * p.at("out_col") + int64(co) * p.at("out_c"));
        box.residual = address_of(stored, box.residual, int64(x) * p.at("res_col") + int64(co) * p.at("res_c"));

        Expr over_channels = p.at("softmax") == 1;
        // Channel softmax keeps [rx][row][pixel], softmax along the row keeps [row][lane].
        Expr at = select(over_channels, rx * p.at("block_h") * p.at("block_w"), co + unit.group * p.at("outputs"));
        box.statistic = 1;
        box.statistic_row = select(over_channels, p.at("block_w"), p.at("groups") * p.at("outputs"));
        box.peak = scratch_at(p.at("peak_at") + at);
        box.total = scratch_at(p.at("total_at") + at);
        visit(each, box);
    });
}

void PhaseTask::each_flat_box(Statements &body, const Unit &unit, const RowPhase &of, const BoxVisitor &visit) {
    // Quotient q holds outputs x = stride * q + rx - crop; the first and the last may hold some of the phases only.
    Expr outputs = p.at("outputs");
    // Lanes of this row phase that lie in the unit, from the phase's first.
    Expr first = body.let("first_flat", max(unit.first_lane - of.lane, 0));
    Expr last = body.let("end_flat", min(unit.end_lane - of.lane, merged_w * outputs));
    Expr low_phase = first / outputs, high_phase = (last - 1) / outputs;
    Expr whole_begin = body.let("whole_begin", first_quotient(w, low_phase));
    Expr whole_end = body.let("whole_end", end_quotient(w, w.out, high_phase));
    Expr begins[] = {column_begin, max(column_begin, whole_begin), max(column_begin, max(whole_begin, whole_end))};
    Expr ends[] = {min(whole_begin, column_end), min(whole_end, column_end), column_end};
    for (int piece = 0; piece < 3; piece++) {
        Box box = box_at(body, unit, of);
        box.rows = select(last > first, box.rows, 0);
        Expr q = body.let("q", begins[piece]);
        Expr x0 = body.let("x0", w.stride * q - w.crop);  // output of phase 0
        // Of the quotient's outputs those that exist; a row times its channels may be 2^31 - 1 numbers.
        Expr begin = body.let("lane_begin", max(first, clamp(-x0, 0, w.stride) * outputs));
        Expr end = min(last, clamp(w.out - x0, 0, w.stride) * outputs);
        box.lanes = body.let("box_lanes", end - begin);
        box.pixels = body.let("box_pixels", ends[piece] - q);
        box.sums = sums_address(unit.sums + of.sums + of.lane + begin - unit.first_lane + (q - column_begin) * sums_m);
        box.first_lane = unit.group * p.at("lanes") + of.lane + begin;
        box.output_a = select(outputs == 1, p.at("out_col"), p.at("out_c"));
        box.residual_a = select(outputs == 1, p.at("res_col"), p.at("res_c"));
        box.output = address_of(stored, box.output, int64(x0) * p.at("out_col") + int64(begin) * box.output_a);
        box.residual = address_of(stored, box.residual, int64(x0) * p.at("res_col") + int64(begin) * box.residual_a);
        visit(body, box);
    }
}

void PhaseTask::finish_unit(Statements &body, const Unit &unit, const RowPhase &of) {
    const bool by_rows = planar || !form.merges;
    Expr rows = p.at("rows") != 0;
    if (planar) {
        rows = rows || p.at("woven") != 0;
    }
    Expr activated = by_rows ? body.let("activated", rows && p.at("in_place") != 0) : Internal::const_false();
    if (by_rows) {
        body.when(activated, [&](Statements &curved) {
            each_phase_box(curved, unit, of, 0,
                           [&](Statements &inner, const Box &box) { activate_box(inner, shared, p, pointers, box); });
        });
    }
    auto finish = [&](Statements &inner, const Box &box) { finish_box(inner, shared, p, pointers, box, activated); };
    if (planar) {
        each_phase_box(body, unit, of, finish_interleaved(body, unit, of), finish);
    } else if (form.merges) {
        body.when(p.at("flat") != 0, [&](Statements &flat) { each_flat_box(flat, unit, of, finish); });
        body.when(p.at("flat") == 0, [&](Statements &strided) { each_phase_box(strided, unit, of, 0, finish); });
    } else {
        Expr finished = finish_by_rows(body, unit, of);
        body.when(!finished, [&](Statements &rest) { each_phase_box(rest, unit, of, 0, finish); });
    }
}

void PhaseTask::finish_units_by_softmax(Statements &body, const RowPhase &of) {
    Expr over_channels = p.at("softmax") == 1;
    Expr statistics = select(over_channels, w.stride * h.block * w.block, h.block * p.at("groups") * p.at("outputs"));
    auto each_box = [&](Statements &sweep, const BoxVisitor &visit) {
        sweep.loop("unit", unit_count, [&](Statements &each, const Expr &index) {
            each_phase_box(each, unit_of(each, index), of, 0, visit);
        });
    };
    finish_softmax(body, shared, p, pointers, each_box, statistics);
}

}  // namespace tconv::compiler
