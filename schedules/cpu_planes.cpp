// Register tiles of planes: `a` outputs of a group by m pixels by all phases of a row, in vectors of pixels. A broadcast weight
// meets m / vector loads, which cross cache lines, so that about one multiply-add a cycle is what a core can do with one
// channel; the stores weave the phases in registers.
#include "schedule.h"

namespace tconv::schedules {

using namespace Halide;

void cpu_multiply_planes(generators::MultiplyPlanes &multiply, const Tile &tile) {
    Var r = multiply.r, m = multiply.m, row = multiply.row, a = multiply.a, block = multiply.block, tile_m("tile_m"), tile_row("tile_row");
    Func sums = multiply.sums;
    const int streams = static_cast<int>(multiply.phases.size());
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
    // Loops over the tile, within `around`; woven tiles have one product for all phases.
    auto unroll_tile = [&](Stage stage, const std::vector<VarOrRVar> &around) {
        std::vector<VarOrRVar> order = {m, row, a};
        if (multiply.woven) {
            order.push_back(r);
        }
        order.insert(order.end(), around.begin(), around.end());
        order.push_back(block);
        stage.reorder(order).vectorize(m, tile.vector).unroll(m).unroll(row).unroll(a);
        if (multiply.woven) {
            stage.unroll(r);
        }
    };
    for (size_t stream = 0; stream < multiply.products.size(); stream++) {
        Func product = multiply.products[stream];
        const auto &taps = multiply.taps[stream];
        product.compute_at(sums, tile_m)
            .store_in(MemoryType::Register)
            .bound_extent(a, tile.a)
            .bound_extent(m, tile.m)
            .bound_extent(row, tile.rows);
        if (multiply.woven) {
            product.bound_extent(r, streams).reorder_storage(m, row, a, r, block);
        } else {
            product.reorder_storage(m, row, a, block);
        }
        unroll_tile(product, {});
        unroll_tile(product.update(), {taps.x, taps.y, taps.z});
        // Depthwise: a loop less around a few multiply-adds.
        if (!multiply.woven) {
            product.update().specialize(multiply.channels == 1);
        }
        for (int step = 1; step < product.num_update_definitions(); step++) {
            unroll_tile(product.update(step), {});
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
