// Plans for gradients: an immutable record of everything that runs of one of them need.
#pragma once

#include "choose.h"
#include "filter_gradient.h"
#include "hooks.h"
#include "pack.h"
#include "tconv/tconv_gradients.h"

struct tconv_gradient_plan {
    tconv_spec spec;
    int32_t which;  // tconv_gradient
    tconv::Hooks hooks;
    tconv::Choice choice;        // INPUT
    tconv::FilterGradient sums;  // FILTER, BIAS
    int64_t packed_bytes;        // INPUT
    int64_t slot_bytes;          // scratch of one concurrent task
};

namespace tconv {

inline PackedForm packed_form(const tconv_gradient_plan &plan) {
    return {plan.spec, Direction::input_gradient, plan.choice, plan.packed_bytes};
}

inline const Kernel &kernel_of(const tconv_gradient_plan &plan) {
    return plan.which == TCONV_GRADIENT_INPUT ? *plan.choice.kernel : *plan.sums.kernel;
}

// Partial sums of several splits, which come first in the workspace. A single one has them in the scratch of its tasks:
// each stores its part of the filter as soon as it is complete.
inline int64_t partials_bytes_of(const tconv_gradient_plan &plan) {
    const FilterGradient &sums = plan.sums;
    return plan.which == TCONV_GRADIENT_INPUT || sums.splits == 1 ? 0
                                                                  : aligned(sums.unit_bytes * sums.units * sums.splits);
}

inline int64_t workspace_bytes_of(const tconv_gradient_plan &plan) {
    return partials_bytes_of(plan) + plan.slot_bytes * plan.hooks.concurrency;
}

}  // namespace tconv
