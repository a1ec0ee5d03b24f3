// Loops of independent multiply-adds in registers, one for each instruction set.
#pragma once

#include <cstdint>

#include "cpu_features.h"

namespace tconv::tool {

struct FmaLoop {
    float (*run)(int64_t steps);  // the result only keeps the work from being removed
    double flops_per_step;
};

FmaLoop fma_loop(Isa isa);  // isa must be usable on this processor

}  // namespace tconv::tool
