// The end of a task: sums become outputs, box by box.
#pragma once

#include <functional>

#include "layer_function.h"

namespace tconv::compiler {

// A rectangle of one x-phase within the sums of a unit: `a` lanes by `m` pixels by rows.
struct Box {
    Halide::Expr lanes, pixels, rows;             // extents
    Halide::Expr sums;                            // address of its first value
    Halide::Expr stride_a, stride_m, stride_row;  // of sums
    Halide::Expr first_lane;                      // index into the per-lane bias and slope
    Halide::Expr output, residual;                // addresses
    Halide::Expr output_a, output_m, output_row;  // strides
    Halide::Expr residual_a, residual_m, residual_row;
    Halide::Expr peak, total;               // softmax statistics of the box (addresses)
    Halide::Expr statistic, statistic_row;  // strides along the axis that softmax keeps, and along rows
};

using BoxVisitor = std::function<void(Statements &, const Box &)>;

// Calls `visit` for every box of the task; called once per sweep.
using EachBox = std::function<void(Statements &, const BoxVisitor &visit)>;

// Per-lane bias and slope into scratch, at the start of a task.
void prepare_lanes(Statements &body, const SharedStages &shared, const Parameters &p, const Pointers &pointers,
                   const Halide::Expr &phases);

// sums = activation(sums + bias), in place: what whole rows, which only know piecewise linear activations, then copy.
void activate_box(Statements &body, const SharedStages &shared, const Parameters &p, const Pointers &pointers,
                  const Box &box);

// Bias, activation, residual and store of one box, for layers without softmax. `activated` where activate_box has been
// there.
void finish_box(Statements &body, const SharedStages &shared, const Parameters &p, const Pointers &pointers,
                const Box &box, const Halide::Expr &activated);

// The same for softmax, which needs all boxes that share an axis.
void finish_softmax(Statements &body, const SharedStages &shared, const Parameters &p, const Pointers &pointers,
                    const EachBox &each_box, const Halide::Expr &statistics);

}  // namespace tconv::compiler
