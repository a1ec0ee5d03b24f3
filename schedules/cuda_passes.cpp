// What runs beside the tiles, one thread an element: the table of phases and the packed filter once for each filter, and the
// activations that no tile applies. Threads are bound by memory or rare.
#include <vector>

#include "device_schedule.h"

namespace tconv::schedules {

using namespace Halide;

namespace {

constexpr int kThreads = 128;

}  // namespace

void cuda_phase_table(generators::PhaseTable &t) {
    Var block("block"), thread("thread");
    t.table.unroll(t.field).split(t.p, block, thread, kThreads, TailStrategy::GuardWithIf).gpu_blocks(block).gpu_threads(thread);
    t.table.output_buffer().dim(0).set_bounds(0, generators::PhaseTable::fields);
    t.table.output_buffer().dim(1).set_min(0).set_stride(generators::PhaseTable::fields);
}

void cuda_pack(generators::DeviceFilter &from, Func packed, int width) {
    Var block("packed_block"), thread("thread"), rest("rest");
    from_zero(from.filter);
    for (int i = 0; i < packed.dimensions(); i++)
        packed.output_buffer().dim(i).set_min(0);
    packed.output_buffer().dim(0).set_extent(width);
    const std::vector<Var> at = packed.args();
    packed.fuse(at[0], at[1], rest)
        .fuse(rest, at[2], rest)
        .fuse(rest, at[3], rest)
        .fuse(rest, at[4], rest)
        .fuse(rest, at[5], rest)
        .split(rest, block, thread, kThreads, TailStrategy::GuardWithIf)
        .gpu_blocks(block)
        .gpu_threads(thread);
}

void cuda_activate(generators::ActivateAll &activate) {
    RVar block("block"), thread("thread");
    from_zero(activate.sums);
    from_zero(activate.residual);
    from_zero(activate.output.output_buffer());
    activate.output.update()
        .allow_race_conditions()
        .split(activate.all.x, block, thread, kThreads, TailStrategy::GuardWithIf)
        .gpu_blocks(block)
        .gpu_threads(thread);
    activate.value.compute_at(activate.output, thread).store_in(MemoryType::Register);
}

void cuda_softmax(generators::SoftmaxAll &softmax) {
    RVar block("block"), thread("thread");
    from_zero(softmax.sums);
    from_zero(softmax.residual);
    from_zero(softmax.output.output_buffer());
    softmax.output.update()
        .allow_race_conditions()
        .split(softmax.each.y, block, thread, kThreads, TailStrategy::GuardWithIf)
        .reorder(softmax.each.x, thread, block)
        .gpu_blocks(block)
        .gpu_threads(thread);
    for (Func statistic : {softmax.peak, softmax.total})
        statistic.compute_at(softmax.output, thread).store_in(MemoryType::Register);
}

}  // namespace tconv::schedules
