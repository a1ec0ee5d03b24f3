// Which phases of a layer lie side by side in the lanes of a kernel.
#pragma once

#include <cstdint>

#include "registry.h"
#include "tconv/tconv.h"

namespace tconv {

struct Merging {
    int64_t phases_h, phases_w;  // side by side, 1 where each is computed by itself
    int64_t taps_h, taps_w;      // of the packed filter: the kernel's, or every input that one of those phases reads
};

// `outputs`: of a group. `span_h`, `span_w`: input rows and columns that one quotient reads, less one.
Merging merge_phases(const tconv_spec &spec, const Kernel &kernel, int64_t outputs, int64_t span_h, int64_t span_w);

}  // namespace tconv
