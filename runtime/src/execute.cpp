// Runs: checks first, then tasks. Nothing is written before every check has passed.
#include "bind.h"
#include "geometry.h"
#include "image_groups.h"
#include "pack.h"
#include "plan.h"
#include "structs.h"
#include "tasks.h"
#include "views.h"

namespace {

using namespace tconv;

struct Run {
    const tconv_plan *plan;
    const tconv_tensors *tensors;
    const ImageGroups *images;
    Tasks tasks;  // of all images
};

// One of `concurrency` workers: takes tasks until none is left, on a slot of the workspace that is its own.
int work(void *argument, int32_t slot) {
    Run &run = *static_cast<Run *>(argument);
    const tconv_plan &plan = *run.plan;
    const tconv_tensors &tensors = *run.tensors;
    const int32_t tasks = plan.choice.blocking.tasks;
    const int64_t element = dtype_bytes(plan.spec.dtype);
    void *scratch = static_cast<char *>(tensors.workspace) + slot * plan.slot_bytes;
    return run.tasks.take([&](int64_t i) {
        const int64_t group = i / tasks, image = run.images->first_image(group);
        const void *residual =
            plan.spec.residual != TCONV_RESIDUAL_NONE ? image_of(tensors.residual, image, element) : nullptr;
        return plan.choice.kernel->run(run.images->params_of(group), static_cast<int32_t>(i % tasks),
                                       image_of(tensors.input, image, element), packed_numbers(tensors.packed_filter),
                                       tensors.bias, tensors.act_slope, residual,
                                       image_of(tensors.output, image, element), scratch);
    });
}

tconv_status check_plain(const void *data, size_t bytes, const char *name, const tconv_tensors &tensors,
                         const Extents &output, int64_t element, Message &message) {
    if (data == nullptr)
        return message.fail(TCONV_INVALID_ARGUMENT, "%s = NULL; the spec asks for it", name);
    if (reinterpret_cast<uintptr_t>(data) % static_cast<uintptr_t>(element) != 0) {
        return message.fail(TCONV_MISALIGNED, "%s = %p; it must be aligned to its element, %lld bytes", name, data,
                            static_cast<long long>(element));
    }
    if (overlap(range_of(data, bytes), range_of(tensors.output, output, element))) {
        return message.fail(TCONV_INVALID_ARGUMENT, "output overlaps %s", name);
    }
    return TCONV_OK;
}

tconv_status check_workspace(const tconv_plan &plan, const tconv_tensors &tensors, Message &message) {
    const size_t needed = static_cast<size_t>(workspace_bytes_of(plan));
    if (tensors.workspace == nullptr || tensors.packed_filter == nullptr) {
        return message.fail(TCONV_INVALID_ARGUMENT, "%s = NULL",
                            tensors.workspace == nullptr ? "workspace" : "packed_filter");
    }
    if (tensors.workspace_bytes < needed) {
        return message.fail(TCONV_WORKSPACE_TOO_SMALL, "workspace_bytes = %zu; this plan needs %zu",
                            tensors.workspace_bytes, needed);
    }
    const void *aligned[] = {tensors.workspace, tensors.packed_filter};
    for (int i = 0; i < 2; i++) {
        if (reinterpret_cast<uintptr_t>(aligned[i]) % kAlignment != 0) {
            return message.fail(TCONV_MISALIGNED, "%s = %p; it must be aligned to %zu bytes",
                                i == 0 ? "workspace" : "packed_filter", aligned[i], kAlignment);
        }
    }
    return check_packed(packed_form(plan), tensors.packed_filter, message);
}

tconv_status check_overlaps(const tconv_plan &plan, const tconv_tensors &tensors, const Extents &input,
                            const Extents &output, Message &message) {
    const int64_t element = dtype_bytes(plan.spec.dtype);
    const size_t needed = static_cast<size_t>(workspace_bytes_of(plan));
    const ByteRange workspace = range_of(tensors.workspace, needed);
    const ByteRange packed = range_of(tensors.packed_filter, static_cast<size_t>(plan.packed_bytes));
    const ByteRange written = range_of(tensors.output, output, element);
    auto fail = [&](const char *what) { return message.fail(TCONV_INVALID_ARGUMENT, "%s", what); };
    if (overlap(tensors.output, output, tensors.input, input, element))
        return fail("output overlaps input");
    if (overlap(written, workspace))
        return fail("output overlaps workspace");
    if (overlap(written, packed))
        return fail("output overlaps packed_filter");
    if (overlap(range_of(tensors.input, input, element), workspace))
        return fail("workspace overlaps input");
    if (overlap(packed, workspace))
        return fail("workspace overlaps packed_filter");
    const size_t per_channel = static_cast<size_t>(plan.spec.out_channels * element);
    if (plan.spec.has_bias && overlap(range_of(tensors.bias, per_channel), workspace))
        return fail("workspace overlaps bias");
    if (plan.spec.activation == TCONV_ACT_PRELU && overlap(range_of(tensors.act_slope, per_channel), workspace))
        return fail("workspace overlaps act_slope");
    if (plan.spec.residual != TCONV_RESIDUAL_NONE) {
        if (overlap(range_of(tensors.residual, output, element), workspace))
            return fail("workspace overlaps residual");
        if (!same_view(tensors.output, tensors.residual, output) &&
            overlap(tensors.output, output, tensors.residual, output, element)) {
            return fail("output overlaps residual without being exactly its view");
        }
    }
    return TCONV_OK;
}

tconv_status check(const tconv_plan &plan, const tconv_tensors &tensors, Message &message) {
    const tconv_spec &spec = plan.spec;
    const Extents input = input_extents(spec), output = output_extents(spec);
    const int64_t element = dtype_bytes(spec.dtype);
    tconv_status status = check_tensor(tensors.input, input, element, Access::kRead, "input", message);
    if (status == TCONV_OK)
        status = check_tensor(tensors.output, output, element, Access::kWrite, "output", message);
    if (status == TCONV_OK && spec.residual != TCONV_RESIDUAL_NONE) {
        status = check_tensor(tensors.residual, output, element, Access::kRead, "residual", message);
    }
    const size_t per_channel = static_cast<size_t>(spec.out_channels * element);
    if (status == TCONV_OK && spec.has_bias)
        status = check_plain(tensors.bias, per_channel, "bias", tensors, output, element, message);
    if (status == TCONV_OK && spec.activation == TCONV_ACT_PRELU) {
        status = check_plain(tensors.act_slope, per_channel, "act_slope", tensors, output, element, message);
    }
    if (status == TCONV_OK)
        status = check_workspace(plan, tensors, message);
    if (status == TCONV_OK)
        status = check_overlaps(plan, tensors, input, output, message);
    return status;
}

}  // namespace

