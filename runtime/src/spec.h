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

// Its first part: everything that needs no arithmetic on sizes. Pads and output padding are not looked at.
tconv_status check_arguments(const tconv_spec *spec, Message &message);

// What one axis of a result keeps of the full scatter: positions [crop, crop + out).
struct Kept {
    int64_t crop, out;
};

// tconv_spec_set_crop for a spec that has passed check_arguments, with an open message. out is at least 1; crop and
// crop + out lie a few int32 from the full scatter at most, so that nothing here overflows.
tconv_status set_crop(tconv_spec *spec, const Kept &h, const Kept &w, Message &message);

}  // namespace tconv
