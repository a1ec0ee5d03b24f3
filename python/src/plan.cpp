#include "plan.h"

#include <nanobind/stl/string.h>
#include <nanobind/stl/unique_ptr.h>

#include <cstring>

#include "failure.h"
#include "tensors.h"

namespace nb = nanobind;
using namespace nanobind::literals;

namespace tconv::python {

namespace {

int getbuffer(PyObject *self, Py_buffer *view, int flags) {
    const Packed *packed = nb::inst_ptr<Packed>(self);
    return PyBuffer_FillInfo(view, self, packed->memory.get(), static_cast<Py_ssize_t>(packed->bytes), 1, flags);
}

PyType_Slot packed_slots[] = {{Py_bf_getbuffer, reinterpret_cast<void *>(getbuffer)}, {0, nullptr}};

}  // namespace

Plan::Plan(const Spec &spec, nb::handle threads, nb::handle kernel) : spec_(spec), threads_(threads) {
    tconv_plan *plan = nullptr;
    check(tconv_plan_create(&spec_.c, kernel_name(kernel), &threads_.hooks, &plan));
    plan_.reset(plan);
    tconv_requirements_init(&need_, sizeof need_);
    check(tconv_plan_requirements(plan, &need_));
    workspaces_.set(need_);
}

std::unique_ptr<Packed> Plan::pack(nb::handle filter, nb::handle filter_layout) const {
    const FilterOrder order(spec_, filter_layout);
    const Array array("w", filter, spec_.c.dtype, Access::kRead);
    const tconv_view view = array.view(order.shape, order.axes);
    auto packed =
        std::make_unique<Packed>(allocate(need_.alignment, need_.packed_filter_bytes), need_.packed_filter_bytes);
    tconv_status status;
    {
        nb::gil_scoped_release unlocked;
        status = tconv_pack_filter(plan_.get(), &view, packed->memory.get(), packed->bytes);
    }
    check(status);
    return packed;
}

std::unique_ptr<Packed> Plan::load(nb::handle blob) const {
    Py_buffer buffer;
    if (PyObject_GetBuffer(blob.ptr(), &buffer, PyBUF_SIMPLE) != 0)
        throw nb::python_error();
    const size_t bytes = static_cast<size_t>(buffer.len);
    std::unique_ptr<Packed> packed;
    const tconv_status status = tconv_packed_check(plan_.get(), buffer.buf, bytes);
    if (status == TCONV_OK) {
        packed = std::make_unique<Packed>(allocate(need_.alignment, bytes), bytes);
        std::memcpy(packed->memory.get(), buffer.buf, bytes);
    }
    PyBuffer_Release(&buffer);
    check(status);
    return packed;
}

nb::object Plan::run(nb::handle input, const Packed &packed, nb::handle bias, nb::handle out, nb::handle residual,
                     nb::handle slope) {
    Tensors tensors(spec_, Place{}, input, bias, out, residual, slope);
    tensors.c.packed_filter = packed.memory.get();
    const Workspaces::Lease workspace(workspaces_);
    tensors.c.workspace = workspace.get();
    tensors.c.workspace_bytes = workspaces_.bytes();
    tconv_status status;
    {
        nb::gil_scoped_release unlocked;
        status = tconv_run(plan_.get(), &tensors.c);
    }
    check(status);
    return tensors.result();
}

std::string Plan::explain() const {
    return whole_text([&](char *text, size_t capacity) { return tconv_plan_explain(plan_.get(), text, capacity); });
}

void bind_plan(nb::module_ &module) {
    nb::class_<Packed>(module, "Packed", nb::type_slots(packed_slots)).def("__len__", [](const Packed &packed) {
        return packed.bytes;
    });

    nb::class_<Plan>(module, "Plan")
        .def(nb::init<const Spec &, nb::handle, nb::handle>(), "spec"_a, "threads"_a.none() = 1,
             "kernel"_a.none() = nb::none())
        .def("pack", &Plan::pack, "w"_a.none(), "filter_layout"_a.none() = "iohw")
        .def("load", &Plan::load, "blob"_a)
        .def("run", &Plan::run, "x"_a.none(), "packed"_a, "bias"_a.none() = nb::none(), "out"_a.none() = nb::none(),
             "residual"_a.none() = nb::none(), "slope"_a.none() = nb::none())
        .def("explain", &Plan::explain)
        .def_prop_ro("spec", &Plan::spec, nb::rv_policy::reference_internal)
        .def_prop_ro("threads", &Plan::threads)
        .def_prop_ro("kernel", &Plan::kernel)
        .def_prop_ro("requirements", &Plan::requirements)
        .def("__repr__", [](const Plan &plan) {
            return "<tconv.Plan " + plan.spec().text() + " by " + plan.kernel() + ", " +
                   std::to_string(plan.threads()) + (plan.threads() == 1 ? " thread>" : " threads>");
        });
}

}  // namespace tconv::python
