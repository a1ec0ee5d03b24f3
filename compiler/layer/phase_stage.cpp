// Staging: the input that a task reads, copied to scratch with its margins cleared, so that the multiply loops neither
// clamp a column nor know the layout. Rows outside the image are not staged; the loops skip their taps.
#include "phase_task.h"
#include "stage_block.h"

namespace tconv::compiler {

using namespace Halide;

PhaseTask::Staged PhaseTask::place_staged(Statements &body, const Source &source, const Expr &at) {
    Staged block;
    block.at = at;
    block.row_begin = body.let("staged_row_begin", max(source.row_begin, row_begin + h.farthest));
    Expr row_end_inside = min(source.row_end, row_end + h.nearest);
    block.rows = body.let("staged_rows", max(0, row_end_inside - block.row_begin));
    block.column_begin = body.let("staged_column_begin", column_begin + w.farthest);
    block.columns = body.let("staged_columns", column_end - column_begin + w.nearest - w.farthest);
    block.inside_begin =
        body.let("inside_begin", within_block(source.column_begin, block.column_begin, 0, block.columns));
    block.inside_end =
        body.let("inside_end", within_block(source.column_end, block.column_begin, block.inside_begin, block.columns));
    return block;
}

StageBlock PhaseTask::block_of(const Source &source, const Staged &block, const Expr &first, const Expr &channels,
                               const Expr &panel_channels, const Expr &to) const {
    Expr origin =
        int64(first) * p.at("in_c") + int64(block.row_begin) * source.row + int64(block.column_begin) * source.column;
    return {address_of(stored, source.host, origin), p.at("in_c"), source.column, source.row, scratch_at(to),
            p.at("staged_minor"), p.at("staged_row"), p.at("staged_panel"), channels, panel_channels,
            block.columns, block.rows, block.inside_begin, block.inside_end};
}

void PhaseTask::copy_channels(Statements &body, const Source &source, const Staged &block, const Expr &first,
                              const Expr &channels, const Expr &panel_channels, const Expr &to) {
    stage_block(body, shared, planar, block_of(source, block, first, channels, panel_channels, to));
}

void PhaseTask::stage_channels(Statements &body, const Source &source, const Expr &at, const Expr &number) {
    const Staged block = place_staged(body, source, at);
    Expr step = p.at("block_panels") * p.at("panel_channels") * pair;
    Expr begin = body.let("first_staged", number * step);
    body.when(block.rows > 0, [&](Statements &then) {
        copy_channels(then, source, block, first_group * p.at("channels") + begin, min(step, p.at("channels") - begin),
                      p.at("panel_channels"), at);
    });
}

PhaseTask::Staged PhaseTask::stage(Statements &body, const Source &source, const Expr &at) {
    const Staged block = place_staged(body, source, at);
    copy_staged(body, source, block);
    return block;
}

void PhaseTask::copy_staged(Statements &body, const Source &source, const Staged &block) {
    const Expr at = block.at;
    Expr first_channel = first_group * p.at("channels");
    Expr groups = (unit_begin + unit_count - 1) / p.at("group_units") - first_group + 1;
    body.when(block.rows > 0, [&](Statements &then) {
        if (planar) {
            Expr channels = then.let("staged_channels", groups * p.at("channels"));
            copy_channels(then, source, block, first_channel, channels, channels, at);
            return;
        }
        if (depthwise) {  // a unit reads the groups of what it writes
            Expr lanes = p.at("unit_blocks") * p.at("tile_a");
            Expr first_lane = then.let("first_lane", unit_begin * lanes);
            Expr lane_count = then.let("lane_count", min(p.at("lanes") - first_lane, unit_count * lanes));
            Expr groups = then.let("groups", p.at("channels") / p.at("reduction"));
            Expr own = p.at("lanes") == p.at("channels") && p.at("reduction") == 1;  // a channel for each lane
            then.when(own, [&](Statements &inner) {
                copy_channels(inner, source, block, first_lane, lane_count, p.at("tile_a"), at);
            });
            then.when(!own, [&](Statements &inner) {
                const LaneGroups of_lanes = {first_lane, (lane_count + p.at("tile_a") - 1) / p.at("tile_a"),
                                             p.at("tile_a"), p.at("lanes") / groups};
                stage_groups(inner, shared, of_lanes,
                             block_of(source, block, 0, p.at("channels"), p.at("reduction"), at));
            });
            return;
        }
        // A row of all channels that lies as it will is copied as one; so is a single channel, whatever its stride. Not
        // as pairs: no kernel that reads those is chosen for so few channels.
        Expr minor = p.at("staged_minor"), one = p.at("channels") == 1;
        Expr lies_so = pair == 1 && minor == p.at("channels") && groups == 1 &&
                       (one || (p.at("in_c") == 1 && source.column == int64(minor)));
        Expr as_row = then.let("as_row", lies_so);
        then.when(as_row, [&](Statements &inner) {
            Expr origin = int64(first_channel) * p.at("in_c") + int64(block.row_begin) * source.row +
                          int64(block.column_begin) * source.column;
            stage_block(inner, shared, true,
                        {address_of(stored, source.host, origin), 1, select(one, int64(source.column), int64(1)),
                         source.row, scratch_at(at), 1, p.at("staged_row"), p.at("staged_panel"), 1, 1,
                         block.columns * minor, block.rows, block.inside_begin * minor, block.inside_end * minor});
        });
        // Where no zeros fill panels, those of all groups are alike.
        Expr even = p.at("reduction") * pair == p.at("channels");
        Expr times = then.let("times", select(even, 1, groups));
        Expr channels = then.let("staged_channels", select(even, groups, 1) * p.at("channels"));
        then.loop("of_group", select(as_row, 0, times), [&](Statements &each, const Expr &group) {
            copy_channels(each, source, block, first_channel + group * p.at("channels"), channels,
                          p.at("panel_channels"), at + group * p.at("panels") * p.at("staged_panel"));
        });
    });
}

}  // namespace tconv::compiler
