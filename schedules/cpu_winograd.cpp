// The transformations around Winograd's products: a vector of channels (or lanes) of one tile at a time, all points in
// registers or on the stack. The inner loops are those of cpu_multiply.cpp.
#include "schedule.h"

namespace tconv::schedules {

using namespace Halide;

void cpu_winograd_input(generators::WinogradInput &input, int vector, int panel) {
    Func transformed = input.transformed, columns = input.columns;
    const int points_x = input.form.x.points(), points_y = input.form.y.points();
    Var c = input.c, part("part");
    transformed.bound(c, 0, panel)
        .bound(input.point_x, 0, points_x)
        .bound(input.point_y, 0, points_y)
        .split(c, part, c, vector, TailStrategy::RoundUp)
        .reorder(c, input.point_x, input.point_y, part, input.tile, input.line, input.panel)
        .vectorize(c)
        .unroll(input.point_x)
        .unroll(input.point_y);
    columns.compute_at(transformed, part)
        .store_in(MemoryType::Register)
        .bound_extent(c, vector)
        .bound_extent(columns.args()[1], points_x)
        .bound_extent(input.point_y, points_y)
        .reorder(c, columns.args()[1], input.point_y)
        .vectorize(c)
        .unroll(columns.args()[1])
        .unroll(input.point_y);
    input.staged.dim(0).set_min(0).set_stride(1);
    input.staged.dim(1).set_min(0).set_stride(panel);
    transformed.output_buffer().dim(0).set_min(0).set_stride(1);
    transformed.output_buffer().dim(1).set_min(0).set_stride(panel);
}

void cpu_winograd_output(generators::WinogradOutput &output, int vector) {
    Func sums = output.sums, finished = output.finished, rows = output.rows;
    const int width = output.form.x.outputs, height = output.form.y.outputs, points_x = output.form.x.points();
    Var a = output.a, x = output.x, y = output.y, part("part"), tile("tile_x"), line("tile_y");
    sums.split(a, part, a, vector, TailStrategy::RoundUp)
        .split(x, tile, x, width, TailStrategy::GuardWithIf)
        .split(y, line, y, height, TailStrategy::GuardWithIf)
        .reorder(a, x, y, part, tile, line)
        .vectorize(a)
        .unroll(x)
        .unroll(y);
    auto of_tile = [&](auto definition) { definition.vectorize(a).unroll(output.i).unroll(output.j); };
    finished.compute_at(sums, part)
        .store_in(MemoryType::Register)
        .bound_extent(a, vector)
        .bound_extent(output.i, width)
        .bound_extent(output.j, height);
    of_tile(finished);
    for (int step = 0; step < finished.num_update_definitions(); step++) {
        of_tile(finished.update(step));
    }
    Var point = rows.args()[1];
    rows.compute_at(sums, part)
        .store_in(MemoryType::Register)
        .bound_extent(a, vector)
        .bound_extent(point, points_x)
        .bound_extent(output.j, height)
        .vectorize(a)
        .unroll(point)
        .unroll(output.j);
    output.products.dim(0).set_min(0).set_stride(1);
    output.bias.dim(0).set_min(0).set_stride(1);
    output.slope.dim(0).set_min(0).set_stride(1);
    sums.output_buffer().dim(0).set_min(0).set_stride(1);
    sums.output_buffer().dim(1).set_min(0);
    sums.output_buffer().dim(2).set_min(0);
}

void cpu_winograd_filter(generators::WinogradFilter &filter, int vector) {
    Func packed = filter.packed;
    Var lane = filter.lane, part("part");
    // Blocks are whole vectors of lanes.
    packed.bound(filter.point_x, 0, filter.form.x.points())
        .bound(filter.point_y, 0, filter.form.y.points())
        .split(lane, part, lane, vector, TailStrategy::RoundUp)
        .reorder(lane, filter.point_x, filter.point_y, part, filter.ci)
        .vectorize(lane)
        .unroll(filter.point_x)
        .unroll(filter.point_y);
    // Taps are read one by one, in a short loop: gathers written out for every tap would be most of a compiled layer.
    filter.taps.compute_at(packed, part)
        .store_in(MemoryType::Stack)
        .bound_extent(lane, vector)
        .bound_extent(filter.tap_x, filter.form.x.taps)
        .bound_extent(filter.tap_y, filter.form.y.taps)
        .reorder(filter.tap_x, filter.tap_y, lane, filter.ci);
    filter.columns.compute_at(packed, part)
        .store_in(MemoryType::Register)
        .bound_extent(lane, vector)
        .bound_extent(filter.tap_x, filter.form.x.taps)
        .bound_extent(filter.point_y, filter.form.y.points())
        .reorder(lane, filter.tap_x, filter.point_y, filter.ci)
        .vectorize(lane)
        .unroll(filter.tap_x)
        .unroll(filter.point_y);
    any_stride(filter.filter);
    packed.output_buffer().dim(0).set_min(0).set_stride(1);
}

}  // namespace tconv::schedules
