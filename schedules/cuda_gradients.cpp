// The gradients of filter and bias.
//
// A thread keeps a tile of the filter's sums in registers over all positions of its split. Where lanes are outputs, the warp
// reads neighbouring outputs of one position and the same few channels of another: 4 by 8 sums are 32 multiply-adds in three
// loads of 16 bytes. Where lanes are positions, they read neighbouring columns, 12 numbers for as many multiply-adds; a
// warp's sums meet in shared memory. Either way tiles of one split follow one another, so that they find what they all read
// in the second level of cache.
#include "device_schedule.h"

namespace tconv::schedules {

using namespace Halide;

namespace {

constexpr int kThreads = 128, kWarp = 32;

}  // namespace

void cuda_correlate(generators::DeviceCorrelate &d) {
    const generators::CorrelateTile &tile = d.tile;
    const bool pixels = d.lanes == generators::Lanes::pixels;
    const int lane_a = pixels ? tile.a : tile.a / tile.lanes_a;
    Var a = d.a, c = d.c, place = d.place, lane = d.lane, of_lane("of_lane"), block("block"), warp("warp");
    Func inner = pixels ? d.of_lanes : d.sums;
    d.sums.output_buffer().dim(0).set_bounds(0, tile.a).set_stride(1);
    d.sums.output_buffer().dim(1).set_bounds(0, tile.c).set_stride(tile.a);
    d.sums.output_buffer().dim(2).set_min(0).set_stride(tile.a * tile.c);
    if (pixels) {
        d.sums.bound(a, 0, tile.a).bound(c, 0, tile.c).unroll(a).gpu_blocks(place).gpu_threads(c);
        d.total.compute_at(d.sums, c).store_in(MemoryType::Register).bound_extent(a, tile.a).unroll(a);
        d.total.update().reorder(a, d.all_lanes).unroll(a);
        d.of_lanes.compute_at(d.sums, place)
            .store_in(MemoryType::GPUShared)
            .bound_extent(lane, kWarp)
            .bound_extent(a, tile.a)
            .bound_extent(c, tile.c)
            .reorder(a, c, lane)
            .unroll(a)
            .unroll(c)
            .gpu_threads(lane);
    } else {
        d.sums.bound(a, 0, tile.a)
            .bound(c, 0, tile.c)
            .split(a, lane, of_lane, lane_a)
            .split(place, block, warp, kThreads / kWarp, TailStrategy::GuardWithIf)
            .reorder(of_lane, c, lane, warp, block)
            .vectorize(of_lane)
            .unroll(c)
            .gpu_blocks(block)
            .gpu_threads(lane, warp);
    }
    d.products.compute_at(inner, lane)
        .store_in(MemoryType::Register)
        .bound_extent(a, lane_a)
        .bound_extent(c, tile.c)
        .reorder(a, c)
        .unroll(a)
        .unroll(c)
        .never_partition_all();
    Stage adds = d.products.update();
    adds.reorder(a, c, d.positions.x, d.positions.y).unroll(a).unroll(c).never_partition_all();
    if (tile.step > 1 && !pixels)
        adds.vectorize(a, lane_a);
    Var of_factor = d.factor.args()[0];
    const int factors = d.lanes == generators::Lanes::depthwise ? lane_a : tile.c;
    d.factor.compute_at(d.products, d.positions.x).store_in(MemoryType::Register).bound_extent(of_factor, factors);
    if (tile.step > 1)
        d.factor.vectorize(of_factor, tile.step);
    d.factor.unroll(of_factor);
    from_zero(d.input);
    from_zero(d.gradient);
    if (tile.step > 1) {
        const int bytes = tile.step * d.input.type().bytes();
        for (ImageParam view : {d.input, d.gradient}) {
            view.set_host_alignment(bytes < 16 ? bytes : 16);
            view.dim(0).set_stride(1);
            for (int i = 1; i < view.dimensions(); i++)
                view.dim(i).set_stride(view.dim(i).stride() / tile.step * tile.step);
        }
    }
}

void cuda_bias_sums(generators::DeviceBiasSums &d) {
    constexpr int channels = kThreads / generators::DeviceBiasSums::parts;
    Var block("block"), channel("channel");
    d.sums.bound(d.part, 0, generators::DeviceBiasSums::parts)
        .split(d.co, block, channel, channels, TailStrategy::GuardWithIf)
        .reorder(channel, d.part, block, d.split)
        .gpu_blocks(block, d.split)
        .gpu_threads(channel, d.part);
    d.products.compute_at(d.sums, channel).store_in(MemoryType::Register);
    from_zero(d.gradient);
    d.sums.output_buffer().dim(0).set_min(0).set_stride(1);
    d.sums.output_buffer().dim(1).set_bounds(0, generators::DeviceBiasSums::parts);
    d.sums.output_buffer().dim(2).set_min(0);
}

void cuda_total(generators::DeviceTotal &d) {
    RVar block("block"), thread("thread");
    from_zero(d.filter.output_buffer());
    d.sums.dim(0).set_min(0).set_stride(1);
    d.sums.dim(1).set_min(0);
    d.sums.dim(2).set_min(0);
    d.filter.update()
        .allow_race_conditions()
        .split(d.all, block, thread, kThreads, TailStrategy::GuardWithIf)
        .gpu_blocks(block)
        .gpu_threads(thread);
    d.total.compute_at(d.filter, thread).store_in(MemoryType::Register);
}

}  // namespace tconv::schedules
