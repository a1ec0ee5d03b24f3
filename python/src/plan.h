// tconv.Plan.
#pragma once

#include <nanobind/nanobind.h>

#include <memory>
#include <string>

#include "planning.h"
#include "spec.h"

namespace tconv::python {

class Plan {
public:
    Plan(const Spec &spec, nanobind::handle threads, nanobind::handle kernel);

    std::unique_ptr<Packed> pack(nanobind::handle filter, nanobind::handle filter_layout) const;
    std::unique_ptr<Packed> load(nanobind::handle blob) const;
    nanobind::object run(nanobind::handle input, const Packed &packed, nanobind::handle bias, nanobind::handle out,
                         nanobind::handle residual, nanobind::handle slope);

    const Spec &spec() const { return spec_; }
    int32_t threads() const { return threads_.count; }
    const char *kernel() const { return tconv_plan_kernel(plan_.get()); }
    std::string explain() const;
    nanobind::dict requirements() const { return sizes_of(need_); }

private:
    struct Destroy {
        void operator()(tconv_plan *plan) const { tconv_plan_destroy(plan); }
    };

    Spec spec_;
    Threads threads_;  // before plan_, which must not outlive the pool
    std::unique_ptr<tconv_plan, Destroy> plan_;
    tconv_requirements need_;
    Workspaces workspaces_;
};

void bind_plan(nanobind::module_ &module);

}  // namespace tconv::python
