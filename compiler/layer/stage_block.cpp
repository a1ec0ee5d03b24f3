#include "stage_block.h"

#include <utility>

namespace tconv::compiler {

using namespace Halide;

namespace {

// Zeros for columns [column, column + columns) of panels. Where channels lie innermost, the pixels of a panel are one row of
// numbers: by pixels, of which most have no whole vector, clearing took a sixth of the time of depthwise layers of 12 and of
// 25 channels.
void clear_columns(Statements &body, const SharedStages &shared, bool planar, const StageBlock &block,
                   const Expr &condition, const Expr &column, const Expr &columns, const Expr &panel,
                   const Expr &panels) {
    body.when(condition, [&](Statements &then) {
        Expr at = (planar ? column : column * block.to_minor) + panel * block.to_panel;
        then.add(shared.clear.call({{"staged",
                                     {address_of(generators::computed_type(shared.element), block.to, at),
                                      {planar ? columns : columns * block.to_minor,
                                       planar ? block.panel_channels : Expr(1), block.rows, panels},
                                      {1, block.to_minor, block.to_row, block.to_panel}}}},
                                   {}));
    });
}

}  // namespace

void stage_groups(Statements &body, const SharedStages &shared, const LaneGroups &lanes, const StageBlock &block) {
    const Type stored = generators::stored_type(shared.element), computed = generators::computed_type(shared.element);
    Expr inside = body.let("inside", block.inside_end - block.inside_begin);
    Expr right = block.columns - block.inside_end, channels = block.panel_channels, panels = lanes.blocks * channels;
    clear_columns(body, shared, false, block, block.inside_begin > 0, 0, block.inside_begin, 0, panels);
    clear_columns(body, shared, false, block, right > 0, block.inside_end, right, 0, panels);
    body.loop("lane_block", select(inside > 0, lanes.blocks, 0), [&](Statements &each, const Expr &number) {
        Expr from = int64(block.inside_begin) * block.from_col;
        Expr to = block.inside_begin * block.to_minor + number * channels * block.to_panel;
        each.add(
            shared.stage_groups.call({{"input",
                                       {address_of(stored, block.from, from),
                                        {block.channels, inside, block.rows},
                                        {block.from_c, cast<int32_t>(block.from_col), cast<int32_t>(block.from_row)}}},
                                      {"staged",
                                       {address_of(computed, block.to, to),
                                        {lanes.width, inside, block.rows, channels},
                                        {1, block.to_minor, block.to_row, block.to_panel}}}},
                                     {{"first_lane", lanes.first_lane + number * lanes.width},
                                      {"outputs", lanes.outputs},
                                      {"channels", channels}}));
    });
}

void stage_block(Statements &body, const SharedStages &shared, bool planar, const StageBlock &block) {
    const Type stored = generators::stored_type(shared.element), computed = generators::computed_type(shared.element);
    const int pair = generators::channels_of_operand(shared.element);
    // Operands [c, c + extent_c) of panels [panel, panel + panels), columns [column, column + extent).
    auto staged = [&](const Expr &c, const Expr &extent_c, const Expr &column, const Expr &extent, const Expr &panel,
                      const Expr &panels) {
        Expr place = planar ? column + c * block.to_minor : c + column * block.to_minor;
        BufferArgument part = {address_of(computed, block.to, place + panel * block.to_panel),
                               {extent_c, extent, block.rows, panels},
                               {1, block.to_minor, block.to_row, block.to_panel}};
        if (planar) {
            std::swap(part.extent[0], part.extent[1]);
        }
        return part;
    };
    // An operand that an odd channel leaves incomplete is copied apart.
    Expr complete = body.let("complete", block.channels / pair), unpaired = block.channels % pair;
    Expr whole = body.let("whole_panels", complete / block.panel_channels);
    Expr rest = body.let("rest_channels", complete - whole * block.panel_channels);
    Expr used = body.let("used_of_last", rest + unpaired);
    Expr panels = whole + select(used > 0, 1, 0);
    Expr inside = body.let("inside", block.inside_end - block.inside_begin);
    Expr right = block.columns - block.inside_end;

    auto clear = [&](const Expr &condition, const Expr &column, const Expr &extent, const Expr &panel,
                     const Expr &count) {
        clear_columns(body, shared, planar, block, condition, column, extent, panel, count);
    };
    clear(block.inside_begin > 0, 0, block.inside_begin, 0, panels);
    clear(right > 0, block.inside_end, right, 0, panels);
    if (!planar) {
        // All of the last panel, some of whose channels are then copied.
        clear(used > 0, block.inside_begin, inside, whole, 1);
    }

    auto copy = [&](const Expr &condition, const Expr &panel, const Expr &count, const Expr &channels) {
        body.when(condition && inside > 0, [&](Statements &then) {
            const std::map<std::string, Expr> scalars = {{"panel_channels", block.panel_channels}};
            // Operands [c, c + extent_c) of each panel, columns [x, x + extent_x) of those inside.
            auto buffers = [&](const Expr &c, const Expr &extent_c, const Expr &x, const Expr &extent_x) {
                Expr from = int64((panel * block.panel_channels + c) * pair) * block.from_c +
                            int64(block.inside_begin + x) * block.from_col;
                BufferArgument input = {address_of(stored, block.from, from),
                                        {block.channels, extent_x, block.rows},
                                        {block.from_c, cast<int32_t>(block.from_col), cast<int32_t>(block.from_row)}};
                return std::map<std::string, BufferArgument>{
                    {"input", input}, {"staged", staged(c, extent_c, block.inside_begin + x, extent_x, panel, count)}};
            };
            Expr other_axis =
                planar ? block.from_c == 1 && block.from_col != 1 : block.from_col == 1 && block.from_c != 1;
            Expr transposed = then.let("transposed", other_axis && inside >= shared.edge && channels >= shared.edge);
            Expr squares = Internal::const_false();
            if (const int edge = shared.squares; edge > 0) {
                Expr whole_c = channels / edge * edge, whole_x = inside / edge * edge;
                // Of panels channels are whole squares or none; else the last squares overlap those before.
                Expr suited = planar ? channels >= edge : channels == whole_c;
                squares = then.let("squares", other_axis && inside >= edge && suited);
                then.when(squares, [&](Statements &inner) {
                    auto call = [&](const Expr &some, const Expr &c, const Expr &extent_c, const Expr &x,
                                    const Expr &extent_x) {
                        inner.when(some, [&](Statements &last) {
                            last.add(shared.stage_squares.at(planar).call(buffers(c, extent_c, x, extent_x), scalars));
                        });
                    };
                    const Expr edge_x = whole_x < inside, edge_c = whole_c < channels;
                    call(Internal::const_true(), 0, whole_c, 0, whole_x);
                    call(edge_x, 0, whole_c, inside - edge, edge);
                    if (planar) {
                        call(edge_c, channels - edge, edge, 0, whole_x);
                        call(edge_c && edge_x, channels - edge, edge, inside - edge, edge);
                    }
                });
            }
            then.when(transposed && !squares, [&](Statements &inner) {
                inner.add(shared.stage_transposed(planar).call(buffers(0, channels, 0, inside), scalars));
            });
            then.when(!transposed && !squares, [&](Statements &inner) {
                inner.add(shared.stage(planar).call(buffers(0, channels, 0, inside), scalars));
            });
        });
    };
    copy(whole > 0, 0, whole, block.panel_channels);
    if (!planar) {
        copy(rest > 0, whole, 1, rest);
    }
    if (pair > 1) {
        body.when(unpaired > 0 && inside > 0, [&](Statements &then) {
            Expr from = int64(block.channels - 1) * block.from_c + int64(block.inside_begin) * block.from_col;
            BufferArgument input = {address_of(stored, block.from, from),
                                    {1, inside, block.rows},
                                    {1, cast<int32_t>(block.from_col), cast<int32_t>(block.from_row)}};
            then.add(shared.stage_unpaired->call(
                {{"input", input}, {"staged", staged(rest, 1, block.inside_begin, inside, whole, 1)}}, {}));
        });
    }
}

}  // namespace tconv::compiler
