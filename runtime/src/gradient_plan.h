// Plans for gradients: an immutable record of everything that runs of one of them need.
#pragma once

#include "choose.h"
#include "hooks.h"
#include "pack.h"
#include "tconv/tconv_gradients.h"

struct tconv_gradient_plan {
    tconv_spec spec;
    int32_t which;  // tconv_gradient
    tconv::Hooks hooks;
    tconv::Choice choice;
    int64_t packed_bytes;  // INPUT
    int64_t slot_bytes;    // scratch of one concurrent task
};

namespace tconv {

inline PackedForm packed_form(const tconv_gradient_plan &plan) {
    return {plan.spec, Direction::input_gradient, plan.choice, plan.packed_bytes};
}

inline int64_t workspace_bytes_of(const tconv_gradient_plan &plan) {
    return plan.slot_bytes * plan.hooks.concurrency;
}

}  // namespace tconv
