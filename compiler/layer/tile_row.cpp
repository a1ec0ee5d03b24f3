#include "tile_row.h"

#include <vector>

namespace tconv::compiler {

using namespace Halide;
using namespace Halide::Internal;

namespace {

const std::vector<std::string> &addresses() {
    static const std::vector<std::string> names = {"staged", "packed", "sums", "bias", "slope", "ahead"};
    return names;
}

const std::vector<std::string> &numbers() {
    static const std::vector<std::string> names = {
        "lanes",       "columns",      "rows",   "blocks",     "staged_minor", "staged_row", "staged_panel",   "tap",
        "row_of_taps", "packed_block", "sums_a", "sums_m",     "sums_row",     "sums_block", "panel_channels", "panels",
        "finish",      "low",          "high",   "taps_x",     "taps_y",       "offset_x",   "offset_y",       "step_x",
        "step_y",      "rows_staged",  "first",  "ahead_bytes"};
    return names;
}

}  // namespace

void call_tiles(Statements &body, const MultiplyTiles &tiles, int unroll, const TileRow &row) {
    // Tiles of at most the widest, differing by one step: `wide` of them are one step wider than `narrow`.
    Expr length = body.let("length", (row.at("columns") + tiles.step - 1) / tiles.step);
    Expr count_all = body.let("tiles", (length + tiles.widths - 1) / tiles.widths);
    Expr narrow = body.let("narrow", length / max(count_all, 1));
    Expr wide = body.let("wide", length % max(count_all, 1));
    for (const auto &[i, tile] : tiles.tiles.at(unroll)) {
        Expr count = body.let("tile_count", select(narrow + 1 == i, wide, select(narrow == i, count_all - wide, 0)));
        Expr start = body.let("tile_start", select(narrow == i, wide * (i + 1), 0) * tiles.step);
        const int pair = tiles.pair;
        body.when(count > 0, [&](Statements &then) {
            Expr pixels = count * (i * tiles.step);
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
            for (const std::string &number : numbers()) {
                scalars[number] = row.at(number);
            }
            scalars["ahead"] = reinterpret(Handle(), row.at("ahead"));
            scalars["offset_x"] = row.at("offset_x") + start;
            scalars["low"] = reinterpret<float>(row.at("low"));
            scalars["high"] = reinterpret<float>(row.at("high"));
            then.add(tile.call(buffers, scalars));
        });
    }
}

LoweredFunc row_function(const std::string &name, const MultiplyTiles &tiles, int unroll) {
    TileRow row;
    std::vector<LoweredArgument> arguments;
    for (const std::string &address : addresses()) {
        arguments.emplace_back(address, Argument::InputScalar, Handle(), 0, ArgumentEstimates{});
        row[address] = reinterpret(UInt(64), Variable::make(Handle(), address));
    }
    for (const std::string &number : numbers()) {
        arguments.emplace_back(number, Argument::InputScalar, Int(32), 0, ArgumentEstimates{});
        row[number] = Variable::make(Int(32), number);
    }
    Statements body;
    call_tiles(body, tiles, unroll, row);
    return LoweredFunc(name, arguments, body.build(), LinkageType::External, NameMangling::C);
}

Stmt call_row_function(const std::string &name, const TileRow &row) {
    std::vector<Expr> values;
    for (const std::string &address : addresses()) {
        values.push_back(reinterpret(Handle(), row.at(address)));
    }
    for (const std::string &number : numbers()) {
        values.push_back(cast<int32_t>(row.at(number)));
    }
    return Evaluate::make(Call::make(Int(32), name, values, Call::Extern));
}

}  // namespace tconv::compiler
