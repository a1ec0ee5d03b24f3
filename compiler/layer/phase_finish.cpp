// Finishing: the sums of a unit become outputs, while they are in cache.
#include "phase_task.h"

namespace tconv::compiler {

using namespace Halide;

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
Expr PhaseTask::finish_by_rows(Statements &body, const Unit &unit, const PhaseParameters &vertical, const Expr &ry) {
    const OutputRow row = output_row(body);
    // v * stride < 2^32, see generators::FinishRows.
    Expr divisible = w.stride < 4096 && w.block < (1 << 20) / (w.stride + 1);
    Expr suited = body.let("by_rows", p.at("rows") != 0 && row.length >= shared.edge && divisible);
    body.when(suited, [&](Statements &then) {
        Box box = box_at(then, unit, vertical, ry);
        Expr output = address_of(stored, box.output, int64(unit.first_lane) * p.at("out_c") + int64(row.begin));
        Expr one = Internal::make_const(UInt(64), 1), stride = cast<uint64_t>(w.stride);
        then.add(shared.finish_rows.call(
            with_lane_vectors(unit,
                              {{"sums", {sums_address(unit.sums), {0, 0, 0, 0}, {1, sums_m, sums_phase, sums_row}}},
                               {"output",
                                {output,
                                 {row.length, unit.end_lane - unit.first_lane, box.rows},
                                 {1, p.at("out_c"), box.output_row}}}}),
            with_activation({{"first", row.begin - row.first},
                             {"stride", w.stride},
                             {"reciprocal", ((one << 32) + stride - one) / stride}})));
    });
    return suited;
}

// The same where lanes are pixels, for the strides that are compiled in: full sets of all phases. Returns how many.
Expr PhaseTask::finish_interleaved(Statements &body, const Unit &unit, const PhaseParameters &vertical,
                                   const Expr &ry) {
    const OutputRow row = output_row(body);
    Expr sets = 0;
    for (const auto &[stride, function] : shared.finish_interleaved) {
        sets = select(w.stride == stride && row.length / stride >= shared.edge, row.length / stride, sets);
    }
    sets = body.let("sets", select(p.at("rows") != 0, sets, 0));
    for (const auto &[stride, function] : shared.finish_interleaved) {
        body.when(sets > 0 && w.stride == stride, [&](Statements &then) {
            Box box = box_at(then, unit, vertical, ry);
            Expr output = address_of(stored, box.output, int64(unit.first_lane) * p.at("out_c") + int64(row.begin));
            then.add(function.call(
                with_lane_vectors(unit,
                                  {{"sums", {sums_address(unit.sums), {0, 0, 0, 0}, {1, sums_phase, sums_a, sums_row}}},
                                   {"output",
                                    {output,
                                     {stride, sets, unit.end_lane - unit.first_lane, box.rows},
                                     {1, stride, p.at("out_c"), box.output_row}}}}),
                with_activation({{"first_phase", (row.begin + w.crop) % stride}})));
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
    scalars["kind"] = p.at("finish_kind");
    scalars["low"] = reinterpret<float>(p.at("low_bits"));
    scalars["high"] = reinterpret<float>(p.at("high_bits"));
    return scalars;
}

void PhaseTask::each_phase_box(Statements &body, const Unit &unit, const PhaseParameters &vertical, const Expr &ry,
                               const Expr &skipped, const BoxVisitor &visit) {
    each_phase(body, "rx", w, [&](Statements &each, const Expr &rx) {
        PhaseParameters horizontal = phase_of(each, w, rx, column_begin, column_end);
        Box box = box_at(each, unit, vertical, ry);
        // The part of this phase's channels that lies in the unit's lanes.
        Expr phase_lane = each.let("phase_lane", merged ? rx * p.at("outputs") : Expr(0));
        Expr begin = each.let("lane_begin", max(unit.first_lane, phase_lane));
        Expr end = min(unit.end_lane, phase_lane + p.at("outputs"));
        Expr co = each.let("co", begin - phase_lane);
        Expr x = each.let("x", w.stride * (horizontal.begin + skipped) + rx - w.crop);
        box.lanes = each.let("box_lanes", end - begin);
        box.pixels = each.let("box_pixels", horizontal.end - horizontal.begin - skipped);
        // Lanes of one block lie `sums_a` apart; where that is not 1 (pixels), blocks follow at the same distance.
        Expr sums = unit.sums + (begin - unit.first_lane) * sums_a + (merged ? Expr(0) : rx * sums_phase) +
                    (planar ? Expr(0) : (horizontal.begin - column_begin) * sums_m) + skipped * sums_m;
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

void PhaseTask::each_flat_box(Statements &body, const Unit &unit, const PhaseParameters &vertical, const Expr &ry,
                              const BoxVisitor &visit) {
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
        box.output = address_of(stored, box.output, int64(x0) * p.at("out_col") + int64(begin) * box.output_a);
        box.residual = address_of(stored, box.residual, int64(x0) * p.at("res_col") + int64(begin) * box.residual_a);
        visit(body, box);
    }
}

void PhaseTask::finish_unit(Statements &body, const Unit &unit, const PhaseParameters &vertical, const Expr &ry) {
    auto finish = [&](Statements &inner, const Box &box) { finish_box(inner, shared, p, pointers, box); };
    if (merged) {
        body.when(p.at("flat") != 0, [&](Statements &flat) { each_flat_box(flat, unit, vertical, ry, finish); });
        body.when(p.at("flat") == 0,
                  [&](Statements &strided) { each_phase_box(strided, unit, vertical, ry, 0, finish); });
    } else if (planar) {
        each_phase_box(body, unit, vertical, ry, finish_interleaved(body, unit, vertical, ry), finish);
    } else {
        Expr finished = finish_by_rows(body, unit, vertical, ry);
        body.when(!finished, [&](Statements &rest) { each_phase_box(rest, unit, vertical, ry, 0, finish); });
    }
}

void PhaseTask::finish_units_by_softmax(Statements &body, const PhaseParameters &vertical, const Expr &ry) {
    Expr over_channels = p.at("softmax") == 1;
    Expr statistics = select(over_channels, w.stride * h.block * w.block, h.block * p.at("groups") * p.at("outputs"));
    auto each_box = [&](Statements &sweep, const BoxVisitor &visit) {
        sweep.loop("unit", unit_count, [&](Statements &each, const Expr &index) {
            each_phase_box(each, unit_of(each, index), vertical, ry, 0, visit);
        });
    };
    finish_softmax(body, shared, p, pointers, each_box, statistics);
}

}  // namespace tconv::compiler