tconv_status tconv_run(const tconv_plan *plan, const tconv_tensors *tensors) {
    if (plan == nullptr)
        return TCONV_INVALID_ARGUMENT;
    const Hooks &hooks = plan->hooks;
    char text[320];
    Message message(text, sizeof text);
    tconv_status status = TCONV_OK;
    if (tensors == nullptr) {
        status = message.fail(TCONV_INVALID_ARGUMENT, "tensors is NULL");
    } else if (!struct_size_known<tconv_tensors>(tensors->struct_size)) {
        status = message.fail(TCONV_INVALID_STRUCT, "tensors.struct_size = %zu; this library knows %zu",
                              tensors->struct_size, sizeof(tconv_tensors));
    } else if (plan->spec.batch == 0) {
        return TCONV_OK;
    } else {
        status = check(*plan, *tensors, message);
    }
    if (status == TCONV_OK) {
        const LayerParams params =
            bind_views(plan->spec, plan->choice, tensors->input, tensors->output, tensors->residual);
        const ImageGroups images(params, plan->spec.batch);
        Run run{.plan = plan,
                .tensors = tensors,
                .images = &images,
                .tasks = Tasks(images.count() * plan->choice.blocking.tasks)};
        if (hooks.parallel_for(hooks.user, hooks.concurrency, work, &run) != 0) {
            status = message.fail(TCONV_INTERNAL, "kernel %s or hooks.parallel_for failed", plan->choice.kernel->name);
        }
    }
    if (status != TCONV_OK)
        hooks.log(hooks.user, status, text);
    return status;
}
