// A task of planes: for each unit of whole groups, stage its channels with zeros all around, then, for every row phase,
// multiply all x-phases of all rows as one line (generators/multiply_planes.h), and store the rows of sums.
#include "finish.h"
#include "phase_task.h"
#include "stage_block.h"

namespace tconv::compiler {

using namespace Halide;

namespace {

// Rows narrower than this are cleared with all that surrounds them, in one stream, before they are copied.
constexpr int kNarrowColumns = 32;

}  // namespace

void PhaseTask::stage_planes(Statements &body, const Unit &unit, const Expr &first_row, const Expr &all_rows) {
    const Source source = {pointers.input, p.at("in_row"), p.at("in_col"), 0, h.in, 0, w.in};
    const Staged block = place_staged(body, source, p.at("staged_at"));
    Expr pitch = p.at("staged_row"), plane = p.at("staged_minor");
    Expr above = body.let("above", clamp(block.row_begin - first_row, 0, all_rows));
    Expr below = body.let("below", all_rows - above - block.rows);
    Expr group_blocks = p.at("lane_blocks") / p.at("panels");
    Expr channels = body.let("unit_channels", unit.blocks / group_blocks * p.at("reduction"));
    Expr inside = block.inside_end - block.inside_begin;
    Expr narrow = body.let("is_narrow", inside < kNarrowColumns);
    // Of each of some planes, numbers from a place on.
    auto clear = [&](const Expr &at, const Expr &extent, const Expr &planes) {
        body.when(extent > 0, [&](Statements &then) {
            then.add(shared.clear.call({{"staged", {scratch_at(block.at + at), {extent, planes, 1, 1}, {1, plane, 0, 0}}}},
                                       {}));
        });
    };
    clear(0, select(narrow, channels * plane, above * pitch), select(narrow, 1, channels));
    clear((above + block.rows) * pitch, select(narrow, 0, below * pitch), channels);
    body.when(block.rows > 0 && inside > 0, [&](Statements &then) {
        Expr skipped = then.let("skipped", select(narrow, block.inside_begin, 0));
        Expr first_channel = unit.first_block / group_blocks * p.at("reduction");
        Expr origin = int64(first_channel) * p.at("in_c") + int64(block.row_begin) * source.row +
                      int64(block.column_begin + skipped) * source.column;
        stage_block(then, shared, true,
                    {address_of(stored, source.host, origin), p.at("in_c"), source.column, source.row,
                     scratch_at(block.at + above * pitch + skipped), plane, pitch, 0, channels, channels,
                     select(narrow, inside, block.columns), block.rows, block.inside_begin - skipped,
                     block.inside_end - skipped});
    });
}

void PhaseTask::multiply_planes(Statements &body, const Unit &unit, const PhaseParameters &vertical,
                                const Expr &first_row, const OutputRow &row, const Box &box, const Expr &direct,
                                const MultiplyLine &multiply_line) {
    Expr pitch = p.at("staged_row"), plane = p.at("staged_minor"), reduction = p.at("reduction");
    Expr pixels = (row.length + w.stride - 1) / w.stride;
    Expr tap = body.let("tap", reduction * p.at("tile_a"));
    Expr row_of_taps = body.let("row_of_taps", tap * w.kernel);
    Expr packed_block = body.let("packed_block", row_of_taps * h.kernel);
    Expr before = (vertical.begin + vertical.offset - first_row) * pitch;
    Expr weights = int64(packed_block) * int64(unit.first_block) + int64(vertical.first_tap * row_of_taps);
    PlaneLine line = {{"staged", scratch_at(p.at("staged_at") + before)},
                      {"packed", address_of(computed, pointers.packed, weights)},
                      {"sums", select(direct, box.output, box.sums)},
                      {"bias", scratch_at(unit.first_lane)},
                      {"slope", scratch_at(p.at("slope_at") + unit.first_lane)},
                      {"stride", w.stride},
                      {"pixels", pixels + select(direct, 0, (box.rows - 1) * pitch)},
                      {"rows", select(direct, box.rows, 1)},
                      {"exact", select(direct, 1, 0)},
                      {"blocks", unit.blocks},
                      {"channels", reduction},
                      {"group_blocks", p.at("lane_blocks") / p.at("panels")},
                      {"channel", plane},
                      {"group", p.at("staged_panel")},
                      {"tap", tap},
                      {"tap_row", row_of_taps * vertical.tap_step},
                      {"packed_block", packed_block},
                      {"sums_a", select(direct, box.output_a, sums_a)},
                      {"sums_row", box.output_row},
                      {"taps_y", vertical.taps},
                      {"tap_step", w.stride / w.gcd},
                      {"step_x", w.dilation / w.gcd},
                      {"step_y", vertical.offset_step * pitch},
                      {"row_pitch", pitch},
                      {"finish", select(direct, p.at("finish_kind"), generators::Finish::copy)},
                      {"low", p.at("low_bits")},
                      {"high", p.at("high_bits")}};
    // The first stream has the row's first output; phases before that one's are those of the next pixel.
    Expr first = body.let("first_phase", (row.begin + w.crop) % w.stride);
    for (int r = 0; r < generators::MultiplyPlanes::most_phases; r++) {
        Expr carry = select(first + r >= w.stride, 1, 0);
        const PhaseParameters horizontal = phase_of(body, w, first + r - carry * w.stride, column_begin, column_end);
        const std::string of = std::to_string(r);
        line["taps_" + of] = horizontal.taps;
        line["first_tap_" + of] = horizontal.first_tap;
        line["offset_" + of] = horizontal.offset - w.farthest + carry;
    }
    multiply_line(body, p, line);
}

void PhaseTask::build_planes(Statements &body, const Expr &task, int vector, const MultiplyLine &multiply_line) {
    place_task(body, task);
    // A pixel of sums has its x-phases side by side, a row as many pixels as a staged one.
    sums_m = 1;
    sums_a = p.at("sums_pitch");
    sums_row = body.let("sums_row", w.stride * p.at("staged_row"));
    prepare_lanes(body, shared, p, pointers, 1);
    Expr first_row = body.let("first_row", row_begin + h.farthest);
    Expr all_rows = body.let("all_rows", row_end - row_begin + h.nearest - h.farthest);
    const OutputRow row = output_row(body);
    // Rows of the output that end where a pixel does are stored by the tiles.
    Expr whole = row.length % w.stride == 0 && row.length >= w.stride * vector;
    Expr by_rows = body.let("direct_rows", p.at("direct") != 0 && whole);
    body.loop("unit", unit_count, [&](Statements &each, const Expr &index) {
        const Unit unit = unit_of(each, index);
        stage_planes(each, unit, first_row, all_rows);
        each_pass(each, "ry", h, 1, row_begin, row_end,
                  [&](Statements &rows, const Expr &ry, const PhaseParameters &vertical) {
                      rows.when(vertical.end > vertical.begin && row.length > 0, [&](Statements &then) {
                          const Box box = plane_box(then, unit, row, row_phase(then, ry));
                          // Rows without margins that follow each other in the output too are one.
                          Expr all = then.let("all_pixels", box.rows * row.length);
                          Expr joined = then.let("joined_rows", p.at("direct") != 0 && w.stride == 1 && all >= vector &&
                                                                    row.length == p.at("staged_row") &&
                                                                    row.length == box.output_row);
                          Expr direct = then.let("direct", by_rows || joined);
                          OutputRow line = row;
                          Box rows_of_line = box;
                          line.length = select(joined, all, row.length);
                          rows_of_line.rows = select(joined, 1, box.rows);
                          multiply_planes(then, unit, vertical, first_row, line, rows_of_line, direct, multiply_line);
                          then.when(!direct, [&](Statements &inner) {
                              finish_box(inner, shared, p, pointers, box, Internal::const_false());
                          });
                      });
                  });
    });
}

Box PhaseTask::plane_box(Statements &body, const Unit &unit, const OutputRow &row, const RowPhase &of) {
    Box box = box_at(body, unit, of);
    box.sums = sums_address(0);
    box.lanes = unit.end_lane - unit.first_lane;
    box.pixels = row.length;
    box.first_lane = unit.first_lane;
    box.output_a = p.at("out_c"), box.output_m = p.at("out_col");
    box.residual_a = p.at("res_c"), box.residual_m = p.at("res_col");
    auto from = [&](const Expr &host, const Expr &channel, const Expr &column) {
        return body.let("from", address_of(stored, host, int64(unit.first_lane) * channel + int64(row.begin) * column));
    };
    box.output = from(box.output, box.output_a, box.output_m);
    box.residual = from(box.residual, box.residual_a, box.residual_m);
    return box;
}

LayerBuilder planes_layer(const SharedStages &shared, int vector, const MultiplyLine &multiply_line) {
    const PhaseForm form = {generators::Lanes::planes, false, nullptr};
    return [&shared, form, vector, multiply_line](Statements &body, const Parameters &p, const Expr &task,
                                          const Pointers &pointers) {
        PhaseTask(shared, form, p, pointers).build_planes(body, task, vector, multiply_line);
    };
}

}  // namespace tconv::compiler
