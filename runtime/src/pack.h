// Packed filters as relocatable blobs: a header that says for which kernel and layer, then the floats.
#pragma once

#include "message.h"
#include "plan.h"

namespace tconv {

// PACKED_MISMATCH with the reason if the header is not of a blob for this plan. The floats are not read.
tconv_status check_packed(const tconv_plan &plan, const void *packed, Message &message);

const void *packed_numbers(const void *packed);

}  // namespace tconv
