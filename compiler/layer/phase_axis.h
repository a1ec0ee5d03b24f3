// The phase arithmetic of one axis, as IR: what runtime/src/geometry.h computes in C++.
#pragma once

#include <functional>
#include <string>

#include "layer_function.h"

namespace tconv::compiler {

// One axis of the layer, by the suffix of its parameters.
struct AxisParameters {
    Halide::Expr in, out, kernel, stride, dilation, crop, gcd, inverse, first, end, nearest, farthest, block, blocks;

    AxisParameters(const Parameters &p, const std::string &axis)
        : in(p.at("in_" + axis)),
          out(p.at("out_" + axis)),
          kernel(p.at("kernel_" + axis)),
          stride(p.at("stride_" + axis)),
          dilation(p.at("dilation_" + axis)),
          crop(p.at("crop_" + axis)),
          gcd(p.at("gcd_" + axis)),
          inverse(p.at("inverse_" + axis)),
          first(p.at("first_" + axis)),
          end(p.at("end_" + axis)),
          nearest(p.at("nearest_" + axis)),
          farthest(p.at("farthest_" + axis)),
          block(p.at("block_" + axis)),
          blocks(p.at("blocks_" + axis)) {}
};

// What one phase of an axis reads and writes (docs/algorithm.md): taps first_tap + j * tap_step, at input index
// q + offset - j * offset_step, for quotients q in [begin, end) of this task.
struct PhaseParameters {
    Halide::Expr taps, first_tap, tap_step, offset, offset_step, begin, end;
};

// Quotients of phase r that are outputs: first to end - 1. Divided before the phase is taken off: positions may lie at
// either end of int32, where crop - r and crop + stride wrap.
inline Halide::Expr first_quotient(const AxisParameters &axis, const Halide::Expr &r) {
    return axis.crop / axis.stride + Halide::select(axis.crop % axis.stride > r, 1, 0);
}
inline Halide::Expr end_quotient(const AxisParameters &axis, const Halide::Expr &outputs, const Halide::Expr &r) {
    Halide::Expr last = axis.crop + (outputs - 1);
    return last / axis.stride + Halide::select(last % axis.stride >= r, 1, 0);
}

// Where the block that begins at `begin` ends, of an axis whose last block may be shorter.
inline Halide::Expr end_of_block(const Halide::Expr &begin, const Halide::Expr &block, const Halide::Expr &end) {
    return begin + Halide::min(block, end - begin);
}

// Where `position` lies in a block that begins at `begin`, or the nearer of its ends, `least` and `most`. The two positions
// may be further apart than int32 counts.
inline Halide::Expr within_block(const Halide::Expr &position, const Halide::Expr &begin, const Halide::Expr &least,
                                 const Halide::Expr &most) {
    return Halide::cast<int32_t>(clamp(int64(position) - begin, int64(least), int64(most)));
}

inline PhaseParameters phase_of(Statements &body, const AxisParameters &axis, const Halide::Expr &r,
                                const Halide::Expr &block_begin, const Halide::Expr &block_end) {
    PhaseParameters phase;
    phase.tap_step = body.let("tap_step", axis.stride / axis.gcd);
    phase.offset_step = body.let("offset_step", axis.dilation / axis.gcd);
    // Both factors may be as large as the stride; two of more than 46340 have a product beyond int32.
    Halide::Expr product = Halide::cast<int64_t>(r / axis.gcd) * axis.inverse;
    phase.first_tap = body.let("first_tap", Halide::cast<int32_t>(product % phase.tap_step));
    Halide::Expr has_taps = r % axis.gcd == 0 && phase.first_tap < axis.kernel;
    phase.taps =
        body.let("taps", Halide::select(has_taps, (axis.kernel - 1 - phase.first_tap) / phase.tap_step + 1, 0));
    phase.offset = body.let("offset", (r - axis.dilation * phase.first_tap) / axis.stride);
    phase.begin = body.let("begin", Halide::max(first_quotient(axis, r), block_begin));
    Halide::Expr end = Halide::min(end_quotient(axis, axis.out, r), block_end);
    phase.end = body.let("end", Halide::max(phase.begin, end));
    return phase;
}

// Visits the phases of an axis that have outputs: all, or where the stride exceeds the outputs, one for each.
inline void each_phase(Statements &body, const std::string &name, const AxisParameters &axis,
                       const std::function<void(Statements &, const Halide::Expr &r)> &visit) {
    body.loop(name, body.let("phases", Halide::min(axis.stride, axis.out)),
              [&](Statements &each, const Halide::Expr &output) {
                  visit(each, each.let("phase", (axis.crop + output) % axis.stride));
              });
}

// Visits what is computed together: each phase that has outputs, or, where `merged` exceeds 1, all phases at once, which
// then read every input from the farthest to the nearest, one apart.
inline void each_pass(Statements &body, const std::string &name, const AxisParameters &axis, const Halide::Expr &merged,
                      const Halide::Expr &block_begin, const Halide::Expr &block_end,
                      const std::function<void(Statements &, const Halide::Expr &r, const PhaseParameters &)> &visit) {
    using Halide::select;
    Halide::Expr all = body.let("all", merged > 1);
    body.loop(name, body.let("passes", select(all, 1, Halide::min(axis.stride, axis.out))),
              [&](Statements &each, const Halide::Expr &output) {
                  Halide::Expr r = each.let("phase", select(all, 0, (axis.crop + output) % axis.stride));
                  PhaseParameters phase = phase_of(each, axis, r, block_begin, block_end);
                  phase.taps = each.let("taps", select(all, axis.nearest - axis.farthest + 1, phase.taps));
                  phase.first_tap = each.let("first_tap", select(all, 0, phase.first_tap));
                  phase.tap_step = each.let("tap_step", select(all, 1, phase.tap_step));
                  phase.offset = each.let("offset", select(all, axis.nearest, phase.offset));
                  phase.offset_step = each.let("offset_step", select(all, 1, phase.offset_step));
                  phase.begin = each.let("begin", select(all, block_begin, phase.begin));
                  phase.end = each.let("end", select(all, block_end, phase.end));
                  visit(each, r, phase);
              });
}

// Visits the phases of an axis that have taps, one for each possible first tap. `number` counts them.
inline void each_tapped_phase(Statements &body, const std::string &name, const AxisParameters &axis,
                              const Halide::Expr &begin, const Halide::Expr &end,
                              const std::function<void(Statements &, const Halide::Expr &number, const Halide::Expr &r,
                                                       const PhaseParameters &)> &visit) {
    Halide::Expr tap_step = body.let("tap_step", axis.stride / axis.gcd);
    body.loop(name, body.let("phases", Halide::min(axis.kernel, tap_step)),
              [&](Statements &each, const Halide::Expr &first_tap) {
                  Halide::Expr reach = each.let("reach", int64(axis.dilation) * first_tap);
                  Halide::Expr r = each.let("phase", Halide::cast<int32_t>(reach % axis.stride));
                  PhaseParameters phase;
                  phase.first_tap = first_tap;
                  phase.tap_step = tap_step;
                  phase.taps = each.let("taps", (axis.kernel - 1 - first_tap) / tap_step + 1);
                  phase.offset = each.let("offset", Halide::cast<int32_t>(reach / axis.stride));
                  phase.offset_step = -(axis.dilation / axis.gcd);
                  phase.begin = begin;
                  phase.end = end;
                  visit(each, first_tap, r, phase);
              });
}

}  // namespace tconv::compiler
