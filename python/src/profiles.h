// tconv_profiles.h for Python: parameters as a dictionary of the C struct's fields. tconv/profiles.py has the functions
// that people call.
#pragma once

#include <nanobind/nanobind.h>

namespace tconv::python {

void bind_profiles(nanobind::module_ &module);

}  // namespace tconv::python
