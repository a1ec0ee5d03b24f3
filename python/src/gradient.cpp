#include "gradient.h"

#include <nanobind/stl/string.h>
#include <nanobind/stl/unique_ptr.h>

#include <optional>
#include <string>

#include "failure.h"
#include "names.h"

namespace nb = nanobind;
using namespace nanobind::literals;

namespace tconv::python {

GradientPlan::GradientPlan(const Spec &spec, nb::handle of, nb::handle threads, nb::handle kernel)
    : spec_(spec), which_(value_of(Names::kGradient, "of", of)), threads_(threads) {
    tconv_gradient_plan *plan = nullptr;
    check(tconv_gradient_plan_create(&spec_.c, which_, kernel_name(kernel), &threads_.hooks, &plan));
    plan_.reset(plan);
    tconv_requirements_init(&need_, sizeof need_);
    check(tconv_gradient_plan_requirements(plan, &need_));
    workspaces_.set(need_);
}

const char *GradientPlan::of() const {
    return name_of(Names::kGradient, which_);
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
    const int32_t dtype = spec_.c.dtype;
    const std::array<int, 4> axes = axes_of(spec_.c.layout);
    const auto wants = [&](const char *name, bool wanted, nb::handle given) {
        if (wanted == given.is_none()) {
            throw nb::value_error((std::string(name) + (wanted ? " is missing; the" : " is given; the") +
                                   " gradient of the " + of() + (wanted ? " needs it" : " has none"))
                                      .c_str());
        }
        return wanted;
    };
    tconv_gradient_tensors tensors;
    tconv_gradient_tensors_init(&tensors, sizeof tensors);
    const Array gy("gy", output_gradient, dtype, Access::kRead);
    tensors.output_gradient = gy.view(spec_.output_shape(), axes);
    if (wants("packed", which_ == TCONV_GRADIENT_INPUT, packed))
        tensors.packed_filter = nb::cast<const Packed &>(packed).memory.get();
    std::optional<Array> x;
    if (wants("x", which_ == TCONV_GRADIENT_FILTER, input))
        tensors.input = x.emplace("x", input, dtype, Access::kRead).view(spec_.input_shape(), axes);

    const FilterOrder order(spec_, filter_layout);
    const std::array<int64_t, 4> per_channel = {1, 1, 1, spec_.c.out_channels};
    const std::array<int64_t, 4> shape = which_ == TCONV_GRADIENT_INPUT    ? spec_.input_shape()
                                         : which_ == TCONV_GRADIENT_FILTER ? order.shape
                                                                           : per_channel;
    const int dimensions = which_ == TCONV_GRADIENT_INPUT ? gy.dimensions() : which_ == TCONV_GRADIENT_FILTER ? 4 : 1;
    const Result result(out, output_gradient, shape, dimensions);
    const Array g("out", result.buffer(), dtype, Access::kWrite);
    if (which_ == TCONV_GRADIENT_INPUT) {
        tensors.input_gradient = g.view(shape, axes);
    } else if (which_ == TCONV_GRADIENT_FILTER) {
        tensors.filter_gradient = g.view(shape, order.axes);
    } else {
        tensors.bias_gradient = g.row(spec_.c.out_channels);
    }
    const Workspaces::Lease workspace(workspaces_);
    tensors.workspace = workspace.get();
    tensors.workspace_bytes = workspaces_.bytes();
    tconv_status status;
    {
        nb::gil_scoped_release unlocked;
        status = tconv_gradient_run(plan_.get(), &tensors);
    }
    check(status);
    return result.finished();
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
        .def("__repr__", [](const GradientPlan &plan) {
            return "<tconv.GradientPlan of the " + std::string(plan.of()) + " of " + plan.spec().text() + " by " +
                   plan.kernel() + ">";
        });
}

}  // namespace tconv::python
