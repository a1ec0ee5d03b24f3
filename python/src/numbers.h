// Python numbers as the fields of a spec, with errors that name the field.
#pragma once

#include <nanobind/nanobind.h>

#include <array>
#include <cstdint>

namespace tconv::python {

// Anything with __index__ but bool. TypeError or ValueError with the field and the value.
int32_t int32_of(const char *field, nanobind::handle value);
int64_t int64_of(const char *field, nanobind::handle value);

// True or False, of Python's or NumPy's type. TypeError with the field and the value.
bool bool_of(const char *field, nanobind::handle value);

// Anything that float() takes but text. TypeError with the field and the value.
float float_of(const char *field, nanobind::handle value);

// One number for both axes, or (height, width).
std::array<int32_t, 2> pair_of(const char *field, nanobind::handle value);

// One number for all sides, (height, width) for both sides of each, or (top, left, bottom, right).
std::array<int32_t, 4> pads_of(const char *field, nanobind::handle value);

}  // namespace tconv::python
