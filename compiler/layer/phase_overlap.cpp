// Few outputs: multiply each input by all taps of all outputs at once, strip by strip of rows, and add up what overlaps.
//
// The lanes of the multiply loops are k * k * outputs instead of outputs, which fill vectors that those of one phase leave
// empty. Products of the rows that two strips of a task share are kept from one to the next; only tasks compute some twice.
#include "overlap_stages.h"
#include "phase_task.h"

namespace tconv::compiler {

using namespace Halide;

// Zeros beside the image, once for all strips: nothing is multiplied there.
void PhaseTask::clear_margins(Statements &body) {
    Expr columns = w.block + w.nearest - w.farthest, first = column_begin + w.farthest;
    Expr left = body.let("left", clamp(-first, 0, columns)), right = body.let("right", clamp(w.in - first, left, columns));
    Expr rows = p.at("strip") + h.nearest - h.farthest;
    auto clear = [&](const Expr &from, const Expr &extent) {
        Expr pixel = planar ? Expr(1) : p.at("products_pitch");
        Expr planes = planar ? p.at("lane_blocks") * p.at("tile_a") : Expr(1);
        body.when(extent > 0, [&](Statements &then) {
            then.add(shared.clear.call({{"staged",
                                         {scratch_at(p.at("products_at") + from * pixel),
                                          {extent * pixel, 1, rows, planes},
                                          {1, 0, p.at("products_row"), planar ? p.at("products_pitch") : Expr(0)}}}},
                                       {}));
        });
    };
    clear(0, left);
    clear(right, columns - right);
}

// Products of row `number` of those that are staged.
void PhaseTask::multiply_row_of_inputs(Statements &body, const Staged &staged, const Expr &number,
                                       const Expr &first_input) {
    const PhaseParameters single = {1, 0, 1, 0, 1, 0, 1};
    Expr y = body.let("input_row", staged.row_begin + number);
    Expr pixel = planar ? Expr(1) : p.at("products_pitch");
    Expr products = p.at("products_at") + (y - first_input) * p.at("products_row") +
                    (staged.column_begin - column_begin - w.farthest) * pixel;
    // The row that takes this one's place in scratch, fetched a share for each block of channels.
    Expr next = min(y + p.at("strip"), h.in - 1);
    Expr in_one = p.at("in_c") == 1 && p.at("in_col") == p.at("channels");
    Expr blocks = block_count();
    Expr share = body.let("share", select(in_one, staged.inside_end * p.at("channels") * stored.bytes() / blocks, 64));
    Expr ahead_row = body.let("ahead_row", address_of(stored, pointers.input,
                                                      int64(next) * p.at("in_row") +
                                                          int64(staged.column_begin) * p.at("in_col")));
    Staged line = staged;
    line.at = staged.at + number * p.at("staged_row");
    line.row_begin = line.column_begin = 0;
    line.rows = 1;
    const Unit all = {0, 0, p.at("lane_blocks"), 0, p.at("lane_blocks") * p.at("tile_a"), 0};
    Destination to;
    to.first = to.last = Internal::const_true();
    to.m = pixel;
    to.row = 0;
    body.loop("channel_block", blocks, [&](Statements &each, const Expr &block) {
        ahead = each.let("ahead", ahead_row + cast<uint64_t>(int64(block * share)));
        ahead_bytes = each.let("ahead_bytes", max(share - 64, 0));
        Expr segment = p.at("segment"), columns = staged.columns;
        each.loop("segment", (columns + segment - 1) / segment, [&](Statements &part, const Expr &index) {
            PhaseParameters along = single;
            along.begin = part.let("segment_begin", index * segment);
            along.end = part.let("segment_end", min(columns, along.begin + segment));
            to.host = part.let("products", scratch_at(products + along.begin * pixel));
            multiply_columns(part, all, line, single, along, to, block, 0);
        });
    });
}

// Products of input rows [begin, end), as far as they exist; those of row `first_input` come first in scratch.
void PhaseTask::multiply_inputs(Statements &body, const OverlapStages &stages, const Expr &begin, const Expr &end, const Expr &first_input) {
    // What place_staged takes for the task's: those that read nothing beside the image.
    const Expr quotients[] = {row_begin, row_end, column_begin, column_end}, of_sums[] = {sums_a, sums_block};
    row_begin = begin - h.farthest;
    row_end = end - h.nearest;
    Expr first = body.let("first_column", max(column_begin + w.farthest, 0));
    Expr last = body.let("end_column", max(first, min(column_end + w.nearest, w.in)));
    // Vectors of pixels reach past the last one, to products that count as zero where the image has ended.
    Expr filled = planar ? (last - first + stages.vector - 1) / stages.vector * stages.vector : last - first;
    column_begin = first - w.farthest;
    column_end = first + filled - w.nearest;
    const Staged staged =
        stage(body, {pointers.input, p.at("in_row"), p.at("in_col"), 0, h.in, 0, w.in}, p.at("staged_at"));
    column_begin = quotients[2];
    column_end = quotients[3];
    sums_a = planar ? p.at("products_pitch") : Expr(1);
    sums_block = sums_a * p.at("tile_a");
    body.loop("row", staged.rows, [&](Statements &each, const Expr &number) {
        multiply_row_of_inputs(each, staged, number, first_input);
    });
    row_begin = quotients[0];
    row_end = quotients[1];
    sums_a = of_sums[0];
    sums_block = of_sums[1];
}

// The sums of one phase of rows; of all x-phases, or when planar of the one that `horizontal` is.
void PhaseTask::add_overlapping(Statements &body, const OverlapStages &stages, const PhaseParameters &vertical,
                                const PhaseParameters &horizontal, const Expr &first_input, const Expr &sums) {
    Expr outputs = p.at("outputs"), pitch = p.at("products_pitch");
    Expr lanes = planar ? outputs : w.stride * outputs;
    Expr to_lane = planar ? pitch : Expr(1), to_pixel = planar ? Expr(1) : pitch;
    Expr first_lane = (vertical.first_tap * w.kernel + (planar ? horizontal.first_tap : Expr(0))) * outputs;
    Expr taps_x = w.kernel / w.stride;
    Expr more = planar ? select(horizontal.taps > taps_x, outputs, 0) : (w.kernel % w.stride) * outputs;
    // Quotient q reads input q - j by tap j of its phase, since nothing is dilated.
    stages.add(body, planar, lanes,
               {{"products",
                 {scratch_at(p.at("products_at") + first_lane * to_lane),
                  {0, 0, 0, 0, 0},
                  {to_lane, w.stride * outputs * to_lane, h.stride * w.kernel * outputs * to_lane, to_pixel,
                   p.at("products_row")}}},
                {"sums",
                 {sums_address(sums),
                  {lanes, horizontal.end - horizontal.begin, vertical.end - vertical.begin},
                  {sums_a, sums_m, sums_row}}}},
               {{"taps_x", taps_x},
                {"taps_y", vertical.taps},
                {"more", more},
                {"offset_x", horizontal.begin - column_begin - w.farthest},
                {"offset_y", vertical.begin - first_input},
                {"first_row", -first_input},
                {"end_row", h.in - first_input}});
}

// Merged lanes lie as they do in a contiguous row of outputs: one box of one pixel. Bias and slope are repeated as far.
void PhaseTask::finish_overlap(Statements &body, const Unit &unit, const RowPhase &of) {
    if (planar) {
        finish_unit(body, unit, of);
        return;
    }
    Expr outputs = p.at("outputs"), flat = p.at("flat") != 0;
    auto finish = [&](Statements &inner, const Box &box) {
        finish_box(inner, shared, p, pointers, box, Internal::const_false());
    };
    body.when(flat, [&](Statements &then) {
        const OutputRow row = output_row(then);
        Box box = box_at(then, unit, of);
        box.lanes = then.let("box_lanes", row.length * outputs);
        box.pixels = 1;
        box.sums = sums_address(unit.sums + of.sums + (row.begin - row.first) * outputs);
        box.first_lane = 0;
        box.output_a = select(outputs == 1, p.at("out_col"), p.at("out_c"));
        box.residual_a = select(outputs == 1, p.at("res_col"), p.at("res_c"));
        box.output = address_of(stored, box.output, int64(row.begin) * p.at("out_col"));
        box.residual = address_of(stored, box.residual, int64(row.begin) * p.at("res_col"));
        finish(then, box);
    });
    body.when(!flat, [&](Statements &strided) { each_phase_box(strided, unit, of, 0, finish); });
}

void PhaseTask::build_overlap(Statements &body, const Expr &task, const OverlapStages &stages) {
    place_task(body, task);
    prepare_lanes(body, shared, p, pointers, planar ? Expr(1) : w.stride * w.block);
    Expr strip = p.at("strip"), outputs = p.at("outputs");
    // Sums are those of a strip.
    if (planar) {
        sums_a = body.let("sums_a", p.at("sums_pitch") * strip);
        sums_phase = body.let("sums_phase", sums_a * outputs);
    }
    const Expr task_begin = row_begin, task_end = row_end;
    Expr span = body.let("span", h.nearest - h.farthest);
    Expr softmax = p.at("softmax") != 0;
    clear_margins(body);
    body.loop("strip", (task_end - task_begin + strip - 1) / strip, [&](Statements &each, const Expr &number) {
        row_begin = each.let("strip_begin", task_begin + number * strip);
        row_end = each.let("strip_end", min(task_end, row_begin + strip));
        Expr first_input = each.let("first_input", row_begin + h.farthest);
        // Row by row, which the strip before left so far below that they never overlap.
        each.loop("kept", select(number == 0, 0, span), [&](Statements &row, const Expr &kept) {
            Expr to = p.at("products_at") + kept * p.at("products_row");
            Expr columns = w.block + w.nearest - w.farthest;
            Expr numbers = planar ? columns : columns * p.at("products_pitch");
            Expr planes = planar ? p.at("lane_blocks") * p.at("tile_a") : Expr(1);
            Expr distance = planar ? p.at("products_pitch") : Expr(0);
            row.add(stages.keep.call({{"products", {scratch_at(to + strip * p.at("products_row")), {0, 0}, {1, distance}}},
                                      {"kept", {scratch_at(to), {numbers, planes}, {1, distance}}}},
                                     {}));
        });
        Expr fresh = each.let("fresh", first_input + select(number == 0, 0, span));
        Expr end = each.let("end_input", row_end + h.nearest);
        each.loop("rows", (end - fresh + strip - 1) / strip, [&](Statements &some, const Expr &part) {
            Expr begin = some.let("rows_begin", fresh + part * strip);
            multiply_inputs(some, stages, begin, some.let("rows_end", min(end, begin + strip)), first_input);
        });
        each_pass(each, "ry", h, 1, row_begin, row_end,
                  [&](Statements &rows, const Expr &ry, const PhaseParameters &vertical) {
                      rows.when(vertical.end > vertical.begin, [&](Statements &phase) {
                          each_pass(phase, "rx", w, planar ? Expr(1) : w.stride, column_begin, column_end,
                                    [&](Statements &then, const Expr &rx, const PhaseParameters &horizontal) {
                                        add_overlapping(then, stages, vertical, horizontal, first_input,
                                                        planar ? rx * sums_phase : Expr(0));
                                    });
                          phase.when(!softmax, [&](Statements &then) {
                              finish_overlap(then, unit_of(then, 0), row_phase(then, ry));
                          });
                          phase.when(softmax,
                                     [&](Statements &then) { finish_units_by_softmax(then, row_phase(then, ry)); });
                      });
                  });
    });
}

LayerBuilder overlap_layer(const SharedStages &shared, const PhaseForm &form, const OverlapStages &stages) {
    return [&shared, form, &stages](Statements &body, const Parameters &p, const Expr &task, const Pointers &pointers) {
        PhaseTask(shared, form, p, pointers).build_overlap(body, task, stages);
    };
}

void pack_overlap_filter(Statements &body, const Parameters &p, const RawFunction &pack, const Variant &variant,
                         const Expr &filter, const Expr &packed) {
    // As the filter of a layer whose stride is its kernel, all of whose phases, of one tap each, are merged.
    Parameters of_taps = p;
    for (const char *axis : {"_h", "_w"}) {
        const std::string suffix = axis;
        of_taps["merged" + suffix] = of_taps["stride" + suffix] = p.at("kernel" + suffix);
        of_taps["taps" + suffix] = 1;
        of_taps["nearest" + suffix] = 0;
    }
    pack_filter(body, of_taps, pack, variant, filter, packed);
}

}  // namespace tconv::compiler
