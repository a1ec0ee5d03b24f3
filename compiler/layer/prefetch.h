// Prefetches in the innermost loops of a stage. Halide's own directive emits prefetchnta only, and names what it fetches by
// loop variables of the stage, which do not reach beyond a call.
#pragma once

#include "raw_function.h"

namespace tconv::compiler {

// Adds the arguments `ahead`, an address, and `ahead_bytes`: each iteration of an innermost loop fetches the next `lines`
// cache lines of ahead[0, ahead_bytes + one line), from the first on in each call and the last again once all are passed.
// `planes`: instead, iteration by iteration from the first channel of a call on, `lines` that lie `ahead_bytes` apart: one of
// each channel's plane.
void prefetch_ahead(RawFunction &function, int lines, bool planes);

}  // namespace tconv::compiler
