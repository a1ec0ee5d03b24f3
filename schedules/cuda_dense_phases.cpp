// Register tiles on CUDA cores.
//
// A thread keeps a tile of sums in registers over the whole reduction, as a vector lane does on a CPU. Where lanes are
// channels, the 32 lanes of a warp have neighbouring channels of the same positions: a step loads four weights a lane, 512
// contiguous bytes a warp, and one pixel for all lanes at a time, four channels of it where they are contiguous. 4
// channels by 16 positions are 256 multiply-adds in 4 + 16 loads of 16 bytes, each of which takes four cycles of the first level
// of cache, even where all lanes read the same: 80 cycles, for 64 of multiply-adds. 8 positions without vectors are 12 for
// 8, and faster (docs/cuda.md). Where lanes are positions it is the other way round.
//
// Doubles are read one by one, because that is what Halide's PTX does with them: a lane has two channels, so that a warp's
// reads of weights, half of which each takes, are 4 lines of the first level of cache and not 8, and 16 positions. Numbers of
// half types are read four at a time and converted by an instruction each (bfloat16 by a shift), one for the four
// multiply-adds of a lane; packed weights are float32 already.
//
// There is no shared memory: weights are packed in the order in which they are read, so copying them would only repeat
// what the first level of cache does, and warps of a block need not wait for one another. The warps of a block are
// neighbouring tiles of one phase and one block of channels, so that they read the same weights at about the same time.
#include <vector>

#include "device_schedule.h"
#include "fragments.h"

