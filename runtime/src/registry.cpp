#include "registry.h"

#include <cstring>

#include "tconv/tconv.h"

extern "C" {
#define TCONV_LAYER_FUNCTION(name)                                                                                   \
    int name(const int32_t *, int32_t, const void *, const void *, const void *, const void *, const void *, void *, \
             void *);
#define TCONV_PACK_FUNCTION(name) int name(const int32_t *, const void *, void *);
#define TCONV_KERNEL(...)
#include "registry.inc"
#undef TCONV_LAYER_FUNCTION
#undef TCONV_PACK_FUNCTION
#undef TCONV_KERNEL
}

namespace tconv {

namespace {

constexpr int32_t f32 = TCONV_F32, f64 = TCONV_F64, f16 = TCONV_F16, bf16 = TCONV_BF16;

constexpr Kernel all_kernels[] = {
#define TCONV_LAYER_FUNCTION(name)
#define TCONV_PACK_FUNCTION(name)
#define TCONV_KERNEL(name, dtype, family, lanes, isa, tile, tile_a, tile_m, vector, run, pack, input_gradient, \
                     filter_gradient, unpack, bias_gradient)                                                   \
    {#name,  dtype, Family::family, Lanes::lanes,   Isa::isa,        tile,   tile_a,       tile_m,             \
     vector, run,   pack,           input_gradient, filter_gradient, unpack, bias_gradient},
#include "registry.inc"
#undef TCONV_LAYER_FUNCTION
#undef TCONV_PACK_FUNCTION
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

tconv_status candidate_kernels(const char *name, Isa usable, std::span<const Kernel> *candidates, Message &message) {
    *candidates = kernels();
    if (name == nullptr)
        return TCONV_OK;
    const Kernel *named = kernel_by_name(name);
    if (named == nullptr) {
        return message.fail(TCONV_UNSUPPORTED,
                            "kernel = '%s' is not in this library; tconv_kernel_name lists those that are", name);
    }
    if (!isa_runs(named->isa, usable)) {
        return message.fail(TCONV_UNSUPPORTED_CPU, "kernel = '%s' needs %s; this processor, or TCONV_ISA, allows %s",
                            name, isa_name(named->isa), isa_name(usable));
    }
    *candidates = {named, 1};
    return TCONV_OK;
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
