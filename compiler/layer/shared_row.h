// What rows of register tiles have in common, whatever the tiles: how a row is cut into them, and how the layer functions of
// the catalogue share one function for it.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "ir.h"

namespace tconv::compiler {

// Everything a row depends on, by name.
using RowValues = std::map<std::string, Halide::Expr>;

// What of it the arguments of a function are, in this order: addresses, then int32 numbers.
struct RowArguments {
    std::vector<std::string> addresses, numbers;
};

// A function of its own, and its call.
Halide::Internal::LoweredFunc shared_row_function(const std::string &name, const RowArguments &arguments,
                                                  const std::function<void(Statements &, const RowValues &)> &append);
Halide::Internal::Stmt call_shared_row(const std::string &name, const RowArguments &arguments, const RowValues &values);

// Visits the tiles of a row of `length` steps, each of at most `most` of them and all within one of the same width: for each of
// `widths`, where it occurs, how many tiles have it and where the first begins, in pixels, of which a step has `step`.
void each_tile_width(Statements &body, const Halide::Expr &length, int most, int step, const std::vector<int> &widths,
                     const std::function<void(Statements &, int width, const Halide::Expr &count,
                                              const Halide::Expr &start)> &visit);

}  // namespace tconv::compiler
