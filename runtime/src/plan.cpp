#include "plan.h"

#include <cstring>

#include "geometry.h"
#include "spec.h"
#include "structs.h"
#include "thread_cut.h"
#include "tuned_choice.h"
#include "views.h"

namespace {

using namespace tconv;

// The canonical text, the choice and every candidate, for explain and the verbose log.
void describe(const tconv_spec &spec, const Choice &choice, int64_t packed_bytes, int64_t slot_bytes, int32_t slots,
              Message &text) {
    char layer[TCONV_LAYER_TEXT_BYTES];
    if (tconv_spec_format(&spec, layer, sizeof layer) != TCONV_OK)
        layer[0] = '\0';
    const Geometry geometry = geometry_of(spec);
    const LayerParams &p = choice.blocking.params;
    const Work work = work_of(spec);
    text.append("layer      %s\n", layer);
    text.append("output     %lld x %lld, crop from row %lld, column %lld of the full scatter (%lld x %lld)\n",
                static_cast<long long>(geometry.h.out), static_cast<long long>(geometry.w.out),
                static_cast<long long>(geometry.h.crop), static_cast<long long>(geometry.w.crop),
                static_cast<long long>(geometry.h.full()), static_cast<long long>(geometry.w.full()));
    const Axis *axes[] = {&geometry.h, &geometry.w};
    for (int i = 0; i < 2; i++) {
        text.append("%s", i == 0 ? "rows      " : "columns   ");
        for (int64_t r = 0; r < axes[i]->stride; r++) {
            if (r == 8) {
                text.append(" ... (%lld phases)", static_cast<long long>(axes[i]->stride));
                break;
            }
            const Phase phase = phase_of(*axes[i], r);
            text.append(" phase %lld: %lld taps, %lld outputs;", static_cast<long long>(r),
                        static_cast<long long>(phase.taps), static_cast<long long>(phase.count));
        }
        text.append("\n");
    }
    text.append("kernel     %s\n", choice.kernel->name);
    text.append("chosen     %s\n", basis_text(choice.basis));
    text.append("work       %.6g GFLOP nominal, %.6g in bounds, %.6g executed\n", work.flops_nominal * 1e-9,
                work.flops_in_bounds * 1e-9, choice.cost.flops_executed * 1e-9);
    char images[32] = "an image";
    if (p.task_images > 1)
        std::snprintf(images, sizeof images, "for %d images", p.task_images);
    text.append("tasks      %d %s, of %d x %d positions and %d of %d lane blocks\n", choice.blocking.tasks, images,
                p.block_h, p.block_w, p.task_units * p.unit_blocks, p.lane_blocks * p.groups);
    text.append("filter     %lld bytes, packed %lld (%.2fx, at most %lld)\n", static_cast<long long>(work.filter_bytes),
                static_cast<long long>(packed_bytes),
                static_cast<double>(packed_bytes) / static_cast<double>(work.filter_bytes),
                static_cast<long long>(packed_limit_of(spec)));
    text.append("workspace  %lld bytes: %d x %lld (staged input %lld, sums %lld)\n",
                static_cast<long long>(slot_bytes) * slots, slots, static_cast<long long>(slot_bytes),
                static_cast<long long>(choice.blocking.staged_bytes),
                static_cast<long long>(choice.blocking.sums_bytes));
    if (spec.kernel_h % spec.stride_h != 0 || spec.kernel_w % spec.stride_w != 0) {
        text.append(
            "note       the kernel is no multiple of the stride: outputs get unequal numbers of taps, which shows as a "
            "checkerboard in images\n");
    }
}

// All kernels, or the one that was asked for by name.
struct Candidates {
    std::span<const Kernel> kernels;
    Isa usable;
    bool named;
};

tconv_status find_candidates(const char *kernel, Isa usable, Candidates *found, Message &message) {
    found->named = kernel != nullptr;
    found->usable = usable;
    return candidate_kernels(kernel, usable, &found->kernels, message);
}

tconv_status estimate(const tconv_spec &spec, const Candidates &among, Choice *choice, Message &why, Message &message) {
    return choose_kernel(spec, Direction::output, among.kernels, among.usable, fmas_per_dot(), choice, why, message);
}

void follow_tables(const tconv_spec &spec, const Candidates &among, Choice *choice, Message &why, Message &stale) {
    follow_tuned_rows(spec, among.kernels, among.named, among.usable, fmas_per_dot(), tuned_sources(), choice, why,
                      stale);
}

tconv_status create(const tconv_spec *spec, const char *kernel, const Hooks &hooks, tconv_plan **plan,
                    Message &message) {
    Isa usable;
    if (tconv_status status = check_arguments(spec, message); status != TCONV_OK)
        return status;
    if (tconv_status status = usable_isa(&usable, message); status != TCONV_OK)
        return status;
    if (tconv_status status = validate(spec, message); status != TCONV_OK)
        return status;
    char candidates[8192], rows[2048];
    Message why(candidates, hooks.verbose ? sizeof candidates : 0), stale(rows, sizeof rows);
    Candidates among;
    if (tconv_status status = find_candidates(kernel, usable, &among, message); status != TCONV_OK)
        return status;
    Choice choice;
    if (tconv_status status = estimate(*spec, among, &choice, why, message); status != TCONV_OK)
        return status;
    follow_tables(*spec, among, &choice, why, stale);
    cut_for_threads(*spec, hooks.concurrency, fmas_per_dot(), &choice);
    if (stale.length() > 0)
        hooks.log(hooks.user, TCONV_OK, rows);
    if (tconv_status status = make_plan(*spec, choice, hooks, plan, message); status != TCONV_OK)
        return status;
    (*plan)->named = among.named;
    (*plan)->usable = usable;
    if (hooks.verbose) {
        char text[10240];
        Message line(text, sizeof text);
        const tconv_plan &made = **plan;
        describe(made.spec, made.choice, made.packed_bytes, made.slot_bytes, hooks.concurrency, line);
        line.append("candidates\n%s", candidates);
        hooks.log(hooks.user, TCONV_OK, text);
    }
    return TCONV_OK;
}

}  // namespace

