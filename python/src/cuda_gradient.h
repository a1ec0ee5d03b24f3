// tconv.CudaGradientPlan: plans of tconv_cuda_gradients.h, in builds that have them.
#pragma once

#include <nanobind/nanobind.h>

#include <memory>
#include <string>

#include "cuda_device.h"
#include "gradient_tensors.h"
#include "planning.h"
#include "spec.h"
#include "tconv/tconv_cuda_gradients.h"

namespace tconv::python {

class CudaGradientPlan {
public:
    CudaGradientPlan(const Spec &spec, nanobind::handle of, int32_t device, nanobind::handle kernel);

    std::unique_ptr<CudaPacked> pack(nanobind::handle filter, nanobind::handle filter_layout, nanobind::handle memory) const;
    nanobind::object run(nanobind::handle output_gradient, nanobind::handle packed, nanobind::handle input,
                         nanobind::handle out, nanobind::handle filter_layout, nanobind::handle workspace) const;

    const Spec &spec() const { return spec_; }
    const char *of() const { return gradient_name(which_); }
    int32_t device() const { return device_.ordinal(); }
    const char *kernel() const { return tconv_cuda_gradient_plan_kernel(plan_.get()); }
    nanobind::dict requirements() const { return sizes_of(need_); }

private:
    std::string packs_for() const;

    Spec spec_;
    int32_t which_;
    CudaDevice device_;
    std::unique_ptr<tconv_cuda_gradient_plan, DestroyInOwner<tconv_cuda_gradient_plan, tconv_cuda_gradient_plan_destroy>> plan_;
    tconv_requirements need_;
};

void bind_cuda_gradient(nanobind::module_ &module);

}  // namespace tconv::python
