// The passes behind the multiply loops. They read sums that are still in the first or second level of cache, so what
// matters is that loads and stores are vectors where the strides allow it.
#include "schedule.h"

namespace tconv::schedules {

using namespace Halide;

namespace {

// Vectors along whichever of (first, second) is contiguous, in the order in which the boxes lie in memory.
template<typename Schedulable>
void vectorize_contiguous(Schedulable stage, const OutputImageParam &view, Var first, Var second, int vector) {
    stage.specialize(view.dim(0).stride() == 1).vectorize(first, vector, TailStrategy::GuardWithIf);
    stage.specialize(view.dim(1).stride() == 1)
        .reorder(second, first)
        .vectorize(second, vector, TailStrategy::GuardWithIf);
    Var block("block");
    stage.split(second, block, second, vector, TailStrategy::GuardWithIf)
        .reorder(second, block, first)
        .vectorize(second);
}

}  // namespace

void cpu_finish(generators::Finish &finish, int vector) {
    Var a = finish.a, m = finish.m, row = finish.row, block("block");
    OutputImageParam view = finish.output.output_buffer();
    any_stride(finish.sums);
    any_stride(view);
    Expr lanes_contiguous = finish.sums.dim(0).stride() == 1;
    Expr pixels_contiguous = finish.sums.dim(1).stride() == 1;

    auto by_kind = [&](Stage stage) {
        stage.specialize(finish.kind == generators::Finish::copy);
        stage.specialize(finish.kind == generators::Finish::bias_only);
    };
    Stage rows_of_lanes = finish.output.specialize(lanes_contiguous && view.dim(0).stride() == 1);
    rows_of_lanes.vectorize(a, vector, TailStrategy::GuardWithIf);
    by_kind(rows_of_lanes);

    Stage rows_of_pixels = finish.output.specialize(pixels_contiguous && view.dim(1).stride() == 1);
    rows_of_pixels.reorder(m, a, row).vectorize(m, vector, TailStrategy::GuardWithIf);
    by_kind(rows_of_pixels);

    // Vectors are loaded along the pixels and scattered with the phase's stride.
    Stage strided_pixels = finish.output.specialize(pixels_contiguous);
    strided_pixels.reorder(m, a, row).vectorize(m, vector, TailStrategy::GuardWithIf);
    by_kind(strided_pixels);

    // Vectors are loaded along the lanes and scattered to as many channel planes, pixel after pixel.
    finish.output.split(a, block, a, vector, TailStrategy::GuardWithIf).reorder(a, m, block, row).vectorize(a);

    finish.bias.dim(0).set_min(0).set_stride(1);
    finish.slope.dim(0).set_min(0).set_stride(1);
}

void cpu_finish_rows(generators::FinishRows &finish, int edge) {
    Var a = finish.a, x = finish.x, blocks_a("blocks_a"), pairs_a("pairs_a"), blocks_x("blocks_x");
    // Vectors are loaded along the lanes, transposed in registers and stored along the row. The last block of a row
    // overlaps the one before, so a row must reach one block; of the last block of lanes only those are stored that
    // exist (sums, bias and slope are readable to the end of a vector). Two blocks of lanes share the
    // addresses of their pixels; more would write to more planes at once than a set of the first-level cache holds.
    finish.output.split(x, blocks_x, x, edge, TailStrategy::ShiftInwards)
        .split(a, blocks_a, a, edge, TailStrategy::GuardWithIf)
        .split(blocks_a, pairs_a, blocks_a, 2, TailStrategy::GuardWithIf)
        .reorder(x, a, blocks_a, blocks_x, pairs_a, finish.row)
        .vectorize(x)
        .unroll(a);
    finish.finished.compute_at(finish.output, blocks_a)
        .store_in(MemoryType::Register)
        .bound_extent(a, edge)
        .bound_extent(x, edge)
        .vectorize(a)
        .unroll(x);
    finish.output.specialize(finish.kind == generators::Finish::copy);
    finish.output.specialize(finish.kind == generators::Finish::bias_only);

    finish.sums.dim(0).set_min(0).set_stride(1);
    finish.output.output_buffer().dim(0).set_stride(1);
    finish.bias.dim(0).set_min(0).set_stride(1);
    finish.slope.dim(0).set_min(0).set_stride(1);
}

void cpu_finish_squares(generators::FinishRows &finish) {
    Var a = finish.a, x = finish.x, blocks_a("blocks_a"), blocks_x("blocks_x");
    const int edge = finish.transpose->edge;
    finish.output.split(x, blocks_x, x, edge, TailStrategy::RoundUp)
        .split(a, blocks_a, a, edge, TailStrategy::GuardWithIf)
        .reorder(x, a, blocks_x, blocks_a, finish.row)
        .vectorize(x)
        .unroll(a);
    cpu_transpose(*finish.transpose, finish.output, blocks_x);
    finish.output.specialize(finish.kind == generators::Finish::copy);
    finish.output.specialize(finish.kind == generators::Finish::bias_only);

    finish.sums.dim(0).set_min(0).set_stride(1);
    finish.output.output_buffer().dim(0).set_min(0).set_stride(1);
    finish.output.output_buffer().dim(1).set_min(0);
    finish.bias.dim(0).set_min(0).set_stride(1);
    finish.slope.dim(0).set_min(0).set_stride(1);
}

void cpu_finish_interleaved(generators::FinishInterleaved &finish, int vector) {
    // Unrolled over the streams and vectorized along each: Halide joins such stores to one of interleaved vectors. The
    // last vector overlaps the one before, so every stream must have one.
    finish.output.bound(finish.r, 0, finish.streams)
        .unroll(finish.r)
        .vectorize(finish.j, vector, TailStrategy::ShiftInwards);
    finish.output.specialize(finish.kind == generators::Finish::copy);
    finish.output.specialize(finish.kind == generators::Finish::bias_only);

    finish.sums.dim(0).set_min(0).set_stride(1);
    finish.output.output_buffer().dim(0).set_bounds(0, finish.streams).set_stride(1);
    finish.output.output_buffer().dim(1).set_stride(finish.streams);
    finish.bias.dim(0).set_min(0).set_stride(1);
    finish.slope.dim(0).set_min(0).set_stride(1);
}

void cpu_activate(generators::Activate &activate, int vector) {
    any_stride(activate.sums.output_buffer());
    vectorize_contiguous(activate.sums.update(), activate.sums.output_buffer(), activate.a, activate.m, vector);
    activate.bias.dim(0).set_min(0).set_stride(1);
    activate.slope.dim(0).set_min(0).set_stride(1);
}

void cpu_add_to_sums(generators::AddToSums &add, int vector) {
    any_stride(add.sums.output_buffer());
    any_stride(add.residual);
    vectorize_contiguous(add.sums.update(), add.sums.output_buffer(), add.a, add.m, vector);
}

void cpu_add_to_output(generators::AddToOutput &add, int vector) {
    any_stride(add.output.output_buffer());
    any_stride(add.sums);
    any_stride(add.residual);
    vectorize_contiguous(Stage(add.output), add.output.output_buffer(), add.a, add.m, vector);
}

void cpu_softmax_exponentiate(generators::SoftmaxExponentiate &exponentiate, int vector) {
    any_stride(exponentiate.sums.output_buffer());
    vectorize_contiguous(exponentiate.sums.update(), exponentiate.sums.output_buffer(), exponentiate.r, exponentiate.i,
                         vector);
}

void cpu_softmax_scale(generators::SoftmaxScale &scale, int vector) {
    any_stride(scale.sums.output_buffer());
    vectorize_contiguous(scale.sums.update(), scale.sums.output_buffer(), scale.r, scale.i, vector);
}

}  // namespace tconv::schedules
