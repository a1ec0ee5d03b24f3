// Register tiles for the multiply loops.
//
// The tile's accumulators stay in registers over the whole reduction; per channel the loop loads a / vector weight
// vectors and broadcasts m pixels (channels), or loads m / vector pixel vectors and broadcasts a weights (pixels).
// AVX2 has 16 registers: 6 x 16 makes 12 accumulators and compiles to 12 FMA in 24 instructions without a spill;
// AVX-512 has 32: 12 x 32 makes 24. A row is cut into tiles of at most m pixels that differ by one (compiler/layer),
// so every tile up to the widest is compiled, and no pixel is computed twice.
#include "schedule.h"

namespace tconv::schedules {

using namespace Halide;
using generators::Lanes;

void cpu_multiply(generators::Multiply &multiply, const Tile &tile) {
    Var a = multiply.a, m = multiply.m, row = multiply.row, block = multiply.block, tile_m("tile_m");
    Func product = multiply.product, sums = multiply.sums;
    const bool lanes_are_pixels = multiply.lanes == Lanes::pixels;
    Var vectored = lanes_are_pixels ? m : a, other = lanes_are_pixels ? a : m;

    Var lanes("lanes");
    if (tile.masked) {
        // One tile's lanes at most, of which all are computed: a loop of one turn, which must not be taken apart into full
        // and partial ones.
        sums.split(a, lanes, a, tile.a, TailStrategy::GuardWithIf)
            .reorder(a, m, row, block, lanes)
            .never_partition_all();
    }
    // The caller passes whole tiles only, so rounding up never computes anything extra.
    sums.split(m, tile_m, m, tile.m, TailStrategy::RoundUp)
        .reorder(vectored, other, tile_m, row, block)
        .vectorize(vectored, tile.vector)
        .unroll(vectored)
        .unroll(other);
    product.reorder_storage(vectored, other, row, block)
        .compute_at(sums, tile_m)
        .store_in(MemoryType::Register)
        .bound_extent(a, tile.a)
        .bound_extent(m, tile.m)
        .vectorize(vectored, tile.vector)
        .unroll(vectored)
        .unroll(other);
    Stage products = product.update();
    products.reorder(multiply.taps[0], vectored, other, multiply.taps[1], multiply.taps[2], multiply.taps[3],
                     multiply.taps[4], multiply.taps[5], row, block);
    if (multiply.pair > 1) {
        products.atomic().vectorize(multiply.taps[0]);  // a dot product to Halide
    } else {
        products.unroll(multiply.taps[0]);
    }
    products.vectorize(vectored, tile.vector).unroll(vectored).unroll(other).unroll(multiply.taps[1]);
    if (multiply.lanes == Lanes::depthwise) {
        // A loop of one channel for each tap took 4 % (19 layers, Emerald Rapids).
        products.specialize(multiply.panels == 1);
    }
    for (int step = 1; step < product.num_update_definitions(); step++) {
        product.update(step)
            .reorder(vectored, other, row, block)
            .vectorize(vectored, tile.vector)
            .unroll(vectored)
            .unroll(other);
    }

    multiply.staged.dim(0).set_min(0).set_stride(1);
    if (multiply.pitch) {
        multiply.staged.dim(1).set_min(0).set_stride(*multiply.pitch);
    }
    multiply.packed.dim(0).set_min(0).set_stride(1);
    multiply.packed.dim(1).set_min(0).set_stride(tile.a * multiply.pair);
    sums.output_buffer().dim(0).set_min(0);
    if (!tile.masked) {
        sums.output_buffer().dim(0).set_extent(tile.a);
    }
    for (int d = 0; d < sums.dimensions(); d++) {
        multiply.partial.dim(d).set_min(0).set_stride(sums.output_buffer().dim(d).stride());
    }
    multiply.bias.dim(0).set_min(0).set_stride(1);
    multiply.slope.dim(0).set_min(0).set_stride(1);
    if (lanes_are_pixels) {
        sums.output_buffer().dim(0).set_stride(Expr());  // Halide's default is 1
        sums.output_buffer().dim(1).set_stride(1);
    }
}

}  // namespace tconv::schedules
