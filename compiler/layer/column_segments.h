// Columns of a phase, cut where a tap begins or ceases to fall beside the input. With a large dilation most taps of a border
// do: 3 x 3 taps 12 apart on a map of 33 columns multiply 23 % zeros. On a map of one column, half the taps of k4 s2 or
// more fall beside it everywhere: their weights need not be read.
#pragma once

#include "phase_axis.h"

namespace tconv::compiler {

// Visits the parts of [phase.begin, phase.end), ascending, each with the taps that read columns [inside_begin, inside_end)
// from somewhere in it. Where taps lie closer than `least` columns there is one part: tiles of so few columns would cost
// more than the products they save.
inline void each_column_segment(Statements &body, const PhaseParameters &phase, const Halide::Expr &inside_begin,
                                const Halide::Expr &inside_end, const Halide::Expr &least,
                                const std::function<void(Statements &, const PhaseParameters &segment)> &visit) {
    using namespace Halide;
    // Counted so that tap j reads u - j * step, of [0, width), in the order in which it comes first to the left.
    Expr step = body.let("step", abs(cast<int32_t>(phase.offset_step)));
    Expr backwards = phase.offset_step < 0;
    Expr width = body.let("inside_width", inside_end - inside_begin);
    Expr shift = body.let("shift", phase.offset - inside_begin + select(backwards, (phase.taps - 1) * step, 0));
    Expr cut = body.let("cut", phase.taps > 1 && step >= least);
    // Taps begin at 0, step, ... and cease at width, width + step, ...: two sequences, merged. The first `before` begin
    // before any ceases; then one ceases and one begins in turn; then the last cease.
    Expr before = body.let("before", min(phase.taps, (width + step - 1) / max(step, 1)));
    Expr turns = body.let("turns", phase.taps - before);
    auto border = [&](const Expr &i) {
        Expr turn = i - before;
        Expr ceasing = width + select(turn < 2 * turns, turn / 2, turn - turns) * step;
        Expr beginning = select(turn < 0, i, before + turn / 2) * step;
        return select(turn < 0 || (turn < 2 * turns && turn % 2 != 0), beginning, ceasing);
    };
    Expr count = body.let("segments", select(cut, 2 * phase.taps + 1, 1));
    body.loop("segment", count, [&](Statements &each, const Expr &number) {
        Expr from = each.let("from", select(number == 0, phase.begin, max(phase.begin, border(number - 1) - shift)));
        Expr to = each.let("to", select(number == count - 1, phase.end, min(phase.end, border(number) - shift)));
        each.when(from < to, [&](Statements &then) {
            Expr first = then.let("first_inside", clamp((from + shift - width) / max(step, 1) + 1, 0, phase.taps));
            Expr end = then.let("end_inside", clamp((to - 1 + shift) / max(step, 1) + 1, first, phase.taps));
            PhaseParameters segment = phase;
            Expr left_out = then.let("left_out", select(backwards, phase.taps - end, first));
            segment.taps = then.let("segment_taps", end - first);
            segment.first_tap = phase.first_tap + left_out * phase.tap_step;
            segment.offset = phase.offset - left_out * phase.offset_step;
            segment.begin = from;
            segment.end = to;
            visit(then, segment);
        });
    });
}

}  // namespace tconv::compiler
