// tconv.Spec: an immutable, valid tconv_spec.
#pragma once

#include <nanobind/nanobind.h>

#include <array>
#include <string>

#include "tconv/tconv.h"

namespace tconv::python {

struct Spec {
    tconv_spec c;
    int32_t out_h, out_w;

    // Throws unless the spec is valid.
    explicit Spec(const tconv_spec &spec);

    // In the order of the layout, as an array of Python would have it.
    std::array<int64_t, 4> input_shape() const;
    std::array<int64_t, 4> output_shape() const;
    std::array<int64_t, 4> filter_shape() const;  // C_in, C_out/groups, kH, kW

    std::string text() const;
    std::string text_of_any_batch() const;  // what packed filters depend on
};

// The logical dimensions N, C, H, W as positions in an array of this layout.
std::array<int, 4> axes_of(int32_t layout);

void bind_spec(nanobind::module_ &module);

}  // namespace tconv::python
