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
    Expr left = body.let("left", clamp(-first, 0, columns)),
         right = body.let("right", clamp(w.in - first, left, columns));
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

// Products of the one staged row, or segment of it, `staged`. `next`: where in the input the segment begins that is staged
// after it.
void PhaseTask::multiply_segment(Statements &body, const Staged &staged, const Expr &first_input, const Expr &next) {
    const PhaseParameters single = {1, 0, 1, 0, 1, 0, 1};
    PhaseParameters along = single;
    along.end = staged.columns;
    Expr pixel = planar ? Expr(1) : p.at("products_pitch");
    Expr products =
        body.let("products_begin", p.at("products_at") + (staged.row_begin - first_input) * p.at("products_row") +
                                       (staged.column_begin - column_begin - w.farthest) * pixel);
    Staged line = staged;
    line.row_begin = line.column_begin = 0;
    line.rows = 1;
    Destination to;
    to.first = to.last = Internal::const_true();
    to.m = pixel;
    to.row = 0;
    to.image = int64(0);  // one at a time
    Expr lane_blocks = p.at("lane_blocks"), width = p.at("tile_a"), blocks = block_count();
    body.loop("channel_block", blocks, [&](Statements &each, const Expr &block) {
        if (!planar) {
            // Pixels follow one another, of which each block of channels fetches a share.
            Expr in_one = p.at("in_c") == 1 && p.at("in_col") == p.at("channels");
            Expr share = each.let("share", staged.columns * p.at("channels") * stored.bytes() / blocks);
            ahead = each.let("ahead", address_of(stored, pointers.input, next) + cast<uint64_t>(int64(block * share)));
            ahead_bytes = each.let("ahead_bytes", select(in_one, max(share - 64, 0), 0));
            to.host = each.let("products", scratch_at(products));
            multiply_columns(each, {0, 0, lane_blocks, 0, lane_blocks * width, 0}, line, single, along, to, block, 0);
            return;
        }
        Expr first_channel = int64(block * p.at("channel_block")) * p.at("in_c");
        Expr in_rows = p.at("in_col") == 1 && p.at("in_c") < 1 << 28;
        Expr lines = max(1, p.at("segment") * stored.bytes() / 64);
        ahead_bytes = each.let("ahead_bytes", select(in_rows, int64(p.at("in_c")) * stored.bytes(), int64(0)));
        each.loop("lane_block", lane_blocks, [&](Statements &of_block, const Expr &number) {
            Expr turn = select(in_rows, number % lines * (64 / stored.bytes()), 0);
            ahead = of_block.let("ahead", address_of(stored, pointers.input, next + first_channel + turn));
            to.host = of_block.let("products", scratch_at(products + number * width * p.at("products_pitch")));
            multiply_columns(of_block, {0, number, 1, 0, width, 0}, line, single, along, to, block, 0);
        });
    });
}

// Products of input rows [begin, end), as far as they exist, in segments that stay in the first level of cache from staging
// to the last of their products; those of row `first_input` come first in scratch.
void PhaseTask::multiply_inputs(Statements &body, const OverlapStages &stages, const Expr &begin, const Expr &end,
                                const Expr &first_input) {
    PhaseTask multiplying = *this;  // whose sums are the products
    multiplying.sums_a = planar ? p.at("products_pitch") : Expr(1);
    multiplying.sums_block = multiplying.sums_a * p.at("tile_a");
    Expr from = body.let("rows_from", max(begin, 0)), to = min(end, h.in);
    Expr first = body.let("first_column", max(column_begin + w.farthest, 0));
    Expr last = body.let("end_column", min(column_end + w.nearest, w.in));
    Expr segment = p.at("segment");
    body.loop("row", to - from, [&](Statements &row, const Expr &number) {
        Expr y = row.let("input_row", from + number);
        row.loop("segment", (last - first + segment - 1) / segment, [&](Statements &each, const Expr &part) {
            Expr x = each.let("segment_begin", first + part * segment);
            Expr length = each.let("segment_columns", min(segment, last - x));
            // Vectors of pixels reach past the last one, to products that count as zero where the image has ended.
            const int vector = planar ? stages.vector : 1;
            PhaseTask reading = *this;  // of quotients that read nothing beside the segment
            reading.row_begin = y - h.farthest;
            reading.row_end = y + 1 - h.nearest;
            reading.column_begin = x - w.farthest;
            reading.column_end = x + (length + vector - 1) / vector * vector - w.nearest;
            const Staged staged = reading.stage(
                each, {pointers.input, p.at("in_row"), p.at("in_col"), 0, h.in, 0, w.in}, p.at("staged_at"));
            Expr goes_on = x + segment < last;
            Expr next_row = min(select(goes_on, y, y + 1), h.in - 1), next_column = select(goes_on, x + segment, first);
            Expr next = each.let("next", int64(next_row) * p.at("in_row") + int64(next_column) * p.at("in_col"));
            multiplying.multiply_segment(each, staged, first_input, next);
        });
    });
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
            row.add(
                stages.keep.call({{"products", {scratch_at(to + strip * p.at("products_row")), {0, 0}, {1, distance}}},
                                  {"kept", {scratch_at(to), {numbers, planes}, {1, distance}}}},
                                 {}));
        });
        Expr fresh = each.let("fresh", first_input + select(number == 0, 0, span));
        Expr end = each.let("end_input", row_end + h.nearest);
        multiply_inputs(each, stages, fresh, end, first_input);
        each_pass(
            each, "ry", h, 1, row_begin, row_end,
            [&](Statements &rows, const Expr &ry, const PhaseParameters &vertical) {
                rows.when(vertical.end > vertical.begin, [&](Statements &phase) {
                    each_pass(phase, "rx", w, planar ? Expr(1) : w.stride, column_begin, column_end,
                              [&](Statements &then, const Expr &rx, const PhaseParameters &horizontal) {
                                  add_overlapping(then, stages, vertical, horizontal, first_input,
                                                  planar ? rx * sums_phase : Expr(0));
                              });
                    phase.when(!softmax,
                               [&](Statements &then) { finish_overlap(then, unit_of(then, 0), row_phase(then, ry)); });
                    phase.when(softmax, [&](Statements &then) { finish_units_by_softmax(then, row_phase(then, ry)); });
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
