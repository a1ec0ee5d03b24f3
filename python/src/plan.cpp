#include "plan.h"

#include <nanobind/stl/string.h>
#include <nanobind/stl/unique_ptr.h>

#include <cstring>
#include <optional>

#include "failure.h"
#include "names.h"

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

Plan::Plan(const Spec &spec, nb::handle threads, nb::handle kernel)
    : spec_(spec),
      input_shape_(spec.input_shape()),
      output_shape_(spec.output_shape()),
      axes_(axes_of(spec.c.layout)),
      threads_(threads) {
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
    tconv_tensors tensors;
    tconv_tensors_init(&tensors, sizeof tensors);
    const int32_t dtype = spec_.c.dtype;
    const Array x("x", input, dtype, Access::kRead);
    const Result result(out, input, output_shape_, x.dimensions());
    const Array y("out", result.buffer(), dtype, Access::kWrite);
    tensors.input = x.view(input_shape_, axes_);
    tensors.output = y.view(output_shape_, axes_);
    std::optional<Array> b, a, r;
    const auto wants = [](const char *name, bool wanted, nb::handle given) {
        if (wanted == given.is_none()) {
            throw nb::value_error(
                (std::string(name) + (wanted ? " is missing; the spec asks for it" : " is given; the spec has none"))
                    .c_str());
        }
        return wanted;
    };
    if (wants("bias", spec_.c.has_bias, bias))
        tensors.bias = b.emplace("bias", bias, dtype, Access::kRead).row(spec_.c.out_channels);
    if (wants("slope", spec_.c.activation == TCONV_ACT_PRELU, slope))
        tensors.act_slope = a.emplace("slope", slope, dtype, Access::kRead).row(spec_.c.out_channels);
    if (wants("residual", spec_.c.residual != TCONV_RESIDUAL_NONE, residual))
        tensors.residual = r.emplace("residual", residual, dtype, Access::kRead).view(output_shape_, axes_);
    tensors.packed_filter = packed.memory.get();
    const Workspaces::Lease workspace(workspaces_);
    tensors.workspace = workspace.get();
    tensors.workspace_bytes = workspaces_.bytes();
    tconv_status status;
    {
        nb::gil_scoped_release unlocked;
        status = tconv_run(plan_.get(), &tensors);
    }
    check(status);
    return result.finished();
}

std::string Plan::explain() const {
    std::string text(4096, '\0');
    for (;;) {
        check(tconv_plan_explain(plan_.get(), text.data(), text.size()));
        const size_t length = std::strlen(text.c_str());
        if (length + 1 < text.size()) {
            text.resize(length);
            return text;
        }
        text.resize(2 * text.size());
    }
}

nb::dict Plan::requirements() const {
    nb::dict sizes;
    sizes["input_bytes"] = need_.input_bytes;
    sizes["filter_bytes"] = need_.filter_bytes;
    sizes["bias_bytes"] = need_.bias_bytes;
    sizes["output_bytes"] = need_.output_bytes;
    sizes["packed_filter_bytes"] = need_.packed_filter_bytes;
    sizes["workspace_bytes"] = need_.workspace_bytes;
    sizes["alignment"] = need_.alignment;
    return sizes;
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
