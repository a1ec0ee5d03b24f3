// Gradients of the filter and the bias. The correlation's register tiles are those of cpu_multiply.cpp, with the same
// count of registers; its reduction runs over positions, so both operands come from staged blocks.
#include "schedule.h"

namespace tconv::schedules {

using namespace Halide;

void cpu_correlate(generators::Correlate &correlate, const Tile &tile) {
    Var a = correlate.a, m = correlate.m, panel = correlate.panel, block = correlate.block, tile_m("tile_m");
    Func product = correlate.product, sums = correlate.sums;
    // The caller passes whole tiles only.
    sums.split(m, tile_m, m, tile.m, TailStrategy::RoundUp)
        .reorder(a, m, tile_m, panel, block)
        .vectorize(a, tile.vector)
        .unroll(a)
        .unroll(m);
    product.compute_at(sums, tile_m)
        .store_in(MemoryType::Register)
        .bound_extent(a, tile.a)
        .bound_extent(m, tile.m)
        .vectorize(a, tile.vector)
        .unroll(a)
        .unroll(m);
    product.update(0)
        .reorder(a, m, correlate.positions.x, correlate.positions.y, correlate.positions.z, panel, block)
        .vectorize(a, tile.vector)
        .unroll(a)
        .unroll(m);
    product.update(1).reorder(a, m, panel, block).vectorize(a, tile.vector).unroll(a).unroll(m);

    correlate.wide.dim(0).set_min(0).set_stride(1);
    correlate.narrow.dim(0).set_min(0).set_stride(1);
    sums.output_buffer().dim(0).set_bounds(0, tile.a);
    for (int d = 0; d < sums.dimensions(); d++) {
        correlate.partial.dim(d).set_min(0).set_stride(sums.output_buffer().dim(d).stride());
    }
}

void cpu_position_sums(generators::PositionSums &sums, bool planar, int vector) {
    any_stride(sums.gradient);
    sums.partial.bound_extent(sums.v, vector);
    if (planar) {  // vectors of columns
        sums.gradient.dim(1).set_stride(1);
        sums.partial.compute_at(sums.sums, sums.c).store_in(MemoryType::Register).vectorize(sums.v, vector);
        sums.partial.update().vectorize(sums.v, vector);
        return;
    }
    // Vectors of channels; where they are contiguous, vectors are loaded.
    Var block("block");
    Expr contiguous = sums.gradient.dim(0).stride() == 1;
    sums.sums.update(0)
        .split(sums.c, block, sums.c, vector, TailStrategy::GuardWithIf)
        .reorder(sums.c, sums.lanes, block)
        .vectorize(sums.c);
    sums.sums.update(1).reorder(sums.c, sums.rest.x, sums.rest.y);
    sums.sums.update(1).specialize(contiguous).vectorize(sums.c, vector, TailStrategy::GuardWithIf);
    sums.partial.reorder_storage(sums.c, sums.v)
        .compute_at(sums.sums, block)
        .store_in(MemoryType::Stack)
        .bound_storage(sums.c, vector);
    sums.partial.reorder(sums.c, sums.v).vectorize(sums.c, vector, TailStrategy::GuardWithIf);
    sums.partial.update().reorder(sums.c, sums.v, sums.vectors.x, sums.vectors.y);
    sums.partial.update().specialize(contiguous).vectorize(sums.c, vector, TailStrategy::GuardWithIf);
}

void cpu_unpack(generators::Unpack &unpack, int vector) {
    any_stride(unpack.filter.output_buffer());
    unpack.partial.dim(0).set_min(0).set_stride(1);
    Var block("block");
    Func total = unpack.total, filter = unpack.filter;
    if (unpack.transpose) {
        Var blocks_t("blocks_t");
        const int edge = unpack.transpose->edge;
        unpack.filter.output_buffer().dim(1).set_stride(1);
        // The caller passes whole squares only.
        filter.split(unpack.lane, block, unpack.lane, edge, TailStrategy::RoundUp)
            .split(unpack.t, blocks_t, unpack.t, edge, TailStrategy::RoundUp)
            .reorder(unpack.t, unpack.lane, blocks_t, block, unpack.u, unpack.v)
            .vectorize(unpack.t)
            .unroll(unpack.lane);
        cpu_transpose(*unpack.transpose, filter, blocks_t);
        Var lane = total.args()[0], row = total.args()[1];
        total.update().reorder(lane, row, unpack.split).vectorize(lane).unroll(row);
        return;
    }
    filter.split(unpack.lane, block, unpack.lane, vector, TailStrategy::GuardWithIf)
        .reorder(unpack.lane, unpack.t, block, unpack.u, unpack.v)
        .vectorize(unpack.lane);
    total.compute_at(filter, unpack.t).store_in(MemoryType::Register).bound_extent(unpack.lane, vector);
    total.vectorize(unpack.lane, vector);
    total.update().vectorize(unpack.lane, vector);
}

}  // namespace tconv::schedules
