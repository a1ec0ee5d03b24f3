// The checks of gradients, whatever computes them, as tensor_checks.h has those of layers.
#pragma once

#include "message.h"
#include "tconv/tconv_gradients.h"
#include "tensor_checks.h"

namespace tconv {

// A valid layer without activation and residual, and one of the three.
tconv_status check_gradient_spec(const tconv_spec *spec, int32_t which, Message &message);

// What the gradient reads and writes, each by itself; the workspace, which may be NULL where none is needed; the packed filter
// for being there.
tconv_status check_gradient_tensors(const tconv_spec &spec, int32_t which, const Needs &needs,
                                    const tconv_gradient_tensors &tensors, Message &message);

tconv_status check_gradient_overlaps(const tconv_spec &spec, int32_t which, const Needs &needs,
                                     const tconv_gradient_tensors &tensors, Message &message);

}  // namespace tconv
