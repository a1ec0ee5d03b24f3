// Validation of a spec, for the other parts of the runtime.
#pragma once

#include "message.h"
#include "tconv/tconv.h"

namespace tconv {

// Elements in one image, in the reach of one view, and positions along one axis: what the kernels' int32
// indices can address. Larger tensors are split over the batch.
constexpr int64_t kMaxElements = 2147483647;

// tconv_spec_validate with an open message.
tconv_status validate(const tconv_spec *spec, Message &message);

}  // namespace tconv
