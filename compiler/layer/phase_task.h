// One task of the phase family, in the making: what its parts share. Each part has a file of its own, phase_layer.cpp
// joins them.
#pragma once

#include "epilogue.h"
#include "layer_function.h"
#include "multiply_planes.h"
#include "phase_axis.h"
#include "stage_block.h"

namespace tconv::compiler {

class PhaseTask {
public:
    PhaseTask(const SharedStages &shared, const PhaseForm &form, const Parameters &p, const Pointers &pointers)
        : shared(shared),
          stored(generators::stored_type(shared.element)),
          computed(generators::computed_type(shared.element)),
          pair(generators::channels_of_operand(shared.element)),
          form(form),
          p(p),
          pointers(pointers),
          h(p, "h"),
          w(p, "w"),
          merged_h(form.merges ? p.at("merged_h") : Halide::Expr(1)),
          merged_w(form.merges ? p.at("merged_w") : Halide::Expr(1)),
          planar(form.lanes == generators::Lanes::pixels),
          depthwise(form.lanes == generators::Lanes::depthwise) {}

    void build(Statements &body, const Halide::Expr &task);
    void build_input_gradient(Statements &body, const Halide::Expr &task);
    void build_planes(Statements &body, const Halide::Expr &task, int vector, const MultiplyLine &multiply_line);
    void build_overlap(Statements &body, const Halide::Expr &task, const OverlapStages &stages);
    void build_winograd(Statements &body, const Halide::Expr &task, const WinogradStages &stages);

private:
    const SharedStages &shared;
    const Halide::Type stored, computed;  // of tensors; of scratch and the packed filter
    const int pair;                       // channels of an operand (generators/element.h)
    const PhaseForm &form;
    const Parameters &p;
    Pointers pointers;
    AxisParameters h, w;
    const Halide::Expr merged_h, merged_w;  // phases of an axis side by side in the lanes
    const bool planar, depthwise;

    // Of the task: quotients (of an input gradient: positions), units.
    Halide::Expr row_begin, row_end, column_begin, column_end;
    Halide::Expr unit_begin, unit_count, first_group;
    // Strides of sums along lane (or output), pixel, row, block, x-phase and unit.
    Halide::Expr sums_a, sums_m, sums_row, sums_block, sums_phase, sums_unit;

    struct Unit {
        Halide::Expr group, first_block, blocks, first_lane, end_lane, sums;
    };
    // What the multiply loops fetch meanwhile, where they do (prefetch.h): address of the first line, offset of the last.
    Halide::Expr ahead = Halide::Internal::make_const(Halide::UInt(64), 0), ahead_bytes = 0;
    void place_task(Statements &body, const Halide::Expr &task);
    // The images of the task; only kernels with channels in their lanes take several.
    void each_image(Statements &body, const std::function<void(Statements &, const Halide::Expr &image)> &visit) const;
    Unit unit_of(Statements &body, const Halide::Expr &index);
    // The task as it finishes each of its images, with the unit's sums of it.
    void each_finished_image(
        Statements &body, const Unit &unit,
        const std::function<void(Statements &, PhaseTask &task, const Unit &sums)> &visit) const;

    Halide::Expr scratch_at(const Halide::Expr &elements) const {
        return address_of(computed, pointers.scratch, elements);
    }
    Halide::Expr sums_address(const Halide::Expr &elements) const { return scratch_at(p.at("sums_at") + elements); }

    // phase_stage.cpp: what the task reads of a plane, for all of its units, to a place in scratch.
    struct Source {
        Halide::Expr host, row, column;                             // address of row 0, column 0 of channel 0; strides
        Halide::Expr row_begin, row_end, column_begin, column_end;  // what exists; zeros around
    };
    struct Staged {
        Halide::Expr at, row_begin, rows, column_begin;  // place; which row and column come first
        Halide::Expr columns, inside_begin, inside_end;  // with the zeros; those that exist
    };
    // Of that, where it lies; nothing is copied.
    Staged place_staged(Statements &body, const Source &source, const Halide::Expr &at);
    // `channels` from `first` on, to a place in scratch: what is copied, and the copy.
    StageBlock block_of(const Source &source, const Staged &block, const Halide::Expr &first, const Halide::Expr &channels,
                        const Halide::Expr &panel_channels, const Halide::Expr &to) const;
    void copy_channels(Statements &body, const Source &source, const Staged &block, const Halide::Expr &first,
                       const Halide::Expr &channels, const Halide::Expr &panel_channels, const Halide::Expr &to);
    void copy_staged(Statements &body, const Source &source, const Staged &block);
    Staged stage(Statements &body, const Source &source, const Halide::Expr &at);
    // The same of one block of the reduction, for a task of one unit.
    void stage_channels(Statements &body, const Source &source, const Halide::Expr &at, const Halide::Expr &number);

    // phase_multiply.cpp: the sums of one unit, all x-phases of one row phase.
    struct Destination {  // where the tiles of one phase are stored: the sums in scratch or, direct, the output
        Halide::Expr host, m, row, image;
        Halide::Expr first, last;  // whether this phase begins the sums, whether it completes them
    };
    Destination destination(Statements &body, const Halide::Expr &sums, const Halide::Expr &output);
    void multiply_phase(Statements &body, const Unit &unit, const Staged &input, const PhaseParameters &vertical,
                        const PhaseParameters &horizontal, const Destination &to);
    // Of the blocks of the reduction, block `number`; what is staged begins with block `first_staged`.
    Halide::Expr block_count() const;
    void multiply_block(Statements &body, const Unit &unit, const Staged &input, const PhaseParameters &vertical,
                        const PhaseParameters &horizontal, const Destination &to, const Halide::Expr &number,
                        const Halide::Expr &first_staged);
    void multiply_columns(Statements &body, const Unit &unit, const Staged &input, const PhaseParameters &vertical,
                          const PhaseParameters &horizontal, const Destination &to, const Halide::Expr &number,
                          const Halide::Expr &first_staged);
    void multiply_unit(Statements &body, const Unit &unit, const Staged &input, const PhaseParameters &vertical,
                       const Halide::Expr &ry);

