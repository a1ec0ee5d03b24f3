// A task of the phase family: stage the input block once; then, for every row phase and unit of lanes, multiply all
// x-phases and finish them while their sums are in cache.
#include "phase_task.h"

namespace tconv::compiler {

using namespace Halide;

PhaseTask::Unit PhaseTask::unit_of(Statements &body, const Expr &index) {
    Unit unit;
    Expr number = unit_begin + index;
    unit.group = body.let("group", number / p.at("group_units"));
    unit.first_block = body.let("first_block", (number % p.at("group_units")) * p.at("unit_blocks"));
    unit.blocks = body.let("blocks", min(p.at("unit_blocks"), p.at("lane_blocks") - unit.first_block));
    unit.first_lane = body.let("first_lane", unit.first_block * p.at("tile_a"));
    unit.end_lane = body.let("end_lane", min(p.at("lanes"), (unit.first_block + unit.blocks) * p.at("tile_a")));
    // Softmax keeps the sums of all units of a task; otherwise each unit takes the place of the one before.
    unit.sums = body.let("unit_sums", select(p.at("sums_units") > 1, index * sums_unit, 0));
    return unit;
}

// Which part of the layer the task is, and how its sums lie.
void PhaseTask::place_task(Statements &body, const Expr &task) {
    Expr unit_task = body.let("unit_task", task % p.at("unit_tasks"));
    Expr block = body.let("block", task / p.at("unit_tasks"));
    Expr block_row = block / w.blocks, block_column = block % w.blocks;
    row_begin = body.let("row_begin", h.first + block_row * h.block);
    row_end = body.let("row_end", end_of_block(row_begin, h.block, h.end));
    column_begin = body.let("column_begin", w.first + block_column * w.block);
    column_end = body.let("column_end", end_of_block(column_begin, w.block, w.end));
    unit_begin = body.let("unit_begin", unit_task * p.at("task_units"));
    unit_count = body.let("unit_count", min(p.at("task_units"), p.at("units") - unit_begin));
    first_group = body.let("first_group", unit_begin / p.at("group_units"));

    if (planar) {
        sums_m = 1;
        sums_row = p.at("sums_pitch");
        sums_a = body.let("sums_a", p.at("sums_pitch") * h.block);
        sums_block = sums_a * p.at("tile_a");
        sums_phase = body.let("sums_phase", sums_block * p.at("unit_blocks"));
    } else {
        sums_a = 1;
        sums_block = p.at("tile_a");
        sums_m = p.at("sums_pitch");
        sums_row = body.let("sums_row", p.at("sums_pitch") * w.block);
        sums_phase = body.let("sums_phase", sums_row * h.block);
    }
    sums_unit = body.let("sums_unit", select(merged_w > 1, sums_phase, sums_phase * w.stride));
}

void PhaseTask::each_image(Statements &body,
                           const std::function<void(Statements &, const Expr &image)> &visit) const {
    body.loop("image", planar || depthwise ? Expr(1) : p.at("images"), visit);
}

void PhaseTask::each_finished_image(
    Statements &body, const Unit &unit,
    const std::function<void(Statements &, PhaseTask &task, const Unit &sums)> &visit) const {
    each_image(body, [&](Statements &each, const Expr &image) {
        auto shifted = [&](const Expr &first, const char *pitch) {
            return each.let("of_image", address_of(stored, first, int64(image) * p.at(pitch)));
        };
        PhaseTask task = *this;
        task.pointers.output = shifted(pointers.output, "out_image");
        task.pointers.residual = shifted(pointers.residual, "res_image");
        Unit sums = unit;
        sums.sums = each.let("image_sums", unit.sums + image * p.at("sums_image"));
        visit(each, task, sums);
    });
}

void PhaseTask::build(Statements &body, const Expr &task) {
    place_task(body, task);
    prepare_lanes(body, shared, p, pointers, merged_h * merged_w);
    const Source source = {pointers.input, p.at("in_row"), p.at("in_col"), 0, h.in, 0, w.in};
    const Staged input = place_staged(body, source, p.at("staged_at"));
    each_image(body, [&](Statements &each, const Expr &image) {
        Source from = source;
        from.host = each.let("from", address_of(stored, source.host, int64(image) * p.at("in_image")));
        Staged to = input;
        to.at = each.let("to", input.at + image * p.at("staged_image"));
        copy_staged(each, from, to);
    });

    each_pass(body, "ry", h, merged_h, row_begin, row_end,
              [&](Statements &rows, const Expr &ry, const PhaseParameters &vertical) {
                  Expr some = vertical.end > vertical.begin;
                  Expr softmax = p.at("softmax") != 0;
                  rows.when(some, [&](Statements &phase) {
                      phase.loop("unit", unit_count, [&](Statements &each, const Expr &index) {
                          Unit unit = unit_of(each, index);
                          multiply_unit(each, unit, input, vertical, ry);
                          each.when(!softmax && p.at("direct") == 0, [&](Statements &then) {
                              each_finished_image(then, unit,
                                                  [&](Statements &of_image, PhaseTask &task, const Unit &sums) {
                                                      of_image.loop(
                                                          "row_phase", select(merged_h > 1, min(h.stride, h.out), 1),
                                                          [&](Statements &inner, const Expr &output) {
                                                              Expr r = (h.crop + output) % h.stride;
                                                              r = select(merged_h > 1, r, ry);
                                                              task.finish_unit(inner, sums, row_phase(inner, r));
                                                          });
                                                  });
                          });
                      });
                      phase.when(softmax,
                                 [&](Statements &then) { finish_units_by_softmax(then, row_phase(then, ry)); });
                  });
              });
}

LayerBuilder phase_layer(const SharedStages &shared, const PhaseForm &form) {
    return [&shared, form](Statements &body, const Parameters &p, const Expr &task, const Pointers &pointers) {
        PhaseTask(shared, form, p, pointers).build(body, task);
    };
}

}  // namespace tconv::compiler
