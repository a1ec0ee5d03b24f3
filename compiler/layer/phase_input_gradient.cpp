// The gradient of the input: a strided convolution of the output's gradient, as a sum over the phases of that output.
//
// Phase r holds outputs stride * q + r - crop. Taps k = first_tap + j * tap_step are those that reach it, and through
// them input i touches quotient q = i - offset + j * offset_step: on every phase a dense gather with stride 1, whose
// sums add up. So the phases are staged apart, and the register tiles of the layer itself do the rest, with taps that
// run the other way.
#include "phase_task.h"

namespace tconv::compiler {

using namespace Halide;

void PhaseTask::build_input_gradient(Statements &body, const Expr &task) {
    // Positions and results are those of a layer without stride.
    const AxisParameters of_layer_h = h, of_layer_w = w;
    for (AxisParameters *axis : {&h, &w}) {
        axis->stride = axis->dilation = axis->gcd = 1;
        axis->crop = axis->inverse = 0;
    }
    place_task(body, task);
    prepare_lanes(body, shared, p, pointers, 1);

    Expr phases_w = body.let("phases_w", min(of_layer_w.kernel, of_layer_w.stride / of_layer_w.gcd));
    Expr phases_h = body.let("phases_h", min(of_layer_h.kernel, of_layer_h.stride / of_layer_h.gcd));
    auto place = [&](const Expr &number_h, const Expr &number_w) {
        return p.at("staged_at") + (number_h * phases_w + number_w) * p.at("staged_phase");
    };
    auto each_phase_pair = [&](Statements &outer, const auto &visit) {
        each_tapped_phase(outer, "ry", of_layer_h, row_begin, row_end,
                          [&](Statements &rows, const Expr &number_h, const Expr &ry, const PhaseParameters &vertical) {
                              each_tapped_phase(rows, "rx", of_layer_w, column_begin, column_end,
                                                [&](Statements &each, const Expr &number_w, const Expr &rx,
                                                    const PhaseParameters &horizontal) {
                                                    visit(each, number_h, ry, vertical, number_w, rx, horizontal);
                                                });
                          });
    };
    each_phase_pair(body, [&](Statements &each, const Expr &number_h, const Expr &ry, const PhaseParameters &,
                              const Expr &number_w, const Expr &rx, const PhaseParameters &) {
        Expr origin = int64(ry - of_layer_h.crop) * p.at("in_row") + int64(rx - of_layer_w.crop) * p.at("in_col");
        stage(each,
              {address_of(stored, pointers.input, origin), int64(of_layer_h.stride) * p.at("in_row"),
               int64(of_layer_w.stride) * p.at("in_col"), first_quotient(of_layer_h, ry),
               end_quotient(of_layer_h, h.in, ry), first_quotient(of_layer_w, rx), end_quotient(of_layer_w, w.in, rx)},
              each.let("place", place(number_h, number_w)));
    });

    body.loop("unit", unit_count, [&](Statements &each, const Expr &index) {
        Unit unit = unit_of(each, index);
        Expr lane = int64(unit.group * p.at("outputs")) * p.at("out_c") + unit.first_lane;
        Expr output = int64(row_begin) * p.at("out_row") + int64(column_begin) * p.at("out_col") + lane;
        const Destination whole = destination(each, unit.sums, output);
        each_phase_pair(each, [&](Statements &phase, const Expr &number_h, const Expr &ry,
                                  const PhaseParameters &vertical, const Expr &number_w, const Expr &,
                                  const PhaseParameters &horizontal) {
            Staged input;
            input.at = phase.let("place", place(number_h, number_w));
            input.row_begin =
                phase.let("staged_row_begin", max(first_quotient(of_layer_h, ry), row_begin + h.farthest));
            input.rows = phase.let(
                "staged_rows", max(0, min(end_quotient(of_layer_h, h.in, ry), row_end + h.nearest) - input.row_begin));
            input.column_begin = column_begin + w.farthest;
            Destination to = whole;
            to.first = number_h == 0 && number_w == 0;
            to.last = number_h == phases_h - 1 && number_w == phases_w - 1;
            multiply_phase(phase, unit, input, vertical, horizontal, to);
        });
        each.when(p.at("direct") == 0, [&](Statements &then) { finish_unit(then, unit, row_phase(then, 0)); });
    });
}

LayerBuilder input_gradient_layer(const SharedStages &shared, const PhaseForm &form) {
    return [&shared, form](Statements &body, const Parameters &p, const Expr &task, const Pointers &pointers) {
        PhaseTask(shared, form, p, pointers).build_input_gradient(body, task);
    };
}

}  // namespace tconv::compiler
