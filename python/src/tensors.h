// The arrays of one run as the C ABI takes them.
#pragma once

#include <nanobind/nanobind.h>

#include <optional>

#include "array.h"
#include "planning.h"
#include "spec.h"

namespace tconv::python {

// Checked against the spec: shapes, types, place, and that there are those that it asks for and no others. Where `out` is
// None the result is allocated. Packed filter and workspace are the caller's to set.
class Tensors {
public:
    tconv_tensors c;

    Tensors(const Spec &spec, const Place &place, nanobind::handle x, nanobind::handle bias, nanobind::handle out,
            nanobind::handle residual, nanobind::handle slope);

    nanobind::object result() const { return result_.finished(); }

private:
    Array x_;
    Result result_;
    Array y_;
    std::optional<Array> bias_, slope_, residual_;
};

}  // namespace tconv::python
