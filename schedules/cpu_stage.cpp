// Copies into scratch: contiguous on both sides where the view allows, else eight or sixteen streams at a time.
#include "schedule.h"

namespace tconv::schedules {

using namespace Halide;

void cpu_stage(generators::Stage &stage, bool planar, int vector, int panel) {
    Var c = stage.c, x = stage.x, y = stage.y, block("block");
    Func staged = stage.staged;
    any_stride(stage.input);
    Expr channels_contiguous = stage.input.dim(0).stride() == 1;
    Expr columns_contiguous = stage.input.dim(1).stride() == 1;

    if (planar) {
        // Rows of one channel after the other: where the block is as wide as the input they are one stream of memory.
        staged.specialize(columns_contiguous).reorder(x, y, c).vectorize(x, vector, TailStrategy::GuardWithIf);
        // Few channels side by side: vectors of all of them, taken apart in registers.
        for (int channels = 2; channels <= 4; channels++) {
            staged.specialize(channels_contiguous && stage.input.dim(1).stride() == channels)
                .reorder(x, c, y)
                .vectorize(x, vector, TailStrategy::GuardWithIf);
        }
        // Channel by channel within a block of columns: the strided loads of one block share their cache lines.
        staged.split(x, block, x, vector, TailStrategy::GuardWithIf).reorder(x, c, block, y).vectorize(x);
    } else {
        // Pixel by pixel, all of whose panels lie side by side in the input.
        // A depthwise lane block is one of twice as many channels.
        for (int channels : {panel, 2 * panel}) {
            Stage whole = staged.specialize(channels_contiguous && staged.output_buffer().dim(0).extent() == channels);
            whole.reorder(c, stage.panel, x, y).vectorize(c, vector, TailStrategy::GuardWithIf);
        }
        staged.specialize(channels_contiguous)
            .reorder(c, stage.panel, x, y)
            .vectorize(c, vector, TailStrategy::GuardWithIf);
        // Column by column within a block of channels: `vector` planes are read in step.
        staged.split(c, block, c, vector, TailStrategy::GuardWithIf).reorder(c, x, block, y).vectorize(c);
    }
    staged.output_buffer().dim(0).set_min(0).set_stride(1);
}

void cpu_stage_transposed(generators::Stage &stage, bool planar, int edge) {
    Var c = stage.c, x = stage.x, blocks_c("blocks_c"), blocks_x("blocks_x");
    Var stored = planar ? x : c, read = planar ? c : x;
    // Vectors are loaded along the axis that the input has contiguous, transposed in registers and stored along the
    // other. The last block of an axis overlaps the one before, so both extents must reach one block.
    stage.staged.split(c, blocks_c, c, edge, TailStrategy::ShiftInwards)
        .split(x, blocks_x, x, edge, TailStrategy::ShiftInwards)
        // Planar: all channels of a block of pixels, whose lines then are read once. Else along the rows of a few
        // planes, which may lie a power of two apart.
        .reorder(stored, read, planar ? blocks_c : blocks_x, planar ? blocks_x : blocks_c)
        .vectorize(stored)
        .unroll(read);
    stage.loaded.compute_at(stage.staged, planar ? blocks_c : blocks_x)
        .store_in(MemoryType::Register)
        .reorder_storage(read, stored, stage.y, stage.panel)
        .reorder(read, stored)
        .vectorize(read)
        .unroll(stored);
    if (!planar) {
        any_stride(stage.input);
        stage.input.dim(1).set_stride(1);
    }
    stage.staged.output_buffer().dim(0).set_min(0).set_stride(1);
}

void cpu_stage_squares(generators::Stage &stage, bool planar) {
    Var c = stage.c, x = stage.x, blocks_c("blocks_c"), blocks_x("blocks_x");
    Var stored = planar ? x : c, read = planar ? c : x;
    const int edge = stage.transpose->edge;
    // The caller passes whole squares only. Their order is that of the tiles above.
    stage.staged.split(c, blocks_c, c, edge, TailStrategy::RoundUp)
        .split(x, blocks_x, x, edge, TailStrategy::RoundUp)
        .reorder(stored, read, planar ? blocks_c : blocks_x, planar ? blocks_x : blocks_c)
        .vectorize(stored)
        .unroll(read);
    cpu_transpose(*stage.transpose, stage.staged, planar ? blocks_c : blocks_x);
    any_stride(stage.input);
    stage.input.dim(planar ? 0 : 1).set_stride(1);
    stage.staged.output_buffer().dim(0).set_min(0).set_stride(1);
    stage.staged.output_buffer().dim(1).set_min(0);
}

void cpu_stage_groups(generators::StageGroups &stage, int vector) {
    // Number by number: no target gathers them faster. Blocks of lanes are whole vectors.
    Var c = stage.c, vectors("vectors");
    any_stride(stage.input);
    Expr channels_contiguous = stage.input.dim(0).stride() == 1;
    stage.staged.split(c, vectors, c, vector, TailStrategy::RoundUp)
        .reorder(c, stage.x, stage.y, vectors, stage.panel)
        .unroll(c)
        .specialize(channels_contiguous);
    stage.group_begin.compute_at(stage.staged, vectors).store_in(MemoryType::Stack).vectorize(c, vector);
    stage.staged.output_buffer().dim(0).set_min(0).set_stride(1);
}

void cpu_stage_unpaired(generators::StageUnpaired &stage) {
    any_stride(stage.input);
    stage.staged.output_buffer().dim(0).set_min(0).set_stride(1);
    stage.staged.output_buffer().dim(1).set_min(0);
}

void cpu_clear(generators::Clear &clear, int vector) {
    clear.staged.vectorize(clear.minor, vector, TailStrategy::GuardWithIf);
    clear.staged.output_buffer().dim(0).set_min(0).set_stride(1);
}

void cpu_repeat(generators::Repeat &repeat, int vector) {
    repeat.lanes.vectorize(repeat.channel, vector, TailStrategy::GuardWithIf);
    repeat.channels.dim(0).set_min(0).set_stride(1);
    repeat.lanes.output_buffer().dim(0).set_min(0).set_stride(1);
}

void cpu_fill(generators::Fill &fill, int vector) {
    fill.lanes.vectorize(fill.lane, vector, TailStrategy::GuardWithIf);
    fill.lanes.output_buffer().dim(0).set_min(0).set_stride(1);
}

}  // namespace tconv::schedules
