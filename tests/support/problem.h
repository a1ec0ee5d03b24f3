// Data for one layer: tensors with arbitrary strides in guarded buffers, filled so that float sums are exact, and the
// oracle's answer for them.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "random.h"
#include "tconv/tconv.h"

namespace tconv::testing {

// Where a tensor lies in its buffer. Every placement has guard words around it and starts at an odd distance from
// any vector's alignment.
enum class Placement {
    kDense,     // the spec's layout (filter: IOHW)
    kOther,     // the other layout (filter: HWIO, HWOI or OHWI)
    kSlice,     // a channel and row slice of a larger dense array
    kShuffled,  // dimensions in any order with gaps after each (filter: and flips, by negative strides)
};

class Tensor {
public:
    Tensor() = default;
    // slowest_first is an order of the dimensions; gap[d] elements of slack follow each run of dimension d; flips are
    // dimensions whose stride is negative.
    Tensor(std::array<int64_t, 4> extents, std::array<int, 4> slowest_first, std::array<int64_t, 4> gap,
           std::array<bool, 4> flip, int64_t guard);

    tconv_view view() const;
    float &at(int64_t a, int64_t b, int64_t c, int64_t d) { return storage_[offset(a, b, c, d)]; }
    float at(int64_t a, int64_t b, int64_t c, int64_t d) const { return storage_[offset(a, b, c, d)]; }
    int64_t size() const { return extents_[0] * extents_[1] * extents_[2] * extents_[3]; }
    const std::array<int64_t, 4> &extents() const { return extents_; }

    // Calls visit(dense logical index, element) for every element of the view, logical order.
    void each(const std::function<void(int64_t, float &)> &visit);
    std::vector<double> logical() const;

    void poison();                     // every word of the buffer becomes the guard pattern, a NaN
    bool surroundings_intact() const;  // everything outside the view still is

private:
    size_t offset(int64_t a, int64_t b, int64_t c, int64_t d) const {
        return static_cast<size_t>(origin_ + a * stride_[0] + b * stride_[1] + c * stride_[2] + d * stride_[3]);
    }
    std::array<int64_t, 4> extents_ = {}, stride_ = {};
    int64_t origin_ = 0;
    std::vector<float> storage_;
};

struct DataRules {
    bool integers = true;         // else uniform reals in [-1, 1)
    double density = 0.75;        // of non-zero input values
    int32_t filter_multiple = 1;  // weights are multiples of this (Winograd: the square of its common denominator)
};

// Integer data is bounded so that every partial sum of products, bias and residual, in any order, is an integer of
// at most 2^20 in magnitude: exact in float, with four bits to spare for slopes that are powers of two.
class Problem {
public:
    Problem(const tconv_spec &spec, uint64_t seed, Placement placement = Placement::kDense, DataRules rules = {});

    const tconv_spec spec;
    Tensor input, filter, residual, output;  // output poisoned
    std::vector<float> bias, slope;          // [C_out]

    // The oracle's output in logical order.
    std::vector<double> expected() const { return expected_of(spec); }

    // The same for another activation or residual on this data.
    std::vector<double> expected_of(const tconv_spec &variation) const;

    // Views and vectors; packed filter and workspace are left NULL for the caller.
    tconv_tensors tensors() const;

    // Empty if every output is within absolute + relative*|expected| (NaN matches NaN) and nothing around the output
    // was written; else what is wrong, with the first place and the number of wrong values.
    std::string compare(const std::vector<double> &expected, double absolute = 0, double relative = 0) const;
};

}  // namespace tconv::testing
