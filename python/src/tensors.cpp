#include "tensors.h"

#include <string>

namespace nb = nanobind;

namespace tconv::python {

namespace {

bool wants(const char *name, bool wanted, nb::handle given) {
    if (wanted == given.is_none()) {
        throw nb::value_error(
            (std::string(name) + (wanted ? " is missing; the spec asks for it" : " is given; the spec has none")).c_str());
    }
    return wanted;
}

}  // namespace

Tensors::Tensors(const Spec &spec, const Place &place, nb::handle x, nb::handle bias, nb::handle out, nb::handle residual,
                 nb::handle slope)
    : x_("x", x, spec.c.dtype, Access::kRead, place),
      result_(out, x, spec.output_shape(), x_.dimensions(), place),
      y_("out", result_.buffer(), spec.c.dtype, result_.access(), place) {
    const int32_t dtype = spec.c.dtype;
    const std::array<int, 4> axes = axes_of(spec.c.layout);
    tconv_tensors_init(&c, sizeof c);
    c.input = x_.image_view(spec.input_shape(), axes);
    c.output = y_.image_view(spec.output_shape(), axes);
    if (wants("bias", spec.c.has_bias, bias))
        c.bias = bias_.emplace("bias", bias, dtype, Access::kRead, place).row_or_copy(spec.c.out_channels);
    if (wants("slope", spec.c.activation == TCONV_ACT_PRELU, slope))
        c.act_slope = slope_.emplace("slope", slope, dtype, Access::kRead, place).row_or_copy(spec.c.out_channels);
    if (wants("residual", spec.c.residual != TCONV_RESIDUAL_NONE, residual))
        c.residual = residual_.emplace("residual", residual, dtype, Access::kRead, place).image_view(spec.output_shape(), axes);
}

}  // namespace tconv::python
