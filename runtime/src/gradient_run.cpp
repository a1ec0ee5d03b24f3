// Runs of gradients: checks first, then tasks, as in execute.cpp.
#include <atomic>

#include "bind.h"
#include "geometry.h"
#include "gradient_plan.h"
#include "structs.h"
#include "views.h"

namespace {

using namespace tconv;

struct Run {
    const tconv_gradient_plan *plan;
    const tconv_gradient_tensors *tensors;
    const LayerParams *params;
    std::atomic<int64_t> next{0};
    int64_t count;  // tasks of all images
};

// An image's address within a view, computed in bytes so that batches may span more than 2^31 elements.
char *image_of(const tconv_view &view, int64_t image, int64_t element) {
    return static_cast<char *>(view.data) + image * view.stride[0] * element;
}

int input_gradient_worker(void *argument, int32_t slot) {
    Run &run = *static_cast<Run *>(argument);
    const tconv_gradient_plan &plan = *run.plan;
    const tconv_gradient_tensors &tensors = *run.tensors;
    const int64_t element = dtype_bytes(plan.spec.dtype);
    const int32_t tasks = plan.choice.blocking.tasks;
    void *scratch = static_cast<char *>(tensors.workspace) + slot * plan.slot_bytes;
    for (int64_t i = run.next.fetch_add(1, std::memory_order_relaxed); i < run.count;
         i = run.next.fetch_add(1, std::memory_order_relaxed)) {
        const int64_t image = i / tasks;
        const int result = plan.choice.kernel->input_gradient(
            reinterpret_cast<const int32_t *>(run.params), static_cast<int32_t>(i % tasks),
            image_of(tensors.output_gradient, image, element), packed_numbers(tensors.packed_filter), nullptr, nullptr,
            nullptr, image_of(tensors.input_gradient, image, element), scratch);
        if (result != 0)
            return result;
    }
    return 0;
}

// What each gradient reads and writes, by the names of the C ABI.
struct Tensor {
    const char *name;
    const tconv_view *view;
    Extents extents;
};

tconv_status check_memory(const char *name, const void *data, size_t alignment, Message &message) {
    if (data == nullptr)
        return message.fail(TCONV_INVALID_ARGUMENT, "%s = NULL", name);
    if (reinterpret_cast<uintptr_t>(data) % alignment != 0) {
        return message.fail(TCONV_MISALIGNED, "%s = %p; it must be aligned to %zu bytes", name, data, alignment);
    }
    return TCONV_OK;
}

tconv_status check(const tconv_gradient_plan &plan, const tconv_gradient_tensors &tensors, Message &message) {
    const tconv_spec &spec = plan.spec;
    const int64_t element = dtype_bytes(spec.dtype);
    const Extents input = input_extents(spec), output = output_extents(spec);
    tconv_status status =
        check_tensor(tensors.output_gradient, output, element, Access::kRead, "output_gradient", message);
    if (status == TCONV_OK)
        status = check_tensor(tensors.input_gradient, input, element, Access::kWrite, "input_gradient", message);
    if (status == TCONV_OK)
        status = check_memory("workspace", tensors.workspace, kAlignment, message);
    if (status == TCONV_OK)
        status = check_memory("packed_filter", tensors.packed_filter, kAlignment, message);
    const size_t needed = static_cast<size_t>(workspace_bytes_of(plan));
    if (status == TCONV_OK && tensors.workspace_bytes < needed) {
        status = message.fail(TCONV_WORKSPACE_TOO_SMALL, "workspace_bytes = %zu; this plan needs %zu",
                              tensors.workspace_bytes, needed);
    }
    if (status == TCONV_OK)
        status = check_packed(packed_form(plan), tensors.packed_filter, message);
    if (status != TCONV_OK)
        return status;
    const ByteRange workspace = range_of(tensors.workspace, needed);
    const ByteRange packed = range_of(tensors.packed_filter, static_cast<size_t>(plan.packed_bytes));
    const ByteRange written = range_of(tensors.input_gradient, input, element);
    auto fail = [&](const char *what) { return message.fail(TCONV_INVALID_ARGUMENT, "%s", what); };
    if (overlap(tensors.input_gradient, input, tensors.output_gradient, output, element))
        return fail("input_gradient overlaps output_gradient");
    if (overlap(written, workspace))
        return fail("input_gradient overlaps workspace");
    if (overlap(written, packed))
        return fail("input_gradient overlaps packed_filter");
    if (overlap(range_of(tensors.output_gradient, output, element), workspace))
        return fail("workspace overlaps output_gradient");
    if (overlap(packed, workspace))
        return fail("workspace overlaps packed_filter");
    return TCONV_OK;
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
    } else if (plan->spec.batch == 0) {
        return TCONV_OK;
    } else {
        status = check(*plan, *tensors, message);
    }
    if (status == TCONV_OK) {
        const LayerParams params =
            bind_input_gradient(plan->spec, plan->choice, tensors->output_gradient, tensors->input_gradient);
        Run run{.plan = plan,
                .tensors = tensors,
                .params = &params,
                .count = static_cast<int64_t>(plan->spec.batch) * plan->choice.blocking.tasks};
        if (hooks.parallel_for(hooks.user, hooks.concurrency, input_gradient_worker, &run) != 0)
            status = message.fail(TCONV_INTERNAL, "kernel %s or hooks.parallel_for failed", plan->choice.kernel->name);
    }
    if (status != TCONV_OK)
        hooks.log(hooks.user, status, text);
    return status;
}
