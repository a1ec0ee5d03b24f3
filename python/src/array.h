// Arrays of Python as pointers and strides: NumPy's by the buffer protocol, all others by DLPack. Nothing is copied but rows with
// gaps and images that are flipped, which the library does not read.
//
// Those on a device are asked for ordered after what their framework has queued (DLPack's stream protocol).
#pragma once

#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "tconv/tconv.h"

namespace tconv::python {

// kWriteOwn: into a buffer of this package's output_for, which has 16-bit integers for the bits of bfloat16 where the
// framework has no array to write to.
enum class Access { kRead, kWrite, kWriteOwn };

// Where a layer's arrays have to be.
struct Place {
    static constexpr int kCpu = -1;
    static constexpr int64_t kUnordered = -1;  // only shape and type are looked at

    int device = kCpu;   // ordinal of a CUDA device
    int64_t stream = 0;  // the CUstream there that is going to work on them
};

class Array {
public:
    static constexpr int kMostDimensions = 4;

    // `name` is the argument, for messages: TypeError if this is no array or of another element type, ValueError if it
    // is read-only but to be written, in another place, of more than four dimensions, or part of a graph of PyTorch.
    Array(const char *name, nanobind::handle object, int32_t dtype, Access access, const Place &place = {});
    ~Array();
    Array(const Array &) = delete;
    Array &operator=(const Array &) = delete;

    int dimensions() const { return dimensions_; }

    // The array as [N, C, H, W], after checking that it has the shape, given in array order. `axes` are the positions
    // of the logical dimensions in it.
    tconv_view view(const std::array<int64_t, 4> &shape, const std::array<int, 4> &axes) const;

    // The same of images: three dimensions stand for one. Those to read are copied if a stride is negative; ValueError if those
    // to write have one.
    tconv_view image_view(const std::array<int64_t, 4> &shape, const std::array<int, 4> &axes);

    // One row of `count` elements to read, copied if it is not dense; on a device it has to be.
    const void *row_or_copy(int64_t count);

    // Checks that this is one dense row of `count` elements.
    void *row(int64_t count) const;

    // The element type of any array, by its name in Spec; TypeError if it is none of ours.
    static const char *dtype_of(const char *name, nanobind::handle object);
    static nanobind::tuple shape_of(const char *name, nanobind::handle object);

    // Throws ValueError if an array is somewhere else. What is no array is left to the constructor.
    static void check_place(const char *name, nanobind::handle object, const Place &place);

    // The ordinal of the CUDA device that holds an array; None if none does.
    static nanobind::object device_of(nanobind::handle object);

private:
    Array(const char *name, nanobind::handle object, Access access, const Place &place);
    bool read_buffer(nanobind::handle object, Access access);
    void read_dlpack(nanobind::handle object, Access access, const Place &place);
    // `first`: the position of the first dimension that the array has.
    tconv_view view_from(int first, const std::array<int64_t, 4> &shape, const std::array<int, 4> &axes) const;
    void unflip();
    [[noreturn]] void wrong_shape(const int64_t *wanted, int count) const;

    const char *name_;
    bool on_cpu_, reads_;
    void *data_ = nullptr;
    int dimensions_ = 0;
    int32_t dtype_ = 0;
    int64_t itemsize_ = 0;
    int64_t shape_[kMostDimensions] = {};
    int64_t stride_[kMostDimensions] = {};  // in elements
    std::vector<std::byte> copy_;
    Py_buffer buffer_;
    bool holds_buffer_ = false;
    nanobind::ndarray<> tensor_;
    nanobind::ndarray<nanobind::ro> constant_;
};

}  // namespace tconv::python
