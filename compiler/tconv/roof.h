// The least time that a layer can take on this machine:
//     max(executed flops / FMA peak, compulsory bytes / copy bandwidth) + 1 microsecond
// with both rates measured here and now, by as many threads as the layer runs on.
#pragma once

#include <cstdint>

#include "cpu_features.h"
#include "geometry.h"
#include "trial.h"

namespace tconv::tool {

// GFLOP/s of registers only: multiply-adds of the widest vectors of the instruction set, counted as two, in the type that
// layers of this dtype are computed in; for bf16 on avx512bf16 dot products, counted as four. On SSE2, which has none, a multiplication and an addition.
double measure_fma_gflops(Isa isa, int32_t dtype, const Threads &threads);

// GB/s, reads plus writes, of copying half of `footprint` onto its other half. The footprint is the layer's own, so
// that a layer whose tensors stay in a cache is held against what that cache delivers.
double measure_copy_gbs(double footprint, const Threads &threads);

double compulsory_bytes(const Work &work);  // each tensor once

struct Roof {
    double fma_gflops, copy_gbs;
    double compute_ns, bandwidth_ns;  // without the microsecond

    double ns() const { return (compute_ns > bandwidth_ns ? compute_ns : bandwidth_ns) + 1000; }
    const char *name() const { return compute_ns > bandwidth_ns ? "compute" : "bandwidth"; }
};

Roof roof_of(const Work &work, double flops_executed, double fma_gflops, double copy_gbs);

}  // namespace tconv::tool
