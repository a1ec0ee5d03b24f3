// Register tiles of planes: `a` outputs of a group by m pixels by all phases of a row, in vectors of pixels. A broadcast weight
// meets m / vector loads, which cross cache lines, so that about one multiply-add a cycle is what a core can do with one
// channel; the stores weave the phases in registers.
#include "schedule.h"

namespace tconv::schedules {

using namespace Halide;

void cpu_multiply_planes(generators::MultiplyPlanes &multiply, const Tile &tile) {
    Var r = multiply.r, m = multiply.m, row = multiply.row, a = multiply.a, block = multiply.block, tile_m("tile_m"), tile_row("tile_row");
    Func sums = multiply.sums;
    const int streams = static_cast<int>(multiply.products.size());
    // The caller passes whole tiles only. Unrolled over the phases and vectorized along each, stores become one of
    // interleaved vectors.
    sums.bound(r, 0, streams)
        .split(m, tile_m, m, tile.m, TailStrategy::RoundUp)
        .split(row, tile_row, row, tile.rows, TailStrategy::RoundUp)
        .reorder(r, m, row, a, tile_m, tile_row, block)
        .unroll(r)
        .vectorize(m, tile.vector)
        .unroll(m)
        .unroll(row)
        .unroll(a);
    for (size_t stream = 0; stream < multiply.products.size(); stream++) {
        Func product = multiply.products[stream];
        const auto &taps = multiply.taps[stream];
        product.compute_at(sums, tile_m)
            .store_in(MemoryType::Register)
            .bound_extent(a, tile.a)
            .bound_extent(m, tile.m)
            .bound_extent(row, tile.rows)
            .reorder_storage(m, row, a, block)
            .reorder(m, row, a, block)
            .vectorize(m, tile.vector)
            .unroll(m)
            .unroll(row)
            .unroll(a);
        product.update()
            .reorder(m, row, a, taps.x, taps.y, taps.z, block)
            .vectorize(m, tile.vector)
            .unroll(m)
            .unroll(row)
            .unroll(a);
        // Depthwise: a loop less around a few multiply-adds.
        product.update().specialize(multiply.channels == 1);
        for (int step = 1; step < product.num_update_definitions(); step++) {
            product.update(step)
                .reorder(m, row, a, block)
                .vectorize(m, tile.vector)
                .unroll(m)
                .unroll(row)
                .unroll(a);
        }
    }
    multiply.staged.dim(0).set_min(0).set_stride(1);
    multiply.packed.dim(0).set_min(0).set_stride(1);
    multiply.packed.dim(1).set_min(0).set_stride(tile.a);
    multiply.bias.dim(0).set_min(0).set_stride(1);
    multiply.slope.dim(0).set_min(0).set_stride(1);
    sums.output_buffer().dim(0).set_bounds(0, streams).set_stride(1);
    sums.output_buffer().dim(1).set_min(0).set_stride(streams);
    sums.output_buffer().dim(3).set_bounds(0, tile.a);
}

}  // namespace tconv::schedules
