// Loops of independent multiply-adds, or dot products, in registers, one for each instruction set and type of arithmetic.
#pragma once

#include <cstdint>

#include "cpu_features.h"

namespace tconv::tool {

struct FmaLoop {
    double (*run)(int64_t steps);  // the result only keeps the work from being removed
    double flops_per_step;
};

// Of what kernels of this instruction set compute tensors of this tconv_dtype with; it must be usable on this processor.
FmaLoop fma_loop(Isa isa, int32_t dtype);

}  // namespace tconv::tool
