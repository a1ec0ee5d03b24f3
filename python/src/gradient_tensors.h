// The arrays of one gradient as the C ABI takes them.
#pragma once

#include <nanobind/nanobind.h>

#include <optional>

#include "array.h"
#include "planning.h"
#include "spec.h"
#include "tconv/tconv_gradients.h"

namespace tconv::python {

// "input", "filter" or "bias" as a tconv_gradient, and back.
int32_t gradient_of(nanobind::handle name);
const char *gradient_name(int32_t which);

// Checked against the spec as Tensors are, and that the packed filter and x are there for the gradients that need them, and
// for no other. Where `out` is None the result is allocated. Packed filter and workspace are the caller's to set.
class GradientTensors {
public:
    tconv_gradient_tensors c;

    GradientTensors(const Spec &spec, int32_t which, const Place &place, nanobind::handle gy, nanobind::handle packed,
                    nanobind::handle x, nanobind::handle out, nanobind::handle filter_layout);

    nanobind::object result() const { return result_.finished(); }

private:
    // The shape of the result, in array order.
    static std::array<int64_t, 4> shape_of(const Spec &spec, int32_t which, const FilterOrder &order);

    FilterOrder order_;
    Array gy_;
    std::array<int64_t, 4> shape_;
    Result result_;
    Array g_;
    std::optional<Array> x_;
};

}  // namespace tconv::python
