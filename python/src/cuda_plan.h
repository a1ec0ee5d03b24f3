// tconv.CudaPlan: plans of tconv_cuda.h, in builds that have them.
#pragma once

#include <nanobind/nanobind.h>

#include <memory>
#include <string>

#include "cuda_device.h"
#include "planning.h"
#include "spec.h"
#include "tconv/tconv_cuda.h"

namespace tconv::python {

class CudaPlan {
public:
    // In the primary context of the device, which frameworks share.
    CudaPlan(const Spec &spec, int32_t device, nanobind::handle kernel);

    std::unique_ptr<CudaPacked> pack(nanobind::handle filter, nanobind::handle filter_layout, nanobind::handle memory) const;
    nanobind::object run(nanobind::handle input, const CudaPacked &packed, nanobind::handle bias, nanobind::handle out,
                         nanobind::handle residual, nanobind::handle slope, nanobind::handle workspace) const;

    const Spec &spec() const { return spec_; }
    int32_t device() const { return device_.ordinal(); }
    const char *kernel() const { return tconv_cuda_plan_kernel(plan_.get()); }
    std::string explain() const;
    nanobind::dict requirements() const { return sizes_of(need_); }

private:
    std::string packs_for() const;

    Spec spec_;
    CudaDevice device_;
    std::unique_ptr<tconv_cuda_plan, DestroyInOwner<tconv_cuda_plan, tconv_cuda_plan_destroy>> plan_;
    tconv_requirements need_;
};

void bind_cuda_plan(nanobind::module_ &module);

}  // namespace tconv::python
