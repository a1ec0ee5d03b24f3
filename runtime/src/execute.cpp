// Runs: checks first, then tasks. Nothing is written before every check has passed.
#include "bind.h"
#include "geometry.h"
#include "image_groups.h"
#include "pack.h"
#include "plan.h"
#include "structs.h"
#include "tasks.h"
#include "tensor_checks.h"
#include "views.h"

namespace {

using namespace tconv;

struct Run {
    const tconv_plan *plan;
    const tconv_tensors *tensors;
    const ImageGroups *images;
    Tasks tasks;  // of all images
};

// One of the workers: takes tasks until none is left, on a slot of the workspace that is its own.
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

tconv_status check(const tconv_plan &plan, const tconv_tensors &tensors, Message &message) {
    const Needs needs = {static_cast<size_t>(plan.packed_bytes), static_cast<size_t>(workspace_bytes_of(plan)), kAlignment};
    tconv_status status = check_tensors(plan.spec, needs, tensors, message);
    if (status == TCONV_OK)
        status = check_packed(packed_form(plan), tensors.packed_filter, message);
    if (status == TCONV_OK)
        status = check_overlaps(plan.spec, needs, tensors, message);
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
        const int64_t tasks = images.count() * plan->choice.blocking.tasks;
        Run run{.plan = plan, .tensors = tensors, .images = &images, .tasks = Tasks(tasks)};
        if (hooks.parallel_for(hooks.user, workers_for(tasks, hooks.concurrency), work, &run) != 0) {
            status = message.fail(TCONV_INTERNAL, "kernel %s or hooks.parallel_for failed", plan->choice.kernel->name);
        }
    }
    if (status != TCONV_OK)
        hooks.log(hooks.user, status, text);
    return status;
}
