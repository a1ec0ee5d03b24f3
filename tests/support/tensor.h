// Tensors with arbitrary strides in guarded buffers, and comparisons that see what was not or should not be written.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "element_type.h"
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

// Elements of a storage type, read and written as doubles.
class Tensor {
public:
    Tensor() = default;
    // slowest_first is an order of the dimensions; gap[d] elements of slack follow each run of dimension d; flips are
    // dimensions whose stride is negative; guard elements come before and behind.
    Tensor(int32_t dtype, std::array<int64_t, 4> extents, std::array<int, 4> slowest_first, std::array<int64_t, 4> gap,
           std::array<bool, 4> flip, int64_t guard);

    int32_t dtype() const { return dtype_; }
    tconv_view view() const;
    const void *data() const { return view().data; }  // element (0, 0, 0, 0)
    int64_t size() const { return extents_[0] * extents_[1] * extents_[2] * extents_[3]; }
    const std::array<int64_t, 4> &extents() const { return extents_; }

    double at(int64_t a, int64_t b, int64_t c, int64_t d) const { return load(offset(a, b, c, d)); }
    void set(int64_t a, int64_t b, int64_t c, int64_t d, double value) { store(offset(a, b, c, d), value); }
    double at(int64_t channel) const { return at(0, 0, 0, channel); }  // of a vector, [1, 1, 1, C]
    void set(int64_t channel, double value) { set(0, 0, 0, channel, value); }

    // In logical order: all values; all values anew; each value by change(dense logical index, value before).
    std::vector<double> logical() const;
    void assign(const std::vector<double> &values);
    void change(const std::function<double(int64_t, double)> &change);

    // The bits of the elements in logical order, for comparisons that must not blur.
    std::vector<uint64_t> bits() const;

    void poison();                     // every word of the buffer becomes the guard pattern, a NaN
    bool untouched() const;            // every word still is
    bool surroundings_intact() const;  // everything outside the view still is

    // Calls visit(dense logical index, value, whether it is the pattern), logical order.
    void inspect(const std::function<void(int64_t, double, bool)> &visit) const;

private:
    size_t offset(int64_t a, int64_t b, int64_t c, int64_t d) const {
        return static_cast<size_t>(origin_ + a * stride_[0] + b * stride_[1] + c * stride_[2] + d * stride_[3]);
    }
    bool is_pattern(const std::vector<unsigned char> &bytes) const;
    double load(size_t at) const;
    void store(size_t at, double value);
    template<typename Visit>
    void each(Visit visit) const;  // visit(dense logical index, offset)

    int32_t dtype_ = 0;
    size_t bytes_ = 0;  // of an element
    std::array<int64_t, 4> extents_ = {}, stride_ = {};
    int64_t origin_ = 0;
    std::vector<unsigned char> storage_;
};

// An image tensor [N, C, H, W], a filter [C_in, C_out/groups, kH, kW] and a vector [C], poisoned.
Tensor place_image(Random &random, int32_t dtype, std::array<int64_t, 4> extents, int32_t layout, Placement placement);
Tensor place_filter(Random &random, int32_t dtype, std::array<int64_t, 4> extents, Placement placement);
Tensor place_vector(int32_t dtype, int64_t extent);

// Empty if every element is the expected value, rounded once to the storage type, or within absolute +
// relative*|expected| of it (NaN matches NaN) and nothing around the tensor was written; else what is wrong, with the
// first place and the number of wrong values.
std::string compare(const Tensor &tensor, const std::vector<double> &expected, double absolute = 0,
                    double relative = 0);

// From one view to another of the same extents, bit for bit.
void copy_elements(int32_t dtype, const std::array<int64_t, 4> &extents, const tconv_view &from, const tconv_view &to);

}  // namespace tconv::testing
