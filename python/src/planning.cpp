#include "planning.h"

#include <nanobind/stl/string.h>

#include <cstring>
#include <string>

#include "failure.h"
#include "names.h"
#include "numbers.h"

namespace nb = nanobind;

namespace tconv::python {

namespace {

int32_t count_of(nb::handle threads) {
    if (threads.is_none())
        return nb::cast<int32_t>(nb::module_::import_("tconv._threads").attr("default_threads")());
    const int32_t count = int32_of("threads", threads);
    if (count < 1 || count > 1024)
        throw nb::value_error(("threads = " + std::to_string(count) + "; it must be between 1 and 1024").c_str());
    return count;
}

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

}  // namespace

tconv_hooks logging_hooks() {
    tconv_hooks hooks;
    tconv_hooks_init(&hooks, sizeof hooks);
    hooks.log = log;
    return hooks;
}

Threads::Threads(nb::handle threads) : count(count_of(threads)), hooks(logging_hooks()) {
    if (count > 1) {
        pool = shared_pool(count);
        check(tconv_pool_hooks(pool.get(), &hooks));
    }
}

Workspaces::Lease::Lease(Workspaces &from) : from_(from) {
    if (from.idle_.empty()) {
        from.idle_.reserve(from.count_ + 1);  // so that the destructor never allocates
        block_ = allocate(from.alignment_, from.bytes_);
        ++from.count_;
    } else {
        block_ = std::move(from.idle_.back());
        from.idle_.pop_back();
    }
}

FilterOrder::FilterOrder(const Spec &spec, nb::handle filter_layout)
    : axes(filter_axes(value_of(Names::kFilterLayout, "filter_layout", filter_layout))) {
    const std::array<int64_t, 4> logical = spec.filter_shape();
    for (size_t i = 0; i < 4; ++i)
        shape[static_cast<size_t>(axes[i])] = logical[i];
}

const char *kernel_name(nb::handle kernel) {
    if (kernel.is_none())
        return nullptr;
    if (!nb::isinstance<nb::str>(kernel)) {
        throw nb::type_error(
            ("kernel = " + nb::cast<std::string>(nb::repr(kernel)) + "; it must be a kernel's name or None").c_str());
    }
    Py_ssize_t length;
    const char *const name = PyUnicode_AsUTF8AndSize(kernel.ptr(), &length);
    if (name == nullptr)
        throw nb::python_error();
    if (std::strlen(name) != static_cast<size_t>(length))
        throw nb::value_error("kernel holds a NUL, behind which nothing would be read");
    return name;
}

nb::dict sizes_of(const tconv_requirements &need) {
    nb::dict sizes;
    sizes["input_bytes"] = need.input_bytes;
    sizes["filter_bytes"] = need.filter_bytes;
    sizes["bias_bytes"] = need.bias_bytes;
    sizes["output_bytes"] = need.output_bytes;
    sizes["packed_filter_bytes"] = need.packed_filter_bytes;
    sizes["workspace_bytes"] = need.workspace_bytes;
    sizes["alignment"] = need.alignment;
    return sizes;
}

std::string whole_text(const std::function<tconv_status(char *, size_t)> &write) {
    std::string text(4096, '\0');
    for (;;) {
        check(write(text.data(), text.size()));
        const size_t length = std::strlen(text.c_str());
        if (length + 1 < text.size()) {
            text.resize(length);
            return text;
        }
        text.resize(2 * text.size());
    }
}

Result::Result(nb::handle given, nb::handle like, const std::array<int64_t, 4> &shape, int dimensions, const Place &place)
    : own_(given.is_none()), buffer_(nb::borrow(given)), finish_(nb::none()) {
    if (!own_)
        return;
    nb::list sizes;
    for (size_t i = 4 - static_cast<size_t>(dimensions); i < 4; ++i)
        sizes.append(shape[i]);
    const char *const of = place.device == Place::kCpu ? "tconv._arrays" : "tconv._devices";
    const nb::object allocated = nb::module_::import_(of).attr("output_for")(like, nb::tuple(sizes));
    buffer_ = allocated[0];
    finish_ = allocated[1];
}

}  // namespace tconv::python
