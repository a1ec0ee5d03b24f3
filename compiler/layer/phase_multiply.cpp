// Multiplying: the tiles of one unit of lanes for all x-phases of a row phase, in blocks of channels.
#include "phase_task.h"

namespace tconv::compiler {

using namespace Halide;

void PhaseTask::multiply_phase(Statements &body, const Unit &unit, const Staged &input, const PhaseParameters &vertical,
                               const PhaseParameters &horizontal, const Expr &taps_pitch, const Destination &to) {
    const Expr width = p.at("tile_a");
    Expr reduction = depthwise ? Expr(1) : p.at("channels");
    // Weights [group][block][ky][t][ci][width]
    Expr tap = body.let("tap_pitch", reduction * width);
    Expr row_of_taps = body.let("row_of_taps", tap * taps_pitch);
    Expr block = int64(row_of_taps) * h.kernel;
    Expr weights =
        body.let("weights", address_of(computed,
                                       address_of(computed, pointers.packed,
                                                  block * int64(unit.group * p.at("lane_blocks") + unit.first_block)),
                                       vertical.first_tap * row_of_taps + horizontal.first_tap * tap));
    // Staged input, from the first channel this unit reads.
    Expr channel = (unit.group - first_group) * p.at("channels");
    if (depthwise) {
        channel = unit.first_lane - unit_begin * p.at("unit_blocks") * width;
    }
    Expr staged_channel = planar ? p.at("staged_minor") : Expr(1);
    Expr columns = body.let("columns", horizontal.end - horizontal.begin);
    Expr rows = body.let("rows", vertical.end - vertical.begin);

    auto multiply_tiles = [&](Statements &inner, int unroll, const Expr &ci_begin, const Expr &ci_count) {
        Expr from = (channel + ci_begin) * staged_channel;
        if (!planar && !depthwise) {
            Expr panel = (unit.group - first_group) * p.at("panels") + ci_begin / p.at("channel_block");
            from = select(p.at("panels") > 1, panel * p.at("staged_panel"), from);
        }
        Expr lane = unit.group * p.at("lanes") + unit.first_lane;
        const TileRow row = {{"staged", scratch_at(input.at + from)},
                             {"packed", address_of(computed, weights, ci_begin * width)},
                             {"sums", to.host},
                             {"bias", scratch_at(lane)},
                             {"slope", scratch_at(p.at("slope_at") + lane)},
                             {"columns", columns},
                             {"rows", rows},
                             {"blocks", unit.blocks},
                             {"staged_minor", p.at("staged_minor")},
                             {"staged_row", p.at("staged_row")},
                             {"tap", tap * horizontal.tap_step},
                             {"row_of_taps", row_of_taps * vertical.tap_step},
                             {"packed_block", row_of_taps * h.kernel},
                             {"sums_a", sums_a},
                             {"sums_m", to.m},
                             {"sums_row", to.row},
                             {"sums_block", sums_block},
                             {"channels", ci_count},
                             {"last", p.at("direct") != 0 && to.last && ci_begin + ci_count >= reduction},
                             {"low", p.at("low_bits")},
                             {"high", p.at("high_bits")},
                             {"taps_x", horizontal.taps},
                             {"taps_y", vertical.taps},
                             {"offset_x", horizontal.begin - input.column_begin + horizontal.offset},
                             {"offset_y", vertical.begin - input.row_begin + vertical.offset},
                             {"step_x", horizontal.offset_step},
                             {"step_y", vertical.offset_step},
                             {"rows_staged", input.rows},
                             {"first", to.first && ci_begin == 0}};
        form.multiply_row(inner, p, unroll, row);
    };
    body.when(columns > 0 && rows > 0, [&](Statements &then) {
        if (depthwise) {
            multiply_tiles(then, 1, 0, 1);
            return;
        }
        Expr step = p.at("channel_block");
        then.loop("channel_block", (reduction + step - 1) / step, [&](Statements &each, const Expr &number) {
            Expr begin = each.let("ci_begin", number * step);
            // Blocks are even, so all but the last have an even number of channels; the last decides for all.
            Expr odd = reduction % 2 != 0, count = min(step, reduction - begin);
            each.when(odd, [&](Statements &inner) { multiply_tiles(inner, 1, begin, count); });
            each.when(!odd, [&](Statements &inner) { multiply_tiles(inner, 2, begin, count); });
        });
    });
}

PhaseTask::Destination PhaseTask::destination(Statements &body, const Expr &sums, const Expr &output) {
    Expr direct = p.at("direct") != 0;
    Destination to;
    to.first = to.last = Internal::const_true();
    to.host = body.let("to_host", select(direct, address_of(stored, pointers.output, output), sums_address(sums)));
    to.m = body.let("to_m", select(direct, w.stride * p.at("out_col"), sums_m));
    to.row = body.let("to_row", select(direct, h.stride * p.at("out_row"), sums_row));
    return to;
}

void PhaseTask::multiply_unit(Statements &body, const Unit &unit, const Staged &input, const PhaseParameters &vertical,
                              const Expr &ry) {
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
        multiply_phase(body, unit, input, vertical, all, all.taps,
                       destination(body, unit.sums, output_at(w.stride * column_begin - w.crop)));
        return;
    }
    each_phase(body, "rx", w, [&](Statements &each, const Expr &rx) {
        PhaseParameters horizontal = phase_of(each, w, rx, column_begin, column_end);
        // All phases of channel lanes count their pixels from column_begin, for finish_by_rows; vectors of pixels must
        // start where their row of sums does.
        Expr phase_sums = unit.sums + rx * sums_phase + (planar ? Expr(0) : (horizontal.begin - column_begin) * sums_m);
        multiply_phase(each, unit, input, vertical, horizontal, w.kernel,
                       destination(each, phase_sums, output_at(w.stride * horizontal.begin + rx - w.crop)));
    });
}

}  // namespace tconv::compiler
