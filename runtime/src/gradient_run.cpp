// Runs of gradients: checks first, then tasks, as in execute.cpp.
#include <algorithm>
#include <cstring>

#include "bind.h"
#include "geometry.h"
#include "gradient_checks.h"
#include "gradient_plan.h"
#include "image_groups.h"
#include "structs.h"
#include "tasks.h"
#include "views.h"

namespace {

using namespace tconv;

struct Run {
    const tconv_gradient_plan *plan;
    const tconv_gradient_tensors *tensors;
    const LayerParams *params;
    const ImageGroups *images;
    Tasks tasks;
};

int input_gradient_worker(void *argument, int32_t slot) {
    Run &run = *static_cast<Run *>(argument);
    const tconv_gradient_plan &plan = *run.plan;
    const tconv_gradient_tensors &tensors = *run.tensors;
    const int64_t element = dtype_bytes(plan.spec.dtype);
    const int32_t tasks = plan.choice.blocking.tasks;
    void *scratch = static_cast<char *>(tensors.workspace) + slot * plan.slot_bytes;
    return run.tasks.take([&](int64_t i) {
        const int64_t group = i / tasks, image = run.images->first_image(group);
        return plan.choice.kernel->input_gradient(
            run.images->params_of(group), static_cast<int32_t>(i % tasks),
            image_of(tensors.output_gradient, image, element), packed_numbers(tensors.packed_filter), nullptr, nullptr,
            nullptr, image_of(tensors.input_gradient, image, element), scratch);
    });
}

// Stores lane block i of the filter (or the bias), counted over all units, from the partial sums of its unit.
int unpack_lane_block(const Run &run, int64_t i, const void *unit_sums) {
    const tconv_gradient_tensors &tensors = *run.tensors;
    void *to = run.plan->which == TCONV_GRADIENT_FILTER ? tensors.filter_gradient.data : tensors.bias_gradient;
    return run.plan->sums.kernel->unpack(reinterpret_cast<const int32_t *>(run.params), static_cast<int32_t>(i),
                                         unit_sums, nullptr, nullptr, nullptr, nullptr, to, nullptr);
}

// Adds block `item` of a split to the sums of a unit.
int add_block(const Run &run, int64_t item, int32_t unit, bool first, void *partial, void *scratch) {
    const tconv_gradient_plan &plan = *run.plan;
    const tconv_gradient_tensors &tensors = *run.tensors;
    const FilterGradient &sums = plan.sums;
    const int64_t element = dtype_bytes(plan.spec.dtype), begin = item / sums.blocks * sums.images;
    const int32_t block = static_cast<int32_t>(item % sums.blocks);
    const int32_t images = static_cast<int32_t>(std::min<int64_t>(sums.images, plan.spec.batch - begin));
    LayerParams params = *run.params;
    params.first = first;
    for (params.image = 0; params.image < images; params.image++) {
        params.images = params.image == images - 1 ? images : 0;
        const auto *numbers = reinterpret_cast<const int32_t *>(&params);
        const void *gradient = image_of(tensors.output_gradient, begin + params.image, element);
        const int result = plan.which == TCONV_GRADIENT_FILTER
                               ? sums.kernel->filter_gradient(numbers, block * sums.units + unit,
                                                              image_of(tensors.input, begin + params.image, element),
                                                              gradient, nullptr, nullptr, nullptr, partial, scratch)
                               : sums.kernel->bias_gradient(numbers, block, gradient, nullptr, nullptr, nullptr,
                                                            nullptr, partial, scratch);
        if (result != 0)
            return result;
    }
    return 0;
}

// Of the gradient of the filter or bias: workers take tasks of one split and unit, which add up all blocks of the split.
int partial_sums_worker(void *argument, int32_t slot) {
    Run &run = *static_cast<Run *>(argument);
    const tconv_gradient_plan &plan = *run.plan;
    const FilterGradient &sums = plan.sums;
    const int64_t items = (plan.spec.batch + sums.images - 1) / sums.images * int64_t{sums.blocks};
    char *workspace = static_cast<char *>(run.tensors->workspace);
    char *scratch = workspace + partials_bytes_of(plan) + slot * plan.slot_bytes;
    return run.tasks.take([&](int64_t i) {
        const int64_t split = i / sums.units, begin = items * split / sums.splits,
                      end = items * (split + 1) / sums.splits;
        const int32_t unit = static_cast<int32_t>(i % sums.units);
        char *partial = sums.splits == 1 ? scratch + aligned(sums.scratch_bytes) : workspace + i * sums.unit_bytes;
        if (begin == end || plan.which == TCONV_GRADIENT_BIAS)
            std::memset(partial, 0, static_cast<size_t>(sums.unit_bytes));
        for (int64_t item = begin; item < end; item++) {
            if (const int result = add_block(run, item, unit, item == begin, partial, scratch); result != 0)
                return result;
        }
        const int64_t blocks = sums.splits == 1 ? sums.params.unit_blocks : 0;
        for (int64_t block = 0; block < blocks; block++) {
            if (const int result = unpack_lane_block(run, unit * blocks + block, partial); result != 0)
                return result;
        }
        return 0;
    });
}

// Adds the splits, in order, a lane block of a unit a task.
int unpack_worker(void *argument, int32_t) {
    Run &run = *static_cast<Run *>(argument);
    const FilterGradient &sums = run.plan->sums;
    const char *partials = static_cast<const char *>(run.tensors->workspace);
    return run.tasks.take(
        [&](int64_t i) { return unpack_lane_block(run, i, partials + i / sums.params.unit_blocks * sums.unit_bytes); });
}

tconv_status check(const tconv_gradient_plan &plan, const tconv_gradient_tensors &tensors, Message &message) {
    const Needs needs = {static_cast<size_t>(plan.packed_bytes), static_cast<size_t>(workspace_bytes_of(plan)), kAlignment};
    tconv_status status = check_gradient_tensors(plan.spec, plan.which, needs, tensors, message);
    if (status == TCONV_OK && plan.which == TCONV_GRADIENT_INPUT)
        status = check_packed(packed_form(plan), tensors.packed_filter, message);
    return status == TCONV_OK ? check_gradient_overlaps(plan.spec, plan.which, needs, tensors, message) : status;
}

// Runs `worker` on `count` tasks; its parameters are those of `run`.
bool runs(const tconv_gradient_plan &plan, const tconv_gradient_tensors &tensors, const LayerParams &params,
          const ImageGroups *images, int64_t count, int (*worker)(void *, int32_t)) {
    Run run{.plan = &plan, .tensors = &tensors, .params = &params, .images = images, .tasks = Tasks(count)};
    const Hooks &hooks = plan.hooks;
    return hooks.parallel_for(hooks.user, workers_for(count, hooks.concurrency), worker, &run) == 0;
}

bool execute(const tconv_gradient_plan &plan, const tconv_gradient_tensors &tensors) {
    if (plan.which == TCONV_GRADIENT_INPUT) {
        const LayerParams params =
            bind_input_gradient(plan.spec, plan.choice, tensors.output_gradient, tensors.input_gradient);
        const ImageGroups images(params, plan.spec.batch);
        return runs(plan, tensors, params, &images, images.count() * plan.choice.blocking.tasks, input_gradient_worker);
    }
    const FilterGradient &sums = plan.sums;
    const LayerParams params = plan.which == TCONV_GRADIENT_FILTER
                                   ? bind_filter_gradient(plan.spec, sums.params, tensors.input,
                                                          tensors.output_gradient, tensors.filter_gradient)
                                   : bind_bias_gradient(plan.spec, sums.params, tensors.output_gradient);
    return runs(plan, tensors, params, nullptr, int64_t{sums.splits} * sums.units, partial_sums_worker) &&
           (sums.splits == 1 ||
            runs(plan, tensors, params, nullptr, int64_t{sums.units} * params.unit_blocks, unpack_worker));
}

}  // namespace

tconv_status tconv_gradient_run(const tconv_gradient_plan *plan, const tconv_gradient_tensors *tensors) {
    if (plan == nullptr)
        return TCONV_INVALID_ARGUMENT;
    const Hooks &hooks = plan->hooks;
    char text[320];
    Message message(text, sizeof text);
    tconv_status status = TCONV_OK;
    if (tensors == nullptr) {
        status = message.fail(TCONV_INVALID_ARGUMENT, "tensors is NULL");
    } else if (!struct_size_known<tconv_gradient_tensors>(tensors->struct_size)) {
        status = message.fail(TCONV_INVALID_STRUCT, "tensors.struct_size = %zu; this library knows %zu",
                              tensors->struct_size, sizeof(tconv_gradient_tensors));
    } else if (plan->spec.batch == 0 && plan->which == TCONV_GRADIENT_INPUT) {
        return TCONV_OK;
    } else {
        status = check(*plan, *tensors, message);
    }
    if (status == TCONV_OK && !execute(*plan, *tensors))
        status = message.fail(TCONV_INTERNAL, "kernel %s or hooks.parallel_for failed", kernel_of(*plan).name);
    if (status != TCONV_OK)
        hooks.log(hooks.user, status, text);
    return status;
}
