// How the generated stages are computed on a CPU. One function per stage; each only arranges loops, vectors and
// storage of Funcs that generators/ defines. The default schedule needs nothing of its target and is the first rung
// of every port; the others want a vector length and, for the multiply loops, a register tile.
#pragma once

#include "correlate.h"
#include "finish.h"
#include "gather.h"
#include "multiply.h"
#include "multiply_planes.h"
#include "overlap.h"
#include "pack.h"
#include "position_sums.h"
#include "stage.h"
#include "winograd.h"

namespace tconv::schedules {

// Halide takes the stride of a buffer's first dimension to be 1 unless told otherwise. Views may have any.
template<typename View>
void any_stride(View view) {
    view.dim(0).set_stride(Halide::Expr());
}

// A multiply tile: `a` lanes (channels, depthwise) or outputs (pixels) by `m` pixels, in vectors of `vector` floats.
// It is held in registers, so a * m / vector accumulators plus operands must fit the register file.
// `masked`: it stores only as many lanes as its caller's buffer has, for targets whose vectors are stored by mask.
struct Tile {
    int a, m, vector;
    bool masked = false;
    int rows = 1;  // of planes, where a tile may be short
};

void cpu_multiply(generators::Multiply &multiply, const Tile &tile);
// `tile.m` pixels, each with all phases of its row.
void cpu_multiply_planes(generators::MultiplyPlanes &multiply, const Tile &tile);
void cpu_correlate(generators::Correlate &correlate, const Tile &tile);

// Channels of a panel that many numbers apart.
void cpu_winograd_input(generators::WinogradInput &input, int vector, int panel);
void cpu_winograd_output(generators::WinogradOutput &output, int vector);
void cpu_winograd_filter(generators::WinogradFilter &filter, int vector);

// Of fewer lanes than a vector of so many, or (`wide`) of at least so many.
void cpu_overlap_add(generators::OverlapAdd &add, int vector, bool wide);
// With the pixels of a plane contiguous.
void cpu_overlap_add_planes(generators::OverlapAdd &add, int vector);
void cpu_keep_products(generators::KeepProducts &keep, int vector);

// With the columns of a channel contiguous, or any strides.
void cpu_position_sums(generators::PositionSums &sums, bool planar, int vector);
void cpu_unpack(generators::Unpack &unpack, int vector);

void cpu_stage(generators::Stage &stage, bool planar, int vector, int panel);
// In square tiles of `edge`, for an input whose contiguous axis is the other one than the copy's.
void cpu_stage_transposed(generators::Stage &stage, bool planar, int edge);
// With Stage's and FinishRows' squares.
void cpu_stage_squares(generators::Stage &stage, bool planar);
void cpu_stage_groups(generators::StageGroups &stage, int vector);
void cpu_stage_unpaired(generators::StageUnpaired &stage);
void cpu_clear(generators::Clear &clear, int vector);
void cpu_repeat(generators::Repeat &repeat, int vector);
void cpu_fill(generators::Fill &fill, int vector);

void cpu_finish(generators::Finish &finish, int vector);
void cpu_finish_rows(generators::FinishRows &finish, int edge);
void cpu_finish_squares(generators::FinishRows &finish);
// A transposition in registers, for each iteration of a loop of `consumer`.
void cpu_transpose(generators::Transpose &transpose, const Halide::Func &consumer, const Halide::Var &loop);
void cpu_finish_interleaved(generators::FinishInterleaved &finish, int vector);
void cpu_activate(generators::Activate &activate, int vector);
void cpu_add_to_sums(generators::AddToSums &add, int vector);
void cpu_add_to_output(generators::AddToOutput &add, int vector);
void cpu_softmax_exponentiate(generators::SoftmaxExponentiate &exponentiate, int vector);
void cpu_softmax_scale(generators::SoftmaxScale &scale, int vector);

void default_gather(generators::Gather &gather);
void default_pack(generators::Pack &pack);
void default_softmax_peak(generators::SoftmaxPeak &peak);
void default_softmax_total(generators::SoftmaxTotal &total);

}  // namespace tconv::schedules
