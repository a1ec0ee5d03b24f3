// Staging: the input that a task reads, copied to scratch with its margins cleared, so that the multiply loops neither
// clamp a column nor know the layout. Rows outside the image are not staged; the loops skip their taps.
#include "phase_task.h"
#include "stage_block.h"

namespace tconv::compiler {

using namespace Halide;

PhaseTask::Staged PhaseTask::stage(Statements &body, const Source &source, const Expr &at) {
    Staged block;
    block.at = at;
    block.row_begin = body.let("staged_row_begin", max(source.row_begin, row_begin + h.farthest));
    Expr row_end_inside = min(source.row_end, row_end + h.nearest);
    block.rows = body.let("staged_rows", max(0, row_end_inside - block.row_begin));
    block.column_begin = body.let("staged_column_begin", column_begin + w.farthest);
    Expr columns = body.let("staged_columns", column_end - column_begin + w.nearest - w.farthest);
    Expr inside_begin = body.let("inside_begin", clamp(source.column_begin - block.column_begin, 0, columns));
    Expr inside_end = body.let("inside_end", clamp(source.column_end - block.column_begin, inside_begin, columns));

    Expr last_group = (unit_begin + unit_count - 1) / p.at("group_units");
    Expr first_channel = first_group * p.at("channels");
    Expr channels = (last_group - first_group + 1) * p.at("channels");
    if (depthwise) {  // a unit reads the channels it writes
        first_channel = unit_begin * p.at("unit_blocks") * p.at("tile_a");
        channels = min(p.at("lanes") - first_channel, unit_count * p.at("unit_blocks") * p.at("tile_a"));
    }
    // Channels [first, first + count) to a place in scratch; planar with columns innermost.
    auto copy = [&](Statements &then, bool as_planar, const Expr &first, const Expr &count, const Expr &to) {
        Expr origin = int64(first) * p.at("in_c") + int64(block.row_begin) * source.row +
                      int64(block.column_begin) * source.column;
        stage_block(then, shared, as_planar,
                    {address_of(stored, source.host, origin), p.at("in_c"), source.column, source.row, scratch_at(to),
                     p.at("staged_minor"), p.at("staged_row"), count, columns, block.rows, inside_begin, inside_end});
    };
    Expr panels = p.at("panels"), panel = p.at("channel_block");
    body.when(block.rows > 0, [&](Statements &then) {
        if (planar || depthwise) {
            copy(then, planar, first_channel, channels, at);
            return;
        }
        // A single channel is a plane whatever the layout, and copying it as one moves vectors of columns.
        Expr plane = p.at("staged_minor") == 1;
        then.when(plane, [&](Statements &inner) { copy(inner, true, first_channel, channels, at); });
        then.when(!plane && panels == 1, [&](Statements &inner) { copy(inner, false, first_channel, channels, at); });
        then.when(panels > 1, [&](Statements &inner) {
            inner.loop("panel", (last_group - first_group + 1) * panels, [&](Statements &each, const Expr &index) {
                Expr begin = each.let("panel_begin", (index % panels) * panel);
                copy(each, false, first_channel + (index / panels) * p.at("channels") + begin,
                     min(panel, p.at("channels") - begin), at + index * p.at("staged_panel"));
            });
        });
    });
    return block;
}

}  // namespace tconv::compiler
