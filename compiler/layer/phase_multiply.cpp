// Multiplying: the tiles of one unit of lanes for all x-phases of a row phase, in blocks of channels.
#include "column_segments.h"
#include "layer_params.h"
#include "phase_task.h"

namespace tconv::compiler {

using namespace Halide;

Expr PhaseTask::block_count() const {
    if (depthwise)
        return 1;
    Expr step = planar ? p.at("channel_block") : p.at("block_panels"),
         all = planar ? p.at("reduction") : p.at("panels");
    return (all + step - 1) / step;
}

void PhaseTask::multiply_phase(Statements &body, const Unit &unit, const Staged &input, const PhaseParameters &vertical,
                               const PhaseParameters &horizontal, const Destination &to) {
    body.loop("channel_block", block_count(), [&](Statements &each, const Expr &number) {
        multiply_block(each, unit, input, vertical, horizontal, to, number, 0);
    });
}

void PhaseTask::multiply_block(Statements &body, const Unit &unit, const Staged &input, const PhaseParameters &vertical,
                               const PhaseParameters &horizontal, const Destination &to, const Expr &number,
                               const Expr &first_staged) {
    // Vectors of pixels reach past the end of a segment, into sums that the next one adds to.
    if (planar) {
        multiply_columns(body, unit, input, vertical, horizontal, to, number, first_staged);
        return;
    }
    each_column_segment(body, horizontal, input.column_begin + input.inside_begin,
                        input.column_begin + input.inside_end, kLeastSegment,
                        [&](Statements &each, const PhaseParameters &segment) {
                            Destination part = to;
                            Expr columns = int64(segment.begin - horizontal.begin);
                            part.host = each.let("part", address_of(computed, to.host, columns * to.m));
                            multiply_columns(each, unit, input, vertical, segment, part, number, first_staged);
                        });
}

void PhaseTask::multiply_columns(Statements &body, const Unit &unit, const Staged &input,
                                 const PhaseParameters &vertical, const PhaseParameters &horizontal,
                                 const Destination &to, const Expr &number, const Expr &first_staged) {
    const Expr width = p.at("tile_a");
    Expr reduction = p.at("reduction");
    // Weights [group][block][ky][t][ci][width]
    Expr tap = body.let("tap_pitch", reduction * width);
    Expr row_of_taps = body.let("row_of_taps", tap * p.at("taps_w"));
    Expr block = int64(row_of_taps) * p.at("taps_h");
    Expr weights =
        body.let("weights", address_of(computed,
                                       address_of(computed, pointers.packed,
                                                  block * int64(unit.group * p.at("lane_blocks") + unit.first_block)),
                                       vertical.first_tap * row_of_taps + horizontal.first_tap * tap));
    // Staged input, from the first channel this unit reads.
    Expr unit_channels = (unit.group - first_group) * p.at("channels") * p.at("staged_minor");
    if (depthwise) {
        unit_channels = (unit.first_block - unit_begin * p.at("unit_blocks")) * p.at("panels") * p.at("staged_panel");
    } else if (!planar) {
        unit_channels = (unit.group - first_group) * p.at("panels") * p.at("staged_panel");
    }
    Expr columns = body.let("columns", horizontal.end - horizontal.begin);
    Expr rows = body.let("rows", vertical.end - vertical.begin);

    // Channels from ci_begin on: `panels` of `panel_channels`, staged at `from`.
    auto multiply_tiles = [&](Statements &inner, int unroll, const Expr &ci_begin, const Expr &panels,
                              const Expr &panel_channels, const Expr &from) {
        Expr end = ci_begin + panels * panel_channels;
        Expr lane = unit.group * p.at("lanes") + unit.first_lane;
        TileRow row = {
            {"packed", address_of(computed, weights, ci_begin * width)},
            {"bias", scratch_at(lane)},
            {"slope", scratch_at(p.at("slope_at") + lane)},
            {"ahead", ahead},
            {"ahead_bytes", ahead_bytes},
            // A unit of one block may lack some, which masked tiles do not store.
            {"lanes", select(unit.blocks > 1, width, min(width, unit.end_lane - unit.first_lane))},
            {"columns", columns},
            {"rows", rows},
            {"blocks", unit.blocks},
            {"staged_minor", p.at("staged_minor")},
            {"staged_row", p.at("staged_row")},
            {"staged_panel", p.at("staged_panel")},
            {"tap", tap * horizontal.tap_step},
            {"row_of_taps", row_of_taps * vertical.tap_step},
            {"packed_block", row_of_taps * p.at("taps_h")},
            {"sums_a", sums_a},
            {"sums_m", to.m},
            {"sums_row", to.row},
            {"sums_block", sums_block},
            {"panel_channels", panel_channels},
            {"panels", panels},
            {"finish", select(p.at("direct") != 0 && to.last && end >= reduction, p.at("finish_kind"), 0)},
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
        each_image(inner, [&](Statements &each, const Expr &image) {
            row["staged"] =
                each.let("staged", scratch_at(input.at + image * p.at("staged_image") + unit_channels + from));
            row["sums"] = each.let("sums", address_of(computed, to.host, image * to.image));
            form.multiply_row(each, p, unroll, row);
        });
    };
    body.when(columns > 0 && rows > 0, [&](Statements &then) {
        if (depthwise) {
            multiply_tiles(then, 1, 0, p.at("panels"), 1, 0);
            return;
        }
        Expr step = planar ? p.at("channel_block") : p.at("block_panels"), all = planar ? reduction : p.at("panels");
        Expr single = p.at("channel_step") == 1;
        Expr begin = then.let("block_begin", number * step);
        Expr count = then.let("block_count", min(step, all - begin));
        Expr staged_begin = begin - first_staged * step;
        auto multiply = [&](Statements &inner, int unroll) {
            if (planar) {
                multiply_tiles(inner, unroll, begin, 1, count, staged_begin * p.at("staged_minor"));
            } else {
                multiply_tiles(inner, unroll, begin * p.at("panel_channels"), count, p.at("panel_channels"),
                               staged_begin * p.at("staged_panel"));
            }
        };
        then.when(single, [&](Statements &inner) { multiply(inner, 1); });
        then.when(!single, [&](Statements &inner) { multiply(inner, 2); });
    });
}

PhaseTask::Destination PhaseTask::destination(Statements &body, const Expr &sums, const Expr &output) {
    Expr direct = p.at("direct") != 0;
    Destination to;
    to.first = to.last = Internal::const_true();
    to.host = body.let("to_host", select(direct, address_of(stored, pointers.output, output), sums_address(sums)));
    to.m = body.let("to_m", select(direct, w.stride * p.at("out_col"), sums_m));
    to.row = body.let("to_row", select(direct, h.stride * p.at("out_row"), sums_row));
    to.image = body.let("to_image", int64(select(direct, p.at("out_image"), p.at("sums_image"))));
    return to;
}

void PhaseTask::multiply_unit(Statements &body, const Unit &unit, const Staged &input, const PhaseParameters &vertical,
                              const Expr &ry) {
    Expr y = h.stride * vertical.begin + ry - h.crop;
    auto output_at = [&](const Expr &x) {
        Expr lane = int64(unit.group * p.at("outputs")) * p.at("out_c") + unit.first_lane;
        return int64(y) * p.at("out_row") + int64(x) * p.at("out_col") + lane;
    };
    each_pass(body, "rx", w, merged_w, column_begin, column_end,
              [&](Statements &each, const Expr &rx, const PhaseParameters &horizontal) {
                  // All phases of channel lanes count their pixels from column_begin, for finish_by_rows; vectors of pixels
                  // must start where their row of sums does.
                  Expr sums = unit.sums + rx * sums_phase;
                  if (!planar) {
                      sums += (horizontal.begin - column_begin) * sums_m;
                  }
                  multiply_phase(each, unit, input, vertical, horizontal,
                                 destination(each, sums, output_at(w.stride * horizontal.begin + rx - w.crop)));
              });
}

}  // namespace tconv::compiler
