// The enums of tconv.h by the names that they have in Python and in layer texts.
#pragma once

#include <nanobind/nanobind.h>

#include <cstdint>

namespace tconv::python {

enum class Names { kDtype, kLayout, kFilterLayout, kMath, kActivation, kSoftmaxAxis, kResidual, kGradient };

// Throws ValueError naming the field, the value and what is allowed; TypeError if it is no string. Dtypes may also be
// dtype objects of NumPy, torch and others: TypeError for those that are none of ours.
int32_t value_of(Names names, const char *field, nanobind::handle name);

const char *name_of(Names names, int32_t value);

}  // namespace tconv::python
