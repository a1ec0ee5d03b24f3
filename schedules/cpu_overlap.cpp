// Overlap-add: whole vectors of products are loaded and added up in registers, wherever they begin.
#include "schedule.h"

namespace tconv::schedules {

using namespace Halide;

namespace {

// Pixels whose sums are in registers at once: their additions do not wait for one another, and the loops over taps turn once
// for all of them.
constexpr int kPixels = 4;

void in_registers(Func total, const Func &consumer, const Var &at, const Var &vectored, const Var &other, int vector,
                  int others) {
    total.compute_at(consumer, at)
        .store_in(MemoryType::Register)
        .bound_extent(vectored, vector)
        .bound_extent(other, others)
        .reorder_storage(vectored, other)
        .reorder(vectored, other)
        .vectorize(vectored)
        .unroll(other);
    for (int step = 0; step < total.num_update_definitions(); step++) {
        std::vector<VarOrRVar> order = {vectored, other};
        for (const RVar &taps : total.rvars(step)) {
            order.emplace_back(taps);
        }
        total.update(step).reorder(order).vectorize(vectored).unroll(other);
    }
}

}  // namespace

void cpu_overlap_add(generators::OverlapAdd &add, int vector, bool wide) {
    Var a = add.a, m = add.m, part("part"), pixels("pixels");
    // Fewer lanes than a vector: what it holds beyond the last is the next pixel's, which is stored after it. The caller's
    // memory has room for it behind the last pixel, and for pixels to the end of a block.
    add.sums.split(a, part, a, vector, wide ? TailStrategy::ShiftInwards : TailStrategy::RoundUp)
        .split(m, pixels, m, kPixels, TailStrategy::RoundUp)
        .reorder(a, m, part, pixels, add.row)
        .vectorize(a)
        .unroll(m);
    in_registers(add.total, add.sums, part, a, m, vector, kPixels);
    add.products.dim(0).set_min(0).set_stride(1);
    add.sums.output_buffer().dim(0).set_min(0).set_stride(1);
    add.sums.output_buffer().dim(1).set_min(0);
}

void cpu_overlap_add_planes(generators::OverlapAdd &add, int vector) {
    Var a = add.a, m = add.m, pixels("pixels");
    // Rows of sums and of products have room for whole vectors.
    add.sums.split(m, pixels, m, vector, TailStrategy::RoundUp).reorder(m, pixels, a, add.row).vectorize(m);
    in_registers(add.total, add.sums, pixels, m, a, vector, 1);
    add.products.dim(0).set_stride(Expr());
    add.products.dim(3).set_stride(1);
    add.sums.output_buffer().dim(0).set_stride(Expr());
    add.sums.output_buffer().dim(1).set_min(0).set_stride(1);
}

void cpu_keep_products(generators::KeepProducts &keep, int vector) {
    keep.kept.vectorize(keep.m, vector, TailStrategy::GuardWithIf);
    keep.products.dim(0).set_min(0).set_stride(1);
    keep.kept.output_buffer().dim(0).set_min(0).set_stride(1);
}

}  // namespace tconv::schedules
