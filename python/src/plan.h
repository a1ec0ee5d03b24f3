// tconv.Plan and tconv.Packed.
#pragma once

#include <nanobind/nanobind.h>

#include <memory>
#include <string>
#include <vector>

#include "array.h"
#include "memory.h"
#include "spec.h"

namespace tconv::python {

// A packed filter in aligned memory; read-only bytes in Python.
struct Packed {
    Block memory;
    size_t bytes;
};

class Plan {
public:
    Plan(const Spec &spec, nanobind::object threads, nanobind::object kernel);

    std::unique_ptr<Packed> pack(nanobind::handle filter, nanobind::handle filter_layout) const;
    std::unique_ptr<Packed> load(nanobind::handle blob) const;
    nanobind::object run(nanobind::handle input, const Packed &packed, nanobind::handle bias, nanobind::handle out,
                         nanobind::handle residual, nanobind::handle slope);

    const Spec &spec() const { return spec_; }
    int32_t threads() const { return threads_; }
    const char *kernel() const { return tconv_plan_kernel(plan_.get()); }
    std::string explain() const;
    nanobind::dict requirements() const;

private:
    class Workspace;
    struct Destroy {
        void operator()(tconv_plan *plan) const { tconv_plan_destroy(plan); }
    };

    Spec spec_;
    std::array<int64_t, 4> input_shape_, output_shape_;
    std::array<int, 4> axes_;
    int32_t threads_;
    std::shared_ptr<tconv_pool> pool_;  // before plan_, which must not outlive it
    std::unique_ptr<tconv_plan, Destroy> plan_;
    tconv_requirements need_;
    // Workspaces of no run in progress. Taken and put back while the interpreter's lock is held, so that runs from many
    // threads each have their own and a run after the first allocates nothing.
    std::vector<Block> idle_;
    size_t workspaces_ = 0;
};

void bind_plan(nanobind::module_ &module);

}  // namespace tconv::python
