#include "device_kernels.h"

namespace tconv {
namespace {

constexpr int32_t f32 = TCONV_F32, f64 = TCONV_F64, f16 = TCONV_F16, bf16 = TCONV_BF16;

}  // namespace
}  // namespace tconv

// Generated: a declaration for each function, a line for each kernel.
#define TCONV_DEVICE_FUNCTION(name) extern "C" int name(void **);
#define TCONV_DEVICE_KERNEL(...)
#define TCONV_DEVICE_GRADIENT(...)
#include "device_registry.inc"
#undef TCONV_DEVICE_FUNCTION
#undef TCONV_DEVICE_KERNEL
#undef TCONV_DEVICE_GRADIENT

namespace tconv {
namespace {

#define TCONV_DEVICE_FUNCTION(name)
#define TCONV_DEVICE_GRADIENT(...)
#define TCONV_DEVICE_KERNEL(name, dtype, lanes, form, direction, a, lanes_a, x, y, lanes_x, lanes_y, warps, pack, activate, \
                            softmax, phase_table)                                                                          \
    {#name, dtype,   Lanes::lanes, Form::form,  Direction::direction, a,        lanes_a, x,          y,                     \
     lanes_x, lanes_y, warps,      name##_argv, pack,                 activate, softmax, phase_table},
constexpr DeviceKernel kKernels[] = {
#include "device_registry.inc"
};
#undef TCONV_DEVICE_KERNEL
#undef TCONV_DEVICE_GRADIENT

#define TCONV_DEVICE_KERNEL(...)
#define TCONV_DEVICE_GRADIENT(name, dtype, lanes, form, a, lanes_a, c, lanes_x, lanes_y, bias_sums, total) \
    {#name, dtype, Lanes::lanes, Form::form, a, lanes_a, c, lanes_x, lanes_y, name##_argv, bias_sums, total},
constexpr DeviceGradientKernel kGradientKernels[] = {
#include "device_registry.inc"
};
#undef TCONV_DEVICE_FUNCTION
#undef TCONV_DEVICE_KERNEL
#undef TCONV_DEVICE_GRADIENT

}  // namespace

std::span<const DeviceKernel> device_kernels() {
    return kKernels;
}

std::span<const DeviceGradientKernel> device_gradient_kernels() {
    return kGradientKernels;
}

}  // namespace tconv
