// The checks of a run's tensors, whatever computes it. Each is complete before anything is written.
#pragma once

#include <cstddef>

#include "message.h"
#include "tconv/tconv.h"

namespace tconv {

// What a plan asks for.
struct Needs {
    size_t packed_bytes, workspace_bytes;
    size_t alignment;  // of both
};

// Input, output, residual, bias and slope, each by itself.
tconv_status check_tensors(const tconv_spec &spec, const tconv_tensors &tensors, Message &message);

// Workspace and packed filter. Where none is needed, the workspace may be NULL.
tconv_status check_places(const Needs &needs, const tconv_tensors &tensors, Message &message);

tconv_status check_overlaps(const tconv_spec &spec, const Needs &needs, const tconv_tensors &tensors, Message &message);

}  // namespace tconv