    // phase_winograd.cpp: the same by tiles. The staged input has rows of zeros where the image has none, and reaches to
    // the end of the last tiles; of a row all residues lie side by side.
    struct StagedTiles {
        Halide::Expr input, row_pitch, column_pitch;  // first row that exists, and distances of those staged; 64 bits
        Halide::Expr first_row, rows, above, inside;  // of all staged rows; those above the image, and inside
        Halide::Expr first_column, columns;           // of each residue
    };
    struct Tiles;
    Halide::Expr residues;  // of a row
    StagedTiles place_tiles(Statements &body, const AxisParameters &layer_h, const AxisParameters &layer_w,
                            const Halide::Expr &residue, int outputs);
    void stage_tiles(Statements &body, const AxisParameters &layer_w, const StagedTiles &staged,
                     const Halide::Expr &first_panel, const Halide::Expr &panels);
    Tiles tiles_of(Statements &body, const WinogradStages &stages, const AxisParameters &layer_h,
                   const AxisParameters &layer_w, const Halide::Expr &y0, const Halide::Expr &row_end_of_phase,
                   const Halide::Expr &x0);
    void transform_input(Statements &body, const WinogradStages &stages, const AxisParameters &layer_w,
                         const StagedTiles &staged, const Tiles &tiles, const Halide::Expr &first_panel,
                         const Halide::Expr &panels);
    void multiply_points(Statements &body, const Unit &unit, const Tiles &tiles, const Halide::Expr &products,
                         const Halide::Expr &first_panel, const Halide::Expr &panels);
    void interpolate(Statements &body, const WinogradStages &stages, const Unit &unit, const Tiles &tiles,
                     const Halide::Expr &products, const Halide::Expr &y0, const Halide::Expr &row_end_of_phase);

    // phase_overlap.cpp: the same by products of whole inputs, in strips of rows.
    void clear_margins(Statements &body);
    void multiply_segment(Statements &body, const Staged &staged, const Halide::Expr &first_input,
                          const Halide::Expr &next);
    void multiply_inputs(Statements &body, const OverlapStages &stages, const Halide::Expr &begin,
                         const Halide::Expr &end, const Halide::Expr &first_input);
    void add_overlapping(Statements &body, const OverlapStages &stages, const PhaseParameters &vertical,
                         const PhaseParameters &horizontal, const Halide::Expr &first_input, const Halide::Expr &sums);

    // phase_finish.cpp: those sums to the output, in boxes or by whole rows.
    struct RowPhase {                 // of the output
        Halide::Expr r, begin, rows;  // phase; quotients
        Halide::Expr lane, sums;      // its first lane; from the unit's sums to its first row's
    };
    RowPhase row_phase(Statements &body, const Halide::Expr &r);
    Box box_at(Statements &body, const Unit &unit, const RowPhase &of);
    // Without the first `skipped` pixels of each phase.
    void each_phase_box(Statements &body, const Unit &unit, const RowPhase &of, const Halide::Expr &skipped,
                        const BoxVisitor &visit);
    void each_flat_box(Statements &body, const Unit &unit, const RowPhase &of, const BoxVisitor &visit);
    struct
        OutputRow {  // of this task: column of phase 0 of its first quotient (may be negative), first column, columns
        Halide::Expr first, begin, length;
    };
    OutputRow output_row(Statements &body);

    // phase_planes.cpp: one unit's channels, from input row `first_row` on; the rows of a row phase, as one box whose
    // pixels are outputs; their sums or, direct, those outputs.
    void stage_planes(Statements &body, const Unit &unit, const Halide::Expr &first_row, const Halide::Expr &all_rows);
    Box plane_box(Statements &body, const Unit &unit, const OutputRow &row, const RowPhase &of);
    void multiply_planes(Statements &body, const Unit &unit, const PhaseParameters &vertical,
                         const Halide::Expr &first_row, const OutputRow &row, const Box &box,
                         const Halide::Expr &direct, const MultiplyLine &multiply_line);

    // What stages that finish sums take beside their own arguments: the unit's bias and slope, the activation.
    std::map<std::string, BufferArgument> with_lane_vectors(const Unit &unit,
                                                            std::map<std::string, BufferArgument> buffers) const;
    std::map<std::string, Halide::Expr> with_activation(std::map<std::string, Halide::Expr> scalars) const;
    Halide::Expr finish_by_rows(Statements &body, const Unit &unit, const RowPhase &of);
    Halide::Expr finish_interleaved(Statements &body, const Unit &unit, const RowPhase &of);
    void finish_unit(Statements &body, const Unit &unit, const RowPhase &of);
    void finish_overlap(Statements &body, const Unit &unit, const RowPhase &of);  // phase_overlap.cpp
    void finish_units_by_softmax(Statements &body, const RowPhase &of);
};

}  // namespace tconv::compiler
