// The module tconv._core: the C ABI as Python sees it, and no more. What computes is in libtconv, what is convenient is
// in the Python files of this package. Its types and docstrings are in _core.pyi.
#include <nanobind/nanobind.h>
#include <nanobind/stl/string.h>

#include "array.h"
#if TCONV_WITH_CUDA
#include "cuda_gradient.h"
#include "cuda_plan.h"
#endif
#include "gradient.h"
#include "memory.h"
#include "plan.h"
#include "profiles.h"
#include "spec.h"

namespace nb = nanobind;
using namespace nanobind::literals;

namespace tconv::python {

NB_MODULE(_core, module) {
    bind_spec(module);
    bind_plan(module);
    bind_gradient(module);
    bind_profiles(module);
#if TCONV_WITH_CUDA
    bind_cuda_plan(module);
    bind_cuda_gradient(module);
#endif
    module.def("kernels", [] {
        nb::list names;
        for (int32_t i = 0; i < tconv_kernel_count(); ++i)
            names.append(tconv_kernel_name(i));
        return names;
    });
    module.def("dtype_of", &Array::dtype_of, "name"_a, "array"_a);
    module.def("shape_of", &Array::shape_of, "name"_a, "array"_a.none());
    module.def("device_of", &Array::device_of, "array"_a.none());
    module.def("_forget_pools", &forget_pools);
    const uint32_t version = tconv_version();
    module.attr("version") = std::to_string(version / 10000) + "." + std::to_string(version / 100 % 100) + "." +
                             std::to_string(version % 100);
}

}  // namespace tconv::python
