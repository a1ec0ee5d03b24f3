// tconv.CudaPlan: plans of tconv_cuda.h, in builds that have them.
#pragma once

#include <nanobind/nanobind.h>
#include <sys/types.h>

#include <memory>
#include <string>

#include "array.h"
#include "planning.h"
#include "spec.h"
#include "tconv/tconv_cuda.h"

namespace tconv::python {

// A packed filter: bytes on the device, in an array of the framework that made them, and what plans they are for.
struct CudaPacked {
    nanobind::object array;
    std::string plans;
};

class CudaPlan {
public:
    // In the primary context of the device, which frameworks share.
    CudaPlan(const Spec &spec, int32_t device, nanobind::handle kernel);

    std::unique_ptr<CudaPacked> pack(nanobind::handle filter, nanobind::handle filter_layout, nanobind::handle memory) const;
    nanobind::object run(nanobind::handle input, const CudaPacked &packed, nanobind::handle bias, nanobind::handle out,
                         nanobind::handle residual, nanobind::handle slope, nanobind::handle workspace) const;

    const Spec &spec() const { return spec_; }
    int32_t device() const { return device_; }
    const char *kernel() const { return tconv_cuda_plan_kernel(plan_.get()); }
    std::string explain() const;
    nanobind::dict requirements() const { return sizes_of(need_); }

private:
    struct Destroy {
        pid_t owner;
        void operator()(tconv_cuda_plan *plan) const;
    };

    // Where the arrays of a call have to be, as this one, and the stream that its framework works on now. Throws in a forked child.
    Place place_of(const char *name, nanobind::handle array) const;
    std::string packs_for() const;

    Spec spec_;
    int32_t device_;
    std::unique_ptr<tconv_cuda_plan, Destroy> plan_;
    tconv_requirements need_;
};

void bind_cuda_plan(nanobind::module_ &module);

}  // namespace tconv::python
