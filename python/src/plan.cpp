#include "plan.h"

#include <nanobind/stl/string.h>
#include <nanobind/stl/unique_ptr.h>

#include <cstring>
#include <optional>

#include "failure.h"
#include "names.h"
#include "numbers.h"

namespace nb = nanobind;
using namespace nanobind::literals;

namespace tconv::python {

namespace {

// Positions of C_in, C_out/groups, kH, kW in an array of this filter layout.
std::array<int, 4> filter_axes(int32_t filter_layout) {
    switch (filter_layout) {
        case TCONV_HWIO:
            return {2, 3, 0, 1};
        case TCONV_HWOI:
            return {3, 2, 0, 1};
        case TCONV_OHWI:
            return {3, 0, 1, 2};
        default:
            return {0, 1, 2, 3};
    }
}

int getbuffer(PyObject *self, Py_buffer *view, int flags) {
    const Packed *packed = nb::inst_ptr<Packed>(self);
    return PyBuffer_FillInfo(view, self, packed->memory.get(), static_cast<Py_ssize_t>(packed->bytes), 1, flags);
}

PyType_Slot packed_slots[] = {{Py_bf_getbuffer, reinterpret_cast<void *>(getbuffer)}, {0, nullptr}};

int32_t threads_of(nb::handle threads) {
    if (threads.is_none())
        return nb::cast<int32_t>(nb::module_::import_("tconv._threads").attr("default_threads")());
    const int32_t count = int32_of("threads", threads);
    if (count < 1 || count > 1024)
        throw nb::value_error(("threads = " + std::to_string(count) + "; it must be between 1 and 1024").c_str());
    return count;
}

}  // namespace

// One of the plan's idle workspaces, or another one, for the time of a run.
class Plan::Workspace {
public:
    explicit Workspace(Plan &plan) : plan_(plan) {
        if (plan.idle_.empty()) {
            plan.idle_.reserve(plan.workspaces_ + 1);  // so that the destructor never allocates
            block_ = allocate(plan.need_.alignment, plan.need_.workspace_bytes);
            ++plan.workspaces_;
        } else {
            block_ = std::move(plan.idle_.back());
            plan.idle_.pop_back();
        }
    }
    ~Workspace() { plan_.idle_.push_back(std::move(block_)); }
    void *get() const { return block_.get(); }

private:
    Plan &plan_;
    Block block_;
};

Plan::Plan(const Spec &spec, nb::object threads, nb::object kernel)
    : spec_(spec),
      input_shape_(spec.input_shape()),
      output_shape_(spec.output_shape()),
      axes_(axes_of(spec.c.layout)),
      threads_(threads_of(threads)) {
    tconv_hooks hooks;
    tconv_hooks_init(&hooks, sizeof hooks);
    if (threads_ > 1) {
        pool_ = shared_pool(threads_);
        check(tconv_pool_hooks(pool_.get(), &hooks));
    }
    hooks.log = log;
    const std::optional<std::string> name =
        kernel.is_none() ? std::nullopt : std::optional(nb::cast<std::string>(kernel));
    tconv_plan *plan = nullptr;
    check(tconv_plan_create(&spec_.c, name ? name->c_str() : nullptr, &hooks, &plan));
    plan_.reset(plan);
    tconv_requirements_init(&need_, sizeof need_);
    check(tconv_plan_requirements(plan, &need_));
}

std::unique_ptr<Packed> Plan::pack(nb::handle filter, nb::handle filter_layout) const {
    const int32_t order = value_of(Names::kFilterLayout, "filter_layout", filter_layout);
    const std::array<int64_t, 4> logical = spec_.filter_shape();
    const std::array<int, 4> axes = filter_axes(order);
    std::array<int64_t, 4> shape;
    for (size_t i = 0; i < 4; ++i)
        shape[static_cast<size_t>(axes[i])] = logical[i];
    const Array array("w", filter, spec_.c.dtype, Access::kRead);
    const tconv_view view = array.view(shape, axes);
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
    nb::object output = nb::borrow(out), finish = nb::none();
    if (out.is_none()) {
        nb::list shape;
        for (size_t i = x.dimensions() == 3 ? 1 : 0; i < 4; ++i)
            shape.append(output_shape_[i]);
        nb::object allocated = nb::module_::import_("tconv._arrays").attr("output_for")(input, nb::tuple(shape));
        output = allocated[0];
        finish = allocated[1];
    }
    const Array y("out", output, dtype, Access::kWrite);
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
    const Workspace workspace(*this);
    tensors.workspace = workspace.get();
    tensors.workspace_bytes = need_.workspace_bytes;
    tconv_status status;
    {
        nb::gil_scoped_release unlocked;
        status = tconv_run(plan_.get(), &tensors);
    }
    check(status);
    return finish.is_none() ? output : finish(output);
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
        .def(nb::init<const Spec &, nb::object, nb::object>(), "spec"_a, "threads"_a.none() = 1,
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
