// Loops of independent multiply-adds in registers, one for each instruction set and type of arithmetic.
#pragma once

#include <cstdint>

#include "cpu_features.h"

namespace tconv::tool {

struct FmaLoop {
    double (*run)(int64_t steps);  // the result only keeps the work from being removed
    double flops_per_step;
};

// isa must be usable on this processor; arithmetic is TCONV_F32 or TCONV_F64.
FmaLoop fma_loop(Isa isa, int32_t arithmetic);

}  // namespace tconv::tool
