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
    auto place = [&](const Expr &number_h, const Expr &number_w, const Expr &image) {
        return p.at("staged_at") + (number_h * phases_w + number_w) * p.at("staged_phase") +
               image * p.at("staged_image");
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
    auto source_of = [&](const Expr &ry, const Expr &rx, const Expr &image) {
        Expr origin = (int64(ry) - of_layer_h.crop) * p.at("in_row") + (int64(rx) - of_layer_w.crop) * p.at("in_col") +
                      int64(image) * p.at("in_image");
        return Source{address_of(stored, pointers.input, origin), int64(of_layer_h.stride) * p.at("in_row"),
                      int64(of_layer_w.stride) * p.at("in_col"),  first_quotient(of_layer_h, ry),
                      end_quotient(of_layer_h, h.in, ry),         first_quotient(of_layer_w, rx),
                      end_quotient(of_layer_w, w.in, rx)};
    };
    // All channels at once, or, for many channels, each block of the reduction before it is multiplied.
    Expr by_block = p.at("by_block") != 0;
    auto stage_images = [&](Statements &then, const auto &visit) {
        each_image(then, [&](Statements &of_image, const Expr &image) {
            each_phase_pair(of_image,
                            [&](Statements &each, const Expr &number_h, const Expr &ry, const PhaseParameters &,
                                const Expr &number_w, const Expr &rx, const PhaseParameters &) {
                                visit(each, source_of(ry, rx, image),
                                      each.let("place", place(number_h, number_w, image)));
                            });
        });
    };
    body.when(!by_block, [&](Statements &then) {
        stage_images(then, [&](Statements &each, const Source &source, const Expr &at) { stage(each, source, at); });
    });
    auto stage_one_block = [&](Statements &then, const Expr &number) {
        stage_images(then, [&](Statements &each, const Source &source, const Expr &at) {
            stage_channels(each, source, at, number);
        });
    };

    body.loop("unit", unit_count, [&](Statements &each, const Expr &index) {
        Unit unit = unit_of(each, index);
        Expr lane = int64(unit.group * p.at("outputs")) * p.at("out_c") + unit.first_lane;
        Expr output = int64(row_begin) * p.at("out_row") + int64(column_begin) * p.at("out_col") + lane;
        const Destination whole = destination(each, unit.sums, output);
        Expr count = each.let("channel_blocks", block_count());
        each.loop("channel_block", count, [&](Statements &of_block, const Expr &number) {
            if (!planar && !depthwise) {
                of_block.when(by_block, [&](Statements &then) { stage_one_block(then, number); });
            }
            each_phase_pair(
                of_block, [&](Statements &phase, const Expr &number_h, const Expr &ry, const PhaseParameters &vertical,
                              const Expr &number_w, const Expr &rx, const PhaseParameters &horizontal) {
                    const Staged input =
                        place_staged(phase, source_of(ry, rx, 0), phase.let("place", place(number_h, number_w, 0)));
                    Destination to = whole;
                    to.first = number_h == 0 && number_w == 0;
                    to.last = number_h == phases_h - 1 && number_w == phases_w - 1;
                    multiply_block(phase, unit, input, vertical, horizontal, to, number, select(by_block, number, 0));
                });
        });
        each.when(p.at("direct") == 0, [&](Statements &then) {
            each_finished_image(then, unit, [&](Statements &of_image, PhaseTask &task, const Unit &sums) {
                task.finish_unit(of_image, sums, task.row_phase(of_image, 0));
            });
        });
    });
}

LayerBuilder input_gradient_layer(const SharedStages &shared, const PhaseForm &form) {
    return [&shared, form](Statements &body, const Parameters &p, const Expr &task, const Pointers &pointers) {
        PhaseTask(shared, form, p, pointers).build_input_gradient(body, task);
    };
}

}  // namespace tconv::compiler
