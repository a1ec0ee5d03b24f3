// Which kernel computes a layer, and in which form.
#pragma once

#include <cstdint>
#include <span>

#include "blocking.h"
#include "cost.h"
#include "message.h"
#include "registry.h"
#include "tconv/tconv.h"

namespace tconv {

enum class Basis : int32_t { estimate, tuned_row, nearest_row };

struct Choice {
    const Kernel *kernel;
    Blocking blocking;
    Cost cost;
    Basis basis = Basis::estimate;
    Cut cut = {};  // of a tuned row: what made the blocking
};

// "by the cost model", ...
const char *basis_text(Basis basis);

// The best of `kernels` by the cost model where `usable` is the highest instruction set, and dot products cost so much
// (cpu_features.h); UNSUPPORTED if none fits. `why` receives a line for each candidate: its estimate, or the reason why it
// cannot be used.
tconv_status choose_kernel(const tconv_spec &spec, Direction direction, std::span<const Kernel> kernels, Isa usable,
                           int fmas_per_dot, Choice *choice, Message &why, Message &error);

// The bound on the packed filter that the spec sets or implies.
int64_t packed_limit_of(const tconv_spec &spec);

}  // namespace tconv
