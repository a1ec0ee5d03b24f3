#include "far_tensor.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstring>

namespace tconv::testing {
namespace {

template<typename Visit>
void each_index(const Tensor &tensor, Visit visit) {
    const std::array<int64_t, 4> &n = tensor.extents();
    for (int64_t a = 0; a < n[0]; ++a)
        for (int64_t b = 0; b < n[1]; ++b)
            for (int64_t c = 0; c < n[2]; ++c)
                for (int64_t d = 0; d < n[3]; ++d)
                    visit(a, b, c, d);
}

char *element(const tconv_view &view, int32_t dtype, int64_t a, int64_t b, int64_t c, int64_t d) {
    const int64_t at = a * view.stride[0] + b * view.stride[1] + c * view.stride[2] + d * view.stride[3];
    return static_cast<char *>(view.data) + at * element_type(dtype).bytes;
}

}  // namespace

FarTensor::FarTensor(const Tensor &tensor, const std::array<int64_t, 4> &stride, int64_t elements)
    : bytes_(static_cast<size_t>(elements * element_type(tensor.dtype()).bytes)) {
    void *const data =
        mmap(nullptr, bytes_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (data == MAP_FAILED)
        return;
    view_.data = data;
    std::copy(stride.begin(), stride.end(), view_.stride);
    const tconv_view from = tensor.view();
    const auto bytes = static_cast<size_t>(element_type(tensor.dtype()).bytes);
    each_index(tensor, [&](int64_t a, int64_t b, int64_t c, int64_t d) {
        std::memcpy(element(view_, tensor.dtype(), a, b, c, d), element(from, tensor.dtype(), a, b, c, d), bytes);
    });
}

FarTensor::~FarTensor() {
    if (there())
        munmap(view_.data, bytes_);
}

void FarTensor::copy_to(Tensor &tensor) const {
    each_index(tensor, [&](int64_t a, int64_t b, int64_t c, int64_t d) {
        tensor.set(a, b, c, d, load_element(tensor.dtype(), element(view_, tensor.dtype(), a, b, c, d)));
    });
}

}  // namespace tconv::testing
