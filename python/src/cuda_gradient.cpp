#include "cuda_gradient.h"

#include <nanobind/stl/string.h>
#include <nanobind/stl/unique_ptr.h>

#include <optional>

#include "failure.h"

namespace nb = nanobind;
using namespace nanobind::literals;

namespace tconv::python {

CudaGradientPlan::CudaGradientPlan(const Spec &spec, nb::handle of, int32_t device, nb::handle kernel)
    : spec_(spec), which_(gradient_of(of)), device_(device), plan_(nullptr, {device_}) {
    const tconv_hooks hooks = logging_hooks();
    const tconv_cuda_target target = device_.target();
    tconv_cuda_gradient_plan *plan = nullptr;
    check(tconv_cuda_gradient_plan_create(&spec_.c, which_, kernel_name(kernel), &target, &hooks, &plan));
    plan_.reset(plan);
    tconv_requirements_init(&need_, sizeof need_);
    check(tconv_cuda_gradient_plan_requirements(plan, &need_));
}

std::string CudaGradientPlan::packs_for() const {
    return std::string(kernel()) + " of the gradient of the " + of() + " of " + spec_.text_of_any_batch();
}

std::unique_ptr<CudaPacked> CudaGradientPlan::pack(nb::handle filter, nb::handle filter_layout, nb::handle memory) const {
    const auto pack = [&](const tconv_view *view, void *packed, void *stream) {
        return tconv_cuda_gradient_pack_filter(plan_.get(), view, packed, need_.packed_filter_bytes, stream);
    };
    return packed_by(pack, device_, spec_, packs_for(), filter, filter_layout, memory, need_.packed_filter_bytes);
}

nb::object CudaGradientPlan::run(nb::handle output_gradient, nb::handle packed, nb::handle input, nb::handle out,
                                 nb::handle filter_layout, nb::handle workspace) const {
    const Place place = device_.place_of("gy", output_gradient);
    GradientTensors tensors(spec_, which_, place, output_gradient, packed, input, out, filter_layout);
    std::optional<Array> filter;
    if (which_ == TCONV_GRADIENT_INPUT) {
        const CudaPacked &bytes = packed_of<CudaPacked>(packed);
        check_packed(bytes, packs_for());
        filter.emplace("packed", bytes.array, TCONV_U8, Access::kRead, place);
        tensors.c.packed_filter = filter->row(static_cast<int64_t>(need_.packed_filter_bytes));
    }
    const CudaWorkspace scratch(workspace, output_gradient, need_.workspace_bytes, place);
    tensors.c.workspace = scratch.address();
    tensors.c.workspace_bytes = need_.workspace_bytes;
    tconv_status status;
    {
        nb::gil_scoped_release unlocked;
        status = tconv_cuda_gradient_run(plan_.get(), &tensors.c, stream_of(place));
    }
    check(status);
    return tensors.result();
}

void bind_cuda_gradient(nb::module_ &module) {
    nb::class_<CudaGradientPlan>(module, "CudaGradientPlan")
        .def(nb::init<const Spec &, nb::handle, int32_t, nb::handle>(), "spec"_a, "of"_a.none(), "device"_a = 0,
             "kernel"_a.none() = nb::none())
        .def("pack", &CudaGradientPlan::pack, "w"_a.none(), "filter_layout"_a.none() = "iohw", "memory"_a.none() = nb::none())
        .def("run", &CudaGradientPlan::run, "gy"_a.none(), "packed"_a.none() = nb::none(), "x"_a.none() = nb::none(),
             "out"_a.none() = nb::none(), "filter_layout"_a.none() = "iohw", "workspace"_a.none() = nb::none())
        .def_prop_ro("spec", &CudaGradientPlan::spec, nb::rv_policy::reference_internal)
        .def_prop_ro("of", &CudaGradientPlan::of)
        .def_prop_ro("device", &CudaGradientPlan::device)
        .def_prop_ro("kernel", &CudaGradientPlan::kernel)
        .def_prop_ro("requirements", &CudaGradientPlan::requirements)
        .def("__repr__", [](const CudaGradientPlan &plan) {
            return "<tconv.CudaGradientPlan of the " + std::string(plan.of()) + " of " + plan.spec().text() + " by " +
                   plan.kernel() + " on cuda:" + std::to_string(plan.device()) + ">";
        });
}

}  // namespace tconv::python
