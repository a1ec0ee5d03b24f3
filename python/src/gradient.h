// tconv.GradientPlan.
#pragma once

#include <nanobind/nanobind.h>

#include <memory>

#include "gradient_tensors.h"
#include "planning.h"
#include "spec.h"
#include "tconv/tconv_gradients.h"

namespace tconv::python {

class GradientPlan {
public:
    GradientPlan(const Spec &spec, nanobind::handle of, nanobind::handle threads, nanobind::handle kernel);

    std::unique_ptr<Packed> pack(nanobind::handle filter, nanobind::handle filter_layout) const;
    nanobind::object run(nanobind::handle output_gradient, nanobind::handle packed, nanobind::handle input,
                         nanobind::handle out, nanobind::handle filter_layout);

    const Spec &spec() const { return spec_; }
    int32_t threads() const { return threads_.count; }
    const char *of() const { return gradient_name(which_); }
    const char *kernel() const { return tconv_gradient_plan_kernel(plan_.get()); }
    nanobind::dict requirements() const { return sizes_of(need_); }

private:
    struct Destroy {
        void operator()(tconv_gradient_plan *plan) const { tconv_gradient_plan_destroy(plan); }
    };

    Spec spec_;
    int32_t which_;
    Threads threads_;  // before plan_, which must not outlive the pool
    std::unique_ptr<tconv_gradient_plan, Destroy> plan_;
    tconv_requirements need_;
    Workspaces workspaces_;
};

void bind_gradient(nanobind::module_ &module);

}  // namespace tconv::python