tconv_status tconv::check_workspace(int64_t others, int64_t slot_bytes, const Hooks &hooks, Message &message) {
    int64_t bytes;
    if (!__builtin_mul_overflow(slot_bytes, hooks.concurrency, &bytes) && !__builtin_add_overflow(bytes, others, &bytes))
        return TCONV_OK;
    return message.fail(TCONV_SIZE_OVERFLOW, "hooks.concurrency is %d, with %lld bytes for each thread; the workspace may have 2^63 - 1",
                        hooks.concurrency, static_cast<long long>(slot_bytes));
}

tconv_status tconv::make_plan(const tconv_spec &spec, const Choice &choice, const Hooks &hooks, tconv_plan **plan,
                              Message &message) {
    if (tconv_status status = check_workspace(0, aligned(choice.blocking.scratch_bytes), hooks, message); status != TCONV_OK)
        return status;
    auto *made = static_cast<tconv_plan *>(hooks.allocate(hooks.user, alignof(tconv_plan), sizeof(tconv_plan)));
    if (made == nullptr) {
        return message.fail(TCONV_OUT_OF_MEMORY, "hooks.allocate returned NULL for the plan (%zu bytes)",
                            sizeof(tconv_plan));
    }
    *made = {};
    made->spec = spec;
    made->spec.struct_size = sizeof(tconv_spec);
    made->hooks = hooks;
    made->choice = choice;
    made->packed_bytes = packed_bytes_of(choice.blocking);
    made->slot_bytes = aligned(choice.blocking.scratch_bytes);
    *plan = made;
    return TCONV_OK;
}

tconv_status tconv_plan_create(const tconv_spec *spec, const char *kernel, const tconv_hooks *hooks,
                               tconv_plan **plan) {
    char text[512];
    Message message(text, sizeof text);
    Hooks resolved;
    tconv_status status = check_plan_arguments(spec, hooks, plan, &resolved, message);
    if (status == TCONV_OK)
        status = create(spec, kernel, resolved, plan, message);
    if (status != TCONV_OK)
        resolved.log(resolved.user, status, text);
    return status;
}

void tconv_plan_destroy(tconv_plan *plan) {
    if (plan == nullptr)
        return;
    const Hooks hooks = plan->hooks;
    hooks.release(hooks.user, plan);
}

tconv_status tconv_plan_requirements(const tconv_plan *plan, tconv_requirements *requirements) {
    if (plan == nullptr || requirements == nullptr)
        return TCONV_INVALID_ARGUMENT;
    if (!struct_size_known<tconv_requirements>(requirements->struct_size))
        return TCONV_INVALID_STRUCT;
    tconv_requirements filled = requirements_of(plan->spec, kAlignment);
    filled.packed_filter_bytes = static_cast<size_t>(plan->packed_bytes);
    filled.workspace_bytes = static_cast<size_t>(workspace_bytes_of(*plan));
    fill_struct(requirements, filled, requirements->struct_size);
    return TCONV_OK;
}

const char *tconv_plan_kernel(const tconv_plan *plan) {
    return plan == nullptr ? nullptr : plan->choice.kernel->name;
}

tconv_status tconv_plan_explain(const tconv_plan *plan, char *text, size_t capacity) {
    if (plan == nullptr || text == nullptr || capacity == 0)
        return TCONV_INVALID_ARGUMENT;
    Message message(text, capacity);
    describe(plan->spec, plan->choice, plan->packed_bytes, plan->slot_bytes, plan->hooks.concurrency, message);
    message.append("candidates\n");
    // Every kernel's estimate, for comparison; of the tables what concerned this plan's choice.
    Choice again;
    Candidates among;
    Message ignored(nullptr, 0);
    tconv_status status = find_candidates(nullptr, plan->usable, &among, ignored);
    if (status == TCONV_OK)
        status = estimate(plan->spec, among, &again, message, ignored);
    if (status == TCONV_OK && plan->named) {
        status = find_candidates(plan->choice.kernel->name, plan->usable, &among, ignored);
        if (status == TCONV_OK)
            status = estimate(plan->spec, among, &again, ignored, ignored);
    }
    if (status == TCONV_OK)
        follow_tables(plan->spec, among, &again, message, message);
    return status;
}
