// Blocks for several threads. Those that keep one thread fastest, by measurement or by the rules, may be so few that
// others find nothing to do: 1024 channels to 512 on 8 x 8 is one task by Winograd's tiles.
#pragma once

#include <cstdint>

#include "choose.h"
#include "tconv/tconv.h"

namespace tconv {

// Cuts the chosen kernel's blocks further where `concurrency` threads would finish earlier by the cost model. The kernel,
// its packed filter and all bits of the result stay what they are, and a task takes no more scratch.
void cut_for_threads(const tconv_spec &spec, int32_t concurrency, int fmas_per_dot, Choice *choice);

}  // namespace tconv
