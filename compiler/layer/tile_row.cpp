#include "tile_row.h"

#include <map>
#include <vector>

namespace tconv::compiler {

using namespace Halide;
using namespace Halide::Internal;

namespace {

const RowArguments &arguments() {
    static const RowArguments all = {
        {"staged", "packed", "sums", "bias", "slope", "ahead"},
        {"lanes",       "columns",      "rows",   "blocks",     "staged_minor", "staged_row", "staged_panel",   "tap",
         "row_of_taps", "packed_block", "sums_a", "sums_m",     "sums_row",     "sums_block", "panel_channels", "panels",
         "finish",      "low",          "high",   "taps_x",     "taps_y",       "offset_x",   "offset_y",       "step_x",
         "step_y",      "rows_staged",  "first",  "ahead_bytes"}};
    return all;
}

}  // namespace

void call_tiles(Statements &body, const MultiplyTiles &tiles, int unroll, const TileRow &row) {
    Expr length = body.let("length", (row.at("columns") + tiles.step - 1) / tiles.step);
    std::vector<int> widths;
    for (const auto &[width, tile] : tiles.tiles.at(unroll)) {
        widths.push_back(width);
    }
    const int pair = tiles.pair;
    each_tile_width(
        body, length, tiles.widths, tiles.step, widths,
        [&](Statements &then, int width, const Expr &count, const Expr &start) {
            Expr pixels = count * (width * tiles.step);
            std::map<std::string, BufferArgument> buffers = {
                {"staged",
                 {row.at("staged"),
                  {0, 0, 0, 0},
                  {1, row.at("staged_minor") * pair, row.at("staged_row") * pair, row.at("staged_panel") * pair}}},
                {"packed",
                 {row.at("packed"),
                  {tiles.width, 0, 0, 0, 0},
                  {1, tiles.width * pair, row.at("tap") * pair, row.at("row_of_taps") * pair,
                   row.at("packed_block") * pair}}},
                {"sums",
                 {address_of(tiles.computed, row.at("sums"), start * row.at("sums_m")),
                  {row.at("lanes"), pixels, row.at("rows"), row.at("blocks")},
                  {row.at("sums_a"), row.at("sums_m"), row.at("sums_row"), row.at("sums_block")}}},
                {"bias", {row.at("bias"), {0}, {1}}},
                {"slope", {row.at("slope"), {0}, {1}}}};
            std::map<std::string, Expr> scalars;
            for (const std::string &number : arguments().numbers) {
                scalars[number] = row.at(number);
            }
            scalars["ahead"] = reinterpret(Handle(), row.at("ahead"));
            scalars["offset_x"] = row.at("offset_x") + start;
            scalars["low"] = reinterpret<float>(row.at("low"));
            scalars["high"] = reinterpret<float>(row.at("high"));
            then.add(tiles.tiles.at(unroll).at(width).call(buffers, scalars));
        });
}

LoweredFunc row_function(const std::string &name, const MultiplyTiles &tiles, int unroll) {
    return shared_row_function(name, arguments(),
                               [&](Statements &body, const RowValues &row) { call_tiles(body, tiles, unroll, row); });
}

Stmt call_row_function(const std::string &name, const TileRow &row) {
    return call_shared_row(name, arguments(), row);
}

}  // namespace tconv::compiler
