#include "cuda_plan.h"

#include <nanobind/stl/string.h>
#include <nanobind/stl/unique_ptr.h>

#include "failure.h"
#include "tensors.h"

namespace nb = nanobind;
using namespace nanobind::literals;

namespace tconv::python {

CudaPlan::CudaPlan(const Spec &spec, int32_t device, nb::handle kernel)
    : spec_(spec), device_(device), plan_(nullptr, {device_}) {
    const tconv_hooks hooks = logging_hooks();
    const tconv_cuda_target target = device_.target();
    tconv_cuda_plan *plan = nullptr;
    check(tconv_cuda_plan_create(&spec_.c, kernel_name(kernel), &target, &hooks, &plan));
    plan_.reset(plan);
    tconv_requirements_init(&need_, sizeof need_);
    check(tconv_cuda_plan_requirements(plan, &need_));
}

std::string CudaPlan::packs_for() const {
    return std::string(kernel()) + " of " + spec_.text_of_any_batch();
}

std::unique_ptr<CudaPacked> CudaPlan::pack(nb::handle filter, nb::handle filter_layout, nb::handle memory) const {
    const auto pack = [&](const tconv_view *view, void *packed, void *stream) {
        return tconv_cuda_pack_filter(plan_.get(), view, packed, need_.packed_filter_bytes, stream);
    };
    return packed_by(pack, device_, spec_, packs_for(), filter, filter_layout, memory, need_.packed_filter_bytes);
}

nb::object CudaPlan::run(nb::handle input, const CudaPacked &packed, nb::handle bias, nb::handle out, nb::handle residual,
                         nb::handle slope, nb::handle workspace) const {
    check_packed(packed, packs_for());
    const Place place = device_.place_of("x", input);
    Tensors tensors(spec_, place, input, bias, out, residual, slope);
    const Array filter("packed", packed.array, TCONV_U8, Access::kRead, place);
    tensors.c.packed_filter = filter.row(static_cast<int64_t>(need_.packed_filter_bytes));
    const CudaWorkspace scratch(workspace, input, need_.workspace_bytes, place);
    tensors.c.workspace = scratch.address();
    tensors.c.workspace_bytes = need_.workspace_bytes;
    tconv_status status;
    {
        nb::gil_scoped_release unlocked;
        status = tconv_cuda_run(plan_.get(), &tensors.c, stream_of(place));
    }
    check(status);
    return tensors.result();
}

std::string CudaPlan::explain() const {
    return whole_text([&](char *text, size_t capacity) { return tconv_cuda_plan_explain(plan_.get(), text, capacity); });
}

void bind_cuda_plan(nb::module_ &module) {
    nb::class_<CudaPacked>(module, "CudaPacked").def_ro("array", &CudaPacked::array);

    nb::class_<CudaPlan>(module, "CudaPlan")
        .def(nb::init<const Spec &, int32_t, nb::handle>(), "spec"_a, "device"_a = 0, "kernel"_a.none() = nb::none())
        .def("pack", &CudaPlan::pack, "w"_a.none(), "filter_layout"_a.none() = "iohw", "memory"_a.none() = nb::none())
        .def("run", &CudaPlan::run, "x"_a.none(), "packed"_a, "bias"_a.none() = nb::none(), "out"_a.none() = nb::none(),
             "residual"_a.none() = nb::none(), "slope"_a.none() = nb::none(), "workspace"_a.none() = nb::none())
        .def("explain", &CudaPlan::explain)
        .def_prop_ro("spec", &CudaPlan::spec, nb::rv_policy::reference_internal)
        .def_prop_ro("device", &CudaPlan::device)
        .def_prop_ro("kernel", &CudaPlan::kernel)
        .def_prop_ro("requirements", &CudaPlan::requirements)
        .def("__repr__", [](const CudaPlan &plan) {
            return "<tconv.CudaPlan " + plan.spec().text() + " by " + plan.kernel() + " on cuda:" +
                   std::to_string(plan.device()) + ">";
        });
    module.def("cuda_kernels", [] {
        nb::list names;
        for (int32_t i = 0; i < tconv_cuda_kernel_count(); ++i)
            names.append(tconv_cuda_kernel_name(i));
        return names;
    });
}

}  // namespace tconv::python
