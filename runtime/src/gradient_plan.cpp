#include "gradient_plan.h"

#include "geometry.h"
#include "gradient_checks.h"
#include "layer_text.h"
#include "plan.h"
#include "spec.h"
#include "structs.h"

namespace {

using namespace tconv;

// Scratch, and the partial sums of a single split.
int64_t slot_bytes_of(const FilterGradient &sums) {
    return aligned(sums.scratch_bytes) + (sums.splits == 1 ? aligned(sums.unit_bytes) : 0);
}

tconv_status choose(std::span<const Kernel> among, Isa usable, tconv_gradient_plan &plan, Message &message) {
    tconv_status status;
    switch (plan.which) {
        case TCONV_GRADIENT_FILTER:
            status = plan_filter_gradient(plan.spec, among, usable, &plan.sums, message);
            plan.slot_bytes = slot_bytes_of(plan.sums);
            return status;
        case TCONV_GRADIENT_BIAS:
            status = plan_bias_gradient(plan.spec, among, usable, &plan.sums, message);
            plan.slot_bytes = slot_bytes_of(plan.sums);
            return status;
        default: {
            Message silent(nullptr, 0);
            status = choose_kernel(plan.spec, Direction::input_gradient, among, usable, fmas_per_dot(), &plan.choice,
                                   silent, message);
            plan.packed_bytes = packed_bytes_of(plan.choice.blocking);
            plan.slot_bytes = aligned(plan.choice.blocking.scratch_bytes);
            return status;
        }
    }
}

tconv_status create(const tconv_spec *given, int32_t which, const char *kernel, const Hooks &hooks,
                    tconv_gradient_plan **plan, Message &message) {
    Isa usable;
    if (tconv_status status = check_arguments(given, message); status != TCONV_OK)
        return status;
    if (tconv_status status = usable_isa(&usable, message); status != TCONV_OK)
        return status;
    if (tconv_status status = check_gradient_spec(given, which, message); status != TCONV_OK)
        return status;
    tconv_gradient_plan made = {};
    made.spec = *given;
    made.spec.struct_size = sizeof(tconv_spec);
    made.spec.has_bias = 0;
    made.which = which;
    made.hooks = hooks;

    std::span<const Kernel> among;
    if (tconv_status status = candidate_kernels(kernel, usable, &among, message); status != TCONV_OK)
        return status;
    if (made.spec.math == TCONV_MATH_TF32) {
        return message.fail(TCONV_UNSUPPORTED, "no kernel of this library computes in TF32 (math %s)",
                            math_name(made.spec.math));
    }
    if (tconv_status status = choose(among, usable, made, message); status != TCONV_OK)
        return status;

    if (tconv_status status = check_workspace(partials_bytes_of(made), made.slot_bytes, hooks, message); status != TCONV_OK)
        return status;
    void *block = hooks.allocate(hooks.user, alignof(tconv_gradient_plan), sizeof made);
    if (block == nullptr) {
        return message.fail(TCONV_OUT_OF_MEMORY, "hooks.allocate returned NULL for the plan (%zu bytes)", sizeof made);
    }
    *plan = static_cast<tconv_gradient_plan *>(block);
    **plan = made;
    return TCONV_OK;
}

}  // namespace

tconv_status tconv_gradient_plan_create(const tconv_spec *spec, int32_t which, const char *kernel,
                                        const tconv_hooks *hooks, tconv_gradient_plan **plan) {
    char text[512];
    Message message(text, sizeof text);
    Hooks resolved;
    tconv_status status = check_plan_arguments(spec, hooks, plan, &resolved, message);
    if (status == TCONV_OK)
        status = create(spec, which, kernel, resolved, plan, message);
    if (status != TCONV_OK)
        resolved.log(resolved.user, status, text);
    return status;
}

void tconv_gradient_plan_destroy(tconv_gradient_plan *plan) {
    if (plan == nullptr)
        return;
    const Hooks hooks = plan->hooks;
    hooks.release(hooks.user, plan);
}

const char *tconv_gradient_plan_kernel(const tconv_gradient_plan *plan) {
    return plan == nullptr ? nullptr : kernel_of(*plan).name;
}

tconv_status tconv_gradient_plan_requirements(const tconv_gradient_plan *plan, tconv_requirements *requirements) {
    if (plan == nullptr || requirements == nullptr)
        return TCONV_INVALID_ARGUMENT;
    if (!struct_size_known<tconv_requirements>(requirements->struct_size))
        return TCONV_INVALID_STRUCT;
    tconv_requirements filled = requirements_of(plan->spec, kAlignment);
    filled.bias_bytes = static_cast<size_t>(plan->spec.out_channels * dtype_bytes(plan->spec.dtype));
    filled.packed_filter_bytes = static_cast<size_t>(plan->packed_bytes);
    filled.workspace_bytes = static_cast<size_t>(workspace_bytes_of(*plan));
    fill_struct(requirements, filled, requirements->struct_size);
    return TCONV_OK;
}

tconv_status tconv_gradient_pack_filter(const tconv_gradient_plan *plan, const tconv_view *filter, void *packed,
                                        size_t packed_bytes) {
    if (plan == nullptr)
        return TCONV_INVALID_ARGUMENT;
    char text[320];
    Message message(text, sizeof text);
    const tconv_status status =
        plan->which == TCONV_GRADIENT_INPUT
            ? pack(packed_form(*plan), filter, packed, packed_bytes, message)
            : message.fail(TCONV_INVALID_ARGUMENT, "which = %d; only plans for INPUT (0) take a filter", plan->which);
    if (status != TCONV_OK)
        plan->hooks.log(plan->hooks.user, status, text);
    return status;
}

void tconv_gradient_tensors_init(tconv_gradient_tensors *tensors, size_t struct_size) {
    fill_struct(tensors, tconv_gradient_tensors{}, struct_size);
}
