#include "gradient.h"

#include <nanobind/stl/string.h>
#include <nanobind/stl/unique_ptr.h>

#include <string>

#include "failure.h"
#include "gradient_tensors.h"

namespace nb = nanobind;
using namespace nanobind::literals;

namespace tconv::python {

GradientPlan::GradientPlan(const Spec &spec, nb::handle of, nb::handle threads, nb::handle kernel)
    : spec_(spec), which_(gradient_of(of)), threads_(threads) {
    tconv_gradient_plan *plan = nullptr;
    check(tconv_gradient_plan_create(&spec_.c, which_, kernel_name(kernel), &threads_.hooks, &plan));
    plan_.reset(plan);
    tconv_requirements_init(&need_, sizeof need_);
    check(tconv_gradient_plan_requirements(plan, &need_));
    workspaces_.set(need_);
}

std::unique_ptr<Packed> GradientPlan::pack(nb::handle filter, nb::handle filter_layout) const {
    const FilterOrder order(spec_, filter_layout);
    const Array array("w", filter, spec_.c.dtype, Access::kRead);
    const tconv_view view = array.view(order.shape, order.axes);
    auto packed =
        std::make_unique<Packed>(allocate(need_.alignment, need_.packed_filter_bytes), need_.packed_filter_bytes);
    tconv_status status;
    {
        nb::gil_scoped_release unlocked;
        status = tconv_gradient_pack_filter(plan_.get(), &view, packed->memory.get(), packed->bytes);
    }
    check(status);
    return packed;
}

nb::object GradientPlan::run(nb::handle output_gradient, nb::handle packed, nb::handle input, nb::handle out,
                             nb::handle filter_layout) {
    GradientTensors tensors(spec_, which_, {}, output_gradient, packed, input, out, filter_layout);
    if (which_ == TCONV_GRADIENT_INPUT)
        tensors.c.packed_filter = packed_of<Packed>(packed).memory.get();
    const Workspaces::Lease workspace(workspaces_);
    tensors.c.workspace = workspace.get();
    tensors.c.workspace_bytes = workspaces_.bytes();
    tconv_status status;
    {
        nb::gil_scoped_release unlocked;
        status = tconv_gradient_run(plan_.get(), &tensors.c);
    }
    check(status);
    return tensors.result();
}

void bind_gradient(nb::module_ &module) {
    nb::class_<GradientPlan>(module, "GradientPlan")
        .def(nb::init<const Spec &, nb::handle, nb::handle, nb::handle>(), "spec"_a, "of"_a.none(),
             "threads"_a.none() = 1, "kernel"_a.none() = nb::none())
        .def("pack", &GradientPlan::pack, "w"_a.none(), "filter_layout"_a.none() = "iohw")
        .def("run", &GradientPlan::run, "gy"_a.none(), "packed"_a.none() = nb::none(), "x"_a.none() = nb::none(),
             "out"_a.none() = nb::none(), "filter_layout"_a.none() = "iohw")
        .def_prop_ro("spec", &GradientPlan::spec, nb::rv_policy::reference_internal)
        .def_prop_ro("of", &GradientPlan::of)
        .def_prop_ro("threads", &GradientPlan::threads)
        .def_prop_ro("kernel", &GradientPlan::kernel)
        .def_prop_ro("requirements", &GradientPlan::requirements)
        .def("__repr__", [](const GradientPlan &plan) {
            return "<tconv.GradientPlan of the " + std::string(plan.of()) + " of " + plan.spec().text() + " by " +
                   plan.kernel() + ">";
        });
}

}  // namespace tconv::python
