// The cost model by which a plan chooses among kernels and their forms: cycles of one core, from the shapes of the
// loops alone, so that the choice is the same for every thread count and on every machine of an ISA.
#pragma once

#include "blocking.h"
#include "registry.h"
#include "tconv/tconv.h"

namespace tconv {

struct Cost {
    double cycles;          // of one run, all images
    double flops_executed;  // multiplications and additions of the direct sum as this kernel performs it, without
                            // the padding of vectors and tiles
};

// At which weights arrive that are read once for each block of a layer, from the level of cache that holds them all.
double weight_bytes_per_cycle(double packed_bytes);

// `fmas_per_dot`: of the processor (cpu_features.h).
Cost cost_of(const tconv_spec &spec, const Kernel &kernel, const Blocking &blocking, int fmas_per_dot);

}  // namespace tconv
