// Arrays of Python as pointers and strides: NumPy's by the buffer protocol, all others by DLPack. Nothing is copied.
#pragma once

#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>

#include <array>
#include <cstdint>

#include "tconv/tconv.h"

namespace tconv::python {

enum class Access { kRead, kWrite };

class Array {
public:
    static constexpr int kMostDimensions = 4;

    // `name` is the argument, for messages: TypeError if this is no array or of another element type, ValueError if it
    // is read-only but to be written, not on the CPU, or of more than four dimensions.
    Array(const char *name, nanobind::handle object, int32_t dtype, Access access);
    ~Array();
    Array(const Array &) = delete;
    Array &operator=(const Array &) = delete;

    int dimensions() const { return dimensions_; }

    // The array as [N, C, H, W], after checking that it has the shape, given in array order. `axes` are the positions
    // of the logical dimensions in it; three dimensions stand for one image.
    tconv_view view(const std::array<int64_t, 4> &shape, const std::array<int, 4> &axes) const;

    // Checks that this is one dense row of `count` elements.
    void *row(int64_t count) const;

    // The element type of any array, as a tconv_dtype; 0 if it is none of ours.
    static int32_t dtype_of(nanobind::handle object);
    static nanobind::tuple shape_of(nanobind::handle object);

private:
    Array(const char *name, nanobind::handle object, Access access);
    bool read_buffer(nanobind::handle object, Access access);
    void read_dlpack(nanobind::handle object, Access access);
    [[noreturn]] void wrong_shape(const int64_t *wanted, int count) const;

    const char *name_;
    void *data_ = nullptr;
    int dimensions_ = 0;
    int32_t dtype_ = 0;
    int64_t shape_[kMostDimensions] = {};
    int64_t stride_[kMostDimensions] = {};  // in elements
    Py_buffer buffer_;
    bool holds_buffer_ = false;
    nanobind::ndarray<> tensor_;
    nanobind::ndarray<nanobind::ro> constant_;
};

}  // namespace tconv::python
