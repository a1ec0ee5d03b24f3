// Which loops a compiled layer calls: the widths of the tiles that its rows are cut into, as call_tiles
// (compiler/layer/tile_row.cpp) cuts them.
#pragma once

#include <set>
#include <utility>

#include "choose.h"
#include "tconv/tconv.h"

namespace tconv::compiler {

// In steps of `step` pixels, of tiles of at most `steps`.
std::set<int> widths_of_tiles(const tconv_spec &spec, const Choice &choice, int step, int steps);

// Of planes: the stride with each width, in vectors, of tiles of at most `steps`.
std::set<std::pair<int, int>> widths_of_planes(const tconv_spec &spec, const Choice &choice, int vector, int steps);

// Of Winograd's tiles, of which all of a block make one row, and the numbers of taps of its phases along either axis.
std::set<int> widths_of_winograd_tiles(const tconv_spec &spec, const Choice &choice, int steps);
// The same of overlap-add.
std::set<int> widths_of_overlap_tiles(const Choice &choice, int step, int steps);
std::set<int> taps_of_phases(const tconv_spec &spec);

}  // namespace tconv::compiler
