#include "far_tensor.h"

#include <sys/mman.h>

#include <algorithm>

#include "emulated.h"

namespace tconv::testing {
FarTensor::FarTensor(const Tensor &tensor, const std::array<int64_t, 4> &stride, int64_t elements)
    : bytes_(static_cast<size_t>(elements * element_type(tensor.dtype()).bytes)) {
    if (emulated())
        return;
    void *const data =
        mmap(nullptr, bytes_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (data == MAP_FAILED)
        return;
    view_.data = data;
    std::copy(stride.begin(), stride.end(), view_.stride);
    copy_elements(tensor.dtype(), tensor.extents(), tensor.view(), view_);
}

FarTensor::~FarTensor() {
    if (there())
        munmap(view_.data, bytes_);
}

void FarTensor::copy_to(Tensor &tensor) const {
    copy_elements(tensor.dtype(), tensor.extents(), view_, tensor.view());
}

}  // namespace tconv::testing
