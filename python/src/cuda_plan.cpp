#include "cuda_plan.h"

#include <nanobind/stl/string.h>
#include <nanobind/stl/unique_ptr.h>
#include <unistd.h>

#include <optional>

#include "failure.h"
#include "tensors.h"

namespace nb = nanobind;
using namespace nanobind::literals;

namespace tconv::python {

namespace {

// `given`, or bytes on the device from the framework of `beside`.
nb::object bytes_or(nb::handle given, nb::handle beside, size_t count) {
    if (!given.is_none())
        return nb::borrow(given);
    return nb::module_::import_("tconv._devices").attr("bytes_beside")(beside, count);
}

void *stream_of(const Place &place) {
    return reinterpret_cast<void *>(static_cast<intptr_t>(place.stream));
}

}  // namespace

// CUDA does not outlive a fork: the child leaves alone what is the parent's.
void CudaPlan::Destroy::operator()(tconv_cuda_plan *plan) const {
    if (getpid() == owner)
        tconv_cuda_plan_destroy(plan);
}

CudaPlan::CudaPlan(const Spec &spec, int32_t device, nb::handle kernel)
    : spec_(spec), device_(device), plan_(nullptr, Destroy{getpid()}) {
    tconv_hooks hooks;
    tconv_hooks_init(&hooks, sizeof hooks);
    hooks.log = log;
    tconv_cuda_target target;
    tconv_cuda_target_init(&target, sizeof target);
    target.device = device;
    tconv_cuda_plan *plan = nullptr;
    check(tconv_cuda_plan_create(&spec_.c, kernel_name(kernel), &target, &hooks, &plan));
    plan_.reset(plan);
    tconv_requirements_init(&need_, sizeof need_);
    check(tconv_cuda_plan_requirements(plan, &need_));
}

Place CudaPlan::place_of(const char *name, nb::handle array) const {
    if (getpid() != plan_.get_deleter().owner)
        raise(TCONV_DEVICE_ERROR, "this plan is of the process that forked this one: CUDA does not outlive a fork");
    Array::check_place(name, array, {device_});
    return {device_, nb::cast<int64_t>(nb::module_::import_("tconv._devices").attr("stream_of")(array))};
}

std::string CudaPlan::packs_for() const {
    const std::string text = spec_.text();
    return std::string(kernel()) + " of " + text.substr(text.find('_') + 1);  // any batch
}

std::unique_ptr<CudaPacked> CudaPlan::pack(nb::handle filter, nb::handle filter_layout, nb::handle memory) const {
    const FilterOrder order(spec_, filter_layout);
    const Place place = place_of("w", filter);
    const Array array("w", filter, spec_.c.dtype, Access::kRead, place);
    const tconv_view view = array.view(order.shape, order.axes);
    auto packed = std::make_unique<CudaPacked>(bytes_or(memory, filter, need_.packed_filter_bytes), packs_for());
    const Array bytes("memory", packed->array, TCONV_U8, Access::kWrite, place);
    void *const to = bytes.row(static_cast<int64_t>(need_.packed_filter_bytes));
    tconv_status status;
    {
        nb::gil_scoped_release unlocked;
        status = tconv_cuda_pack_filter(plan_.get(), &view, to, need_.packed_filter_bytes, stream_of(place));
    }
    check(status);
    return packed;
}

nb::object CudaPlan::run(nb::handle input, const CudaPacked &packed, nb::handle bias, nb::handle out, nb::handle residual,
                         nb::handle slope, nb::handle workspace) const {
    if (packed.plans != packs_for())
        throw nb::value_error(("packed is for " + packed.plans + "; this plan is " + packs_for()).c_str());
    const Place place = place_of("x", input);
    Tensors tensors(spec_, place, input, bias, out, residual, slope);
    const Array filter("packed", packed.array, TCONV_U8, Access::kRead, place);
    tensors.c.packed_filter = filter.row(static_cast<int64_t>(need_.packed_filter_bytes));
    std::optional<Array> scratch;
    if (need_.workspace_bytes > 0) {
        const nb::object memory = bytes_or(workspace, input, need_.workspace_bytes);
        scratch.emplace("workspace", memory, TCONV_U8, Access::kWrite, place);
        tensors.c.workspace = scratch->row(static_cast<int64_t>(need_.workspace_bytes));
        tensors.c.workspace_bytes = need_.workspace_bytes;
    }
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