namespace tconv::schedules {

using namespace Halide;

namespace {

constexpr int kVector = 4;

void multiply_numbers(generators::DensePhases &d, int vector) {
    Var a = d.a;
    Stage products = d.sums.update();
    products.reorder(a, d.taps[0], d.mx, d.my, d.taps[1], d.taps[2], d.taps[3], d.taps[4])
        .vectorize(a, vector)
        .unroll(a)
        .unroll(d.mx)
        .unroll(d.my)
        .unroll(d.taps[0])
        .unroll(d.taps[2])
        .never_partition_all();
    if (d.tile.step > 1 && d.lanes != generators::Lanes::depthwise) {
        Var c = d.pixel.args()[0];
        d.pixel.compute_at(d.sums, d.mx).store_in(MemoryType::Register).bound_extent(c, d.tile.step).vectorize(c);
    }
}

// Either way a step has its words read first, 16 bytes at a time: the weights of all fragments and, for each pair of positions,
// its pixels. Calls become instructions, which keep their sums in registers; written out, they are loops, for what runs on a
// processor has no registers to be kept in.
void multiply_fragments(generators::DensePhases &d, const RVar &lane) {
    if (!d.fragments.defined()) {
        d.sums.update().reorder(d.taps[0], d.taps[1], d.taps[2], d.taps[3], d.a, d.mx, d.my).never_partition_all();
        d.has_tap.compute_at(d.sums, d.taps[5]).store_in(MemoryType::Register);
        return;
    }
    Var f = d.fragments.args()[0];
    RVar step = d.taps[0];
    d.fragments.compute_at(d.output, lane)
        .store_in(MemoryType::Register)
        .bound_extent(f, d.tile.a / d.tile.lanes_a / 2)
        .reorder(f, d.mx, d.my)
        .unroll(f)
        .unroll(d.mx)
        .unroll(d.my)
        .never_partition_all();
    d.fragments.update()
        .reorder(f, d.mx, d.my, step, d.taps[1], d.taps[2])
        .unroll(f)
        .unroll(d.mx)
        .unroll(d.my)
        .never_partition_all();
    d.has_tap.compute_at(d.fragments, d.taps[1]).store_in(MemoryType::Register);
    Var word = d.weights.args()[0];
    f = d.weights.args()[1];
    d.weights.compute_at(d.fragments, step)
        .store_in(MemoryType::Register)
        .bound_extent(word, kVector)
        .bound_extent(f, d.tile.a / d.tile.lanes_a / 2)
        .vectorize(word)
        .unroll(f)
        .update()
        .vectorize(word)
        .unroll(f);
    word = d.pixel.args()[0];
    d.pixel.compute_at(d.fragments, d.mx)
        .store_in(MemoryType::Register)
        .bound_extent(word, kVector)
        .vectorize(word)
        .unroll(d.mx)
        .unroll(d.my)
        .update()
        .vectorize(word)
        .unroll(d.mx)
        .unroll(d.my);
}

}  // namespace

void cuda_dense_phases(generators::DensePhases &d, const DeviceTile &tile) {
    const generators::DenseTile &form = d.tile;
    const bool fragments = d.lanes == generators::Lanes::fragments;
    const int lane_a = form.a / form.lanes_a;
    const int vector = lane_a % kVector == 0 ? kVector : lane_a;
    const int store_vector = !tile.contiguous ? 1 : fragments ? form.step : vector;
    Var a = d.a;
    RVar place("place"), warp("warp"), along_a = d.stores[3], positions = d.stores[4];
    const RVar lane = form.lanes_a > 1 ? along_a : positions;

    Stage store = d.output.update();
    store.allow_race_conditions()
        .split(d.stores[5], place, warp, tile.warps, TailStrategy::GuardWithIf)
        .reorder(d.stores[0], d.stores[1], d.stores[2], along_a, positions, warp, place, d.stores[6], d.g)
        .gpu_blocks(place, d.stores[6], d.g);
    if (fragments)  // lane 4 * group + quad
        store.gpu_threads(along_a, positions, warp);
    else
        store.gpu_threads(lane, warp);
    if (store_vector > 1)
        store.vectorize(d.stores[0], store_vector);
    store.unroll(d.stores[0]).unroll(d.stores[1]).unroll(d.stores[2]).never_partition_all();

    std::vector<Func> in_registers = {d.finished};
    if (!d.fragments.defined())
        in_registers.push_back(d.sums);
    for (Func kept : in_registers) {
        if (fragments || (store_vector > 1 && store_vector == lane_a))
            kept.align_bounds(a, lane_a);  // so that Halide sees vectors to be wholly inside the layer or wholly outside
        kept.compute_at(d.output, lane)
            .store_in(MemoryType::Register)
            .bound_extent(a, lane_a)
            .bound_extent(d.mx, form.x)
            .bound_extent(d.my, form.y)
            .reorder(a, d.mx, d.my)
            .vectorize(a, vector)
            .unroll(a)
            .unroll(d.mx)
            .unroll(d.my)
            .never_partition_all();
    }
    for (int step = 0; step < d.finished.num_update_definitions(); step++) {
        Stage change = d.finished.update(step);
        change.reorder(a, d.mx, d.my);
        // Residuals, the first and the last step, are read by vectors. Arithmetic is scalar on a device anyway, and OpenCL
        // as Halide writes it has no vectors of strict comparisons.
        if (store_vector > 1 && (step == 0 || step == d.finished.num_update_definitions() - 1))
            change.vectorize(a, store_vector);
        change.unroll(a).unroll(d.mx).unroll(d.my).never_partition_all();
    }
    if (fragments) {
        if (d.has_output.defined())
            d.has_output.compute_at(d.output, lane).store_in(MemoryType::Register);
        multiply_fragments(d, lane);
    } else {
        multiply_numbers(d, vector);
    }

    from_zero(d.input);
    from_zero(d.residual);
    from_zero(d.output.output_buffer());
    const int step = fragments ? generators::FragmentForm::step_words(form.a) : form.a;
    d.packed.set_host_alignment(16);
    d.packed.dim(0).set_min(0).set_stride(1);
    d.packed.dim(1).set_min(0).set_stride(step);
    for (int i = 2; i < d.packed.dimensions(); i++)
        d.packed.dim(i).set_min(0).set_stride(d.packed.dim(i).stride() / step * step);
    for (ImageParam vector_of_channels : {d.bias, d.slope}) {
        vector_of_channels.dim(0).set_min(0).set_stride(1);
        vector_of_channels.dim(1).set_min(0);
    }
    for (ImageParam table : {d.phases_x, d.phases_y}) {
        table.dim(0).set_min(0).set_stride(1);
        table.dim(1).set_min(0).set_stride(generators::PhaseTable::fields);
    }
    if (tile.contiguous) {
        const int aligned = fragments ? form.step : kVector;
        d.input.set_host_alignment(tile.alignment);
        d.input.dim(0).set_stride(1);
        for (int i = 1; i < d.input.dimensions(); i++)
            d.input.dim(i).set_stride(d.input.dim(i).stride() / kVector * kVector);
        d.output.output_buffer().set_host_alignment(tile.alignment);
        d.output.output_buffer().dim(0).set_stride(1);
        d.residual.set_host_alignment(tile.alignment);
        d.residual.dim(0).set_stride(1);
        for (int i = 1; i < d.output.dimensions(); i++) {
            d.output.output_buffer().dim(i).set_stride(d.output.output_buffer().dim(i).stride() / aligned * aligned);
            d.residual.dim(i).set_stride(d.residual.dim(i).stride() / aligned * aligned);
        }
    }
}

}  // namespace tconv::schedules
