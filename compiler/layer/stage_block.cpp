#include "stage_block.h"

#include <utility>

namespace tconv::compiler {

using namespace Halide;

void stage_block(Statements &body, const SharedStages &shared, bool planar, const StageBlock &block) {
    const Type stored = generators::stored_type(shared.element), computed = generators::computed_type(shared.element);
    auto staged = [&](const Expr &column, const Expr &extent) {
        BufferArgument part = {address_of(computed, block.to, column * (planar ? Expr(1) : block.to_minor)),
                               {block.channels, extent, block.rows},
                               {1, block.to_minor, block.to_row}};
        if (planar) {
            std::swap(part.extent[0], part.extent[1]);
        }
        return part;
    };
    body.when(block.inside_begin > 0, [&](Statements &left) {
        left.add(shared.clear.call({{"staged", staged(0, block.inside_begin)}}, {}));
    });
    body.when(block.inside_end < block.columns, [&](Statements &right) {
        right.add(shared.clear.call({{"staged", staged(block.inside_end, block.columns - block.inside_end)}}, {}));
    });
    Expr inside = block.inside_end - block.inside_begin;
    BufferArgument input = {address_of(stored, block.from, int64(block.inside_begin) * block.from_col),
                            {block.channels, inside, block.rows},
                            {block.from_c, cast<int32_t>(block.from_col), cast<int32_t>(block.from_row)}};
    const std::map<std::string, BufferArgument> buffers = {{"input", input},
                                                           {"staged", staged(block.inside_begin, inside)}};
    Expr other_axis = planar ? block.from_c == 1 && block.from_col != 1 : block.from_col == 1 && block.from_c != 1;
    Expr transposed = other_axis && inside >= shared.edge && block.channels >= shared.edge;
    body.when(transposed, [&](Statements &inner) { inner.add(shared.stage_transposed(planar).call(buffers, {})); });
    body.when(inside > 0 && !transposed, [&](Statements &inner) { inner.add(shared.stage(planar).call(buffers, {})); });
}

}  // namespace tconv::compiler
