#include "registry.h"

#include <cstring>

#include "tconv/tconv.h"

extern "C" {
#define TCONV_KERNEL(name, dtype, family, lanes, isa, tile_a, tile_m, vector)                                        \
    int name(const int32_t *, int32_t, const void *, const void *, const void *, const void *, const void *, void *, \
             void *);                                                                                                \
    int name##_pack(const int32_t *, const void *, void *);
#include "registry.inc"
#undef TCONV_KERNEL
}

namespace tconv {

namespace {

constexpr int32_t f32 = TCONV_F32, f64 = TCONV_F64, f16 = TCONV_F16, bf16 = TCONV_BF16;

constexpr Kernel all_kernels[] = {
#define TCONV_KERNEL(name, dtype, family, lanes, isa, tile_a, tile_m, vector) \
    {#name, dtype, Family::family, Lanes::lanes, Isa::isa, tile_a, tile_m, vector, name, name##_pack},
#include "registry.inc"
#undef TCONV_KERNEL
};

}  // namespace

std::span<const Kernel> kernels() {
    return all_kernels;
}

const Kernel *kernel_by_name(const char *name) {
    for (const Kernel &kernel : kernels()) {
        if (std::strcmp(kernel.name, name) == 0)
            return &kernel;
    }
    return nullptr;
}

}  // namespace tconv

int32_t tconv_kernel_count(void) {
    return static_cast<int32_t>(tconv::kernels().size());
}

const char *tconv_kernel_name(int32_t index) {
    if (index < 0 || index >= tconv_kernel_count())
        return nullptr;
    return tconv::kernels()[static_cast<size_t>(index)].name;
}
