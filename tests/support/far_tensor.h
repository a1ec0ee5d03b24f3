// Tensors whose elements lie far apart: address space, of which only the pages that are touched take memory.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "tensor.h"

namespace tconv::testing {

// A copy of a tensor with other strides, its first element at the start of `elements` in sparse memory.
class FarTensor {
public:
    FarTensor(const Tensor &tensor, const std::array<int64_t, 4> &stride, int64_t elements);
    ~FarTensor();
    FarTensor(const FarTensor &) = delete;
    FarTensor &operator=(const FarTensor &) = delete;

    bool there() const { return view_.data != nullptr; }  // else there is no such address space here
    tconv_view view() const { return view_; }
    void copy_to(Tensor &tensor) const;  // the elements; tensor has the same shape and type

private:
    size_t bytes_;
    tconv_view view_ = {};
};

}  // namespace tconv::testing
