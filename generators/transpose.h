// A square of numbers transposed in registers, by perfect shuffles.
//
// Reading a square of edge E = 2^n as one row of E * E numbers, a perfect shuffle moves number f to 2f, of the second half
// to 2f + 1: it rotates the bits of an index by one. n of them exchange its halves, which is the transposition. Each
// interleaves pairs of vectors, one instruction a vector where two registers can be permuted into one (AVX-512): 64 for
// 16 x 16 numbers, where picking the numbers of a column out of sixteen vectors takes four times as many.
#pragma once

#include <vector>

#include "Halide.h"

namespace tconv::generators {

struct Transpose {
    Halide::Func square;  // (lane, vector, others...): vectors as they are loaded
    int edge;
    Halide::Var i, j;
    std::vector<Halide::Func> shuffles;  // (i, j, others...): numbers 2 * edge * j + i

    Transpose(const Halide::Func &square, const std::vector<Halide::Var> &others, int edge);
};

// Of the transposed square: what was lane `vector` of vector `lane`.
Halide::Expr transposed(const Transpose &transpose, const Halide::Expr &lane, const Halide::Expr &vector,
                        const std::vector<Halide::Expr> &others);

}  // namespace tconv::generators
