#include "gradient_tensors.h"

#include <string>

#include "names.h"

namespace nb = nanobind;

namespace tconv::python {

namespace {

bool wants(const char *name, bool wanted, nb::handle given, int32_t which) {
    if (wanted == given.is_none()) {
        throw nb::value_error((std::string(name) + (wanted ? " is missing; the" : " is given; the") + " gradient of the " +
                               gradient_name(which) + (wanted ? " needs it" : " has none"))
                                  .c_str());
    }
    return wanted;
}

int dimensions_of(int32_t which, const Array &gy) {
    return which == TCONV_GRADIENT_INPUT ? gy.dimensions() : which == TCONV_GRADIENT_FILTER ? 4 : 1;
}

}  // namespace

int32_t gradient_of(nb::handle name) {
    return value_of(Names::kGradient, "of", name);
}

const char *gradient_name(int32_t which) {
    return name_of(Names::kGradient, which);
}

std::array<int64_t, 4> GradientTensors::shape_of(const Spec &spec, int32_t which, const FilterOrder &order) {
    if (which == TCONV_GRADIENT_INPUT)
        return spec.input_shape();
    return which == TCONV_GRADIENT_FILTER ? order.shape : std::array<int64_t, 4>{1, 1, 1, spec.c.out_channels};
}

GradientTensors::GradientTensors(const Spec &spec, int32_t which, const Place &place, nb::handle gy, nb::handle packed,
                                 nb::handle x, nb::handle out, nb::handle filter_layout)
    : order_(spec, filter_layout),
      gy_("gy", gy, spec.c.dtype, Access::kRead, place),
      shape_(shape_of(spec, which, order_)),
      result_(out, gy, shape_, dimensions_of(which, gy_), place),
      g_("out", result_.buffer(), spec.c.dtype, result_.access(), place) {
    const std::array<int, 4> axes = axes_of(spec.c.layout);
    tconv_gradient_tensors_init(&c, sizeof c);
    c.output_gradient = gy_.image_view(spec.output_shape(), axes);
    wants("packed", which == TCONV_GRADIENT_INPUT, packed, which);
    if (wants("x", which == TCONV_GRADIENT_FILTER, x, which))
        c.input = x_.emplace("x", x, spec.c.dtype, Access::kRead, place).image_view(spec.input_shape(), axes);
    if (which == TCONV_GRADIENT_INPUT)
        c.input_gradient = g_.image_view(shape_, axes);
    else if (which == TCONV_GRADIENT_FILTER)
        c.filter_gradient = g_.view(shape_, order_.axes);
    else
        c.bias_gradient = g_.row(spec.c.out_channels);
}

}  // namespace tconv::python
