// The multiply loops of one variant of planes (generators/multiply_planes.h): for each stride, which is the number of
// phases of a row, and for every number of pixel vectors up to the tile's.
#pragma once

#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "ir.h"
#include "shared_row.h"
#include "stages.h"

namespace tconv::compiler {

// What a line of such tiles is computed from: addresses "staged", "packed", "sums", and numbers.
using PlaneLine = RowValues;

class PlaneTiles {
public:
    // `needed`: strides and widths in vectors; empty: all.
    PlaneTiles(const Variant &variant, const std::string &prefix, const Halide::Target &target,
               const std::set<std::pair<int, int>> &needed = {});

    std::vector<const RawFunction *> all() const;

    // Appends some rows of so many pixels. `exact`: none beyond, of which there must be a vector; the last overlaps the one
    // before. Else whole vectors.
    void call(Statements &body, const PlaneLine &line) const;

    // The widest tile of a stride, in vectors, where a tile has so many outputs of a row.
    static int widest(int tile_m, int vector, int stride) { return tile_m / (vector * stride); }

private:
    int most_rows(int tile_m, int stride, int vectors) const;

    int width, vector;
    Halide::Type computed;
    std::map<int, std::map<int, std::map<int, RawFunction>>> tiles;  // by stride, vectors, rows
};

// `call` as a function of its own, which all dtypes share, and a call of it.
Halide::Internal::LoweredFunc plane_line_function(const std::string &name, const PlaneTiles &tiles);
Halide::Internal::Stmt call_plane_line(const std::string &name, const PlaneLine &line);

}  // namespace tconv::compiler
