// Multiplying: the tiles of one unit of lanes for all x-phases of a row phase, in blocks of channels.
#include "phase_task.h"

namespace tconv::compiler {

using namespace Halide;

void PhaseTask::multiply_phase(Statements &body, const Unit &unit, const Staged &input, const PhaseParameters &vertical,
                               const PhaseParameters &horizontal, const Expr &taps_pitch, const Destination &to) {
    const int width = multiply.width;
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

    auto call_tiles = [&](Statements &inner, int unroll, const Expr &ci_begin, const Expr &ci_count) {
        Expr from = (channel + ci_begin) * staged_channel;
        if (!planar && !depthwise) {
            Expr panel = (unit.group - first_group) * p.at("panels") + ci_begin / p.at("channel_block");
            from = select(p.at("panels") > 1, panel * p.at("staged_panel"), from);
        }
        Expr staged = inner.let("staged_host", scratch_at(input.at + from));
        Expr packed = inner.let("packed_host", address_of(computed, weights, ci_begin * width));
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
                BufferArgument tiles_of_row = {address_of(computed, to.host, start * to.m),
                                               {width, pixels, rows, unit.blocks},
                                               {sums_a, to.m, to.row, sums_block}};
                then.add(tile.call(
                    with_lane_vectors(unit, {{"staged", x}, {"packed", weight}, {"sums", tiles_of_row}}),
                    with_activation({{"channels", ci_count},
                                     {"last", p.at("direct") != 0 && to.last && ci_begin + ci_count >= reduction},
                                     {"taps_x", horizontal.taps},
                                     {"taps_y", vertical.taps},
                                     {"offset_x", horizontal.begin - input.column_begin + horizontal.offset + start},
                                     {"offset_y", vertical.begin - input.row_begin + vertical.offset},
                                     {"step_x", horizontal.offset_step},
                                     {"step_y", vertical.offset_step},
                                     {"rows_staged", input.rows},
                                     {"first", to.first && ci_begin == 0}})));
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
