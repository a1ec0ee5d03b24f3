#include "stage_block.h"

#include <utility>

namespace tconv::compiler {

using namespace Halide;

void stage_block(Statements &body, const SharedStages &shared, bool planar, const StageBlock &block) {
    const Type stored = generators::stored_type(shared.element), computed = generators::computed_type(shared.element);
    // Channels [c, c + extent_c) of panels [panel, panel + panels), columns [column, column + extent).
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
    Expr whole = body.let("whole_panels", block.channels / block.panel_channels);
    Expr rest = body.let("rest_channels", block.channels - whole * block.panel_channels);
    Expr panels = whole + select(rest > 0, 1, 0);
    Expr inside = body.let("inside", block.inside_end - block.inside_begin);
    Expr right = block.columns - block.inside_end;

    auto clear = [&](const Expr &condition, const BufferArgument &part) {
        body.when(condition, [&](Statements &then) { then.add(shared.clear.call({{"staged", part}}, {})); });
    };
    clear(block.inside_begin > 0, staged(0, block.panel_channels, 0, block.inside_begin, 0, panels));
    clear(right > 0, staged(0, block.panel_channels, block.inside_end, right, 0, panels));
    if (!planar) {
        clear(rest > 0, staged(rest, block.panel_channels - rest, block.inside_begin, inside, whole, 1));
    }

    auto copy = [&](const Expr &condition, const Expr &panel, const Expr &count, const Expr &channels) {
        body.when(condition && inside > 0, [&](Statements &then) {
            Expr from = int64(panel * block.panel_channels) * block.from_c + int64(block.inside_begin) * block.from_col;
            BufferArgument input = {address_of(stored, block.from, from),
                                    {block.channels, inside, block.rows},
                                    {block.from_c, cast<int32_t>(block.from_col), cast<int32_t>(block.from_row)}};
            const std::map<std::string, BufferArgument> buffers = {
                {"input", input}, {"staged", staged(0, channels, block.inside_begin, inside, panel, count)}};
            const std::map<std::string, Expr> scalars = {{"panel_channels", block.panel_channels}};
            Expr other_axis =
                planar ? block.from_c == 1 && block.from_col != 1 : block.from_col == 1 && block.from_c != 1;
            Expr transposed = then.let("transposed", other_axis && inside >= shared.edge && channels >= shared.edge);
            then.when(transposed,
                      [&](Statements &inner) { inner.add(shared.stage_transposed(planar).call(buffers, scalars)); });
            then.when(!transposed, [&](Statements &inner) { inner.add(shared.stage(planar).call(buffers, scalars)); });
        });
    };
    copy(whole > 0, 0, whole, block.panel_channels);
    if (!planar) {
        copy(rest > 0, whole, 1, rest);
    }
}

}  // namespace tconv::compiler
