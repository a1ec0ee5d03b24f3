// Rows of register tiles: one call of the multiply loops for each width of tile that a row of pixels is cut into.
#pragma once

#include <string>

#include "ir.h"
#include "shared_row.h"
#include "stages.h"

namespace tconv::compiler {

// Everything a row of tiles depends on, by name: the arguments of generators::Multiply, addresses and strides.
using TileRow = RowValues;

// Appends the calls of the tiles that make up one row.
void call_tiles(Statements &body, const MultiplyTiles &tiles, int unroll, const TileRow &row);

// The same as a function of its own, which the layer functions of the catalogue share, and its call.
Halide::Internal::LoweredFunc row_function(const std::string &name, const MultiplyTiles &tiles, int unroll);
Halide::Internal::Stmt call_row_function(const std::string &name, const TileRow &row);

}  // namespace tconv::compiler
