// Copies a block of a tensor to scratch, as computed numbers, with zeros for the columns that do not exist.
#pragma once

#include "ir.h"
#include "stages.h"

namespace tconv::compiler {

struct StageBlock {
    Halide::Expr from;                        // address of row 0, column 0 of the first channel; need not exist itself
    Halide::Expr from_c, from_col, from_row;  // strides; beyond int32, as int64, where only one column or row exists
    Halide::Expr to;                          // address in scratch
    Halide::Expr to_minor, to_row, to_panel;  // strides: column, or channel when planar; row; panel
    Halide::Expr channels, panel_channels;    // all; of each panel, zeros filling the last
    Halide::Expr columns, rows;
    Halide::Expr inside_begin, inside_end;  // columns that exist, in [0, columns]
};

// `planar`: columns lie innermost in scratch, all channels in one panel; else the channels of a panel do.
void stage_block(Statements &body, const SharedStages &shared, bool planar, const StageBlock &block);

// Of groups that lie along lanes: as many panels for each block of `width` lanes as a group has channels. `channels`: all
// of them; `panel_channels`: of a group.
struct LaneGroups {
    Halide::Expr first_lane, blocks, width;  // lanes of all groups, of which the first staged, in blocks
    Halide::Expr outputs;                    // lanes of a group
};
void stage_groups(Statements &body, const SharedStages &shared, const LaneGroups &lanes, const StageBlock &block);

}  // namespace tconv::compiler
