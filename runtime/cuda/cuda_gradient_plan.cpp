#include "tconv/tconv_cuda_gradients.h"

#include "cuda_place.h"
#include "device_gradient.h"
#include "gradient_checks.h"
#include "plan.h"
#include "structs.h"

struct tconv_cuda_gradient_plan {
    tconv::DeviceGradient gradient;
    tconv::CudaPlace place;
};

namespace {

using namespace tconv;

// The calls that a plan makes: of aligned views and of others.
int every_call(const DeviceGradient &gradient, const DeviceAccess &access) {
    const tconv_spec &spec = gradient.spec;
    char *const somewhere = reinterpret_cast<char *>(uintptr_t{kDeviceAlignment});  // never dereferenced
    tconv_view filter;
    tconv_view_filter(&spec, TCONV_IOHW, somewhere, &filter);
    int result = 0;
    if (gradient.which == TCONV_GRADIENT_INPUT)
        result = pack_on_device(gradient.layer, access, filter, somewhere);
    for (const bool aligned : {true, false}) {
        tconv_gradient_tensors t = {};
        tconv_view_input(&spec, spec.layout, somewhere, &t.input);
        tconv_view_output(&spec, spec.layout, somewhere, &t.output_gradient);
        if (!aligned)
            t.output_gradient.data = somewhere + dtype_bytes(spec.dtype);
        t.input_gradient = t.input;
        t.filter_gradient = filter;
        t.bias_gradient = t.workspace = somewhere;
        t.packed_filter = somewhere;
        if (result == 0)
            result = run_gradient_on_device(gradient, access, t);
    }
    return result;
}

tconv_status fill(tconv_cuda_gradient_plan &plan, const tconv_spec &spec, int32_t which, const char *kernel,
                  const tconv_cuda_target *target, Message &message) {
    CudaPlace &place = plan.place;
    CuDevice device = 0;
    tconv_status status = open_place(target, &place, &device, message);
    Message why(nullptr, 0);
    if (status == TCONV_OK)
        status = plan_device_gradient(spec, which, kernel, place.traits, &plan.gradient, why, message);
    if (status == TCONV_OK)
        status = hold_context(device, &place, message);
    if (status == TCONV_OK) {
        status = load_functions(place, message,
                                [&](const DeviceAccess &access) { return every_call(plan.gradient, access); });
    }
    return status;
}

tconv_status create(const tconv_spec *spec, int32_t which, const char *kernel, const tconv_cuda_target *target,
                    const Hooks &hooks, tconv_cuda_gradient_plan **plan, Message &message) {
    tconv_status status = check_target(target, message);
    if (status == TCONV_OK)
        status = check_gradient_spec(spec, which, message);
    if (status != TCONV_OK)
        return status;
    return make_cuda_plan(hooks, plan, message, [&](tconv_cuda_gradient_plan &made, Message &said) {
        return fill(made, *spec, which, kernel, target, said);
    });
}

}  // namespace

tconv_status tconv_cuda_gradient_plan_create(const tconv_spec *spec, int32_t which, const char *kernel,
                                             const tconv_cuda_target *target, const tconv_hooks *hooks,
                                             tconv_cuda_gradient_plan **plan) {
    char text[640];
    Message message(text, sizeof text);
    Hooks resolved;
    tconv_status status = check_plan_arguments(spec, hooks, plan, &resolved, message);
    if (status == TCONV_OK)
        status = create(spec, which, kernel, target, resolved, plan, message);
    return told(resolved, status, text);
}

void tconv_cuda_gradient_plan_destroy(tconv_cuda_gradient_plan *plan) {
    destroy_cuda_plan(plan);
}

const char *tconv_cuda_gradient_plan_kernel(const tconv_cuda_gradient_plan *plan) {
    return plan == nullptr ? nullptr : plan->gradient.name();
}

tconv_status tconv_cuda_gradient_plan_requirements(const tconv_cuda_gradient_plan *plan, tconv_requirements *requirements) {
    if (plan == nullptr || requirements == nullptr)
        return TCONV_INVALID_ARGUMENT;
    if (!struct_size_known<tconv_requirements>(requirements->struct_size))
        return TCONV_INVALID_STRUCT;
    const tconv_spec &spec = plan->gradient.spec;
    tconv_requirements filled = requirements_of(spec, kDeviceAlignment);
    filled.bias_bytes = static_cast<size_t>(spec.out_channels * dtype_bytes(spec.dtype));
    filled.packed_filter_bytes = static_cast<size_t>(plan->gradient.packed_bytes());
    filled.workspace_bytes = static_cast<size_t>(plan->gradient.workspace_bytes);
    fill_struct(requirements, filled, requirements->struct_size);
    return TCONV_OK;
}

tconv_status tconv_cuda_gradient_pack_filter(const tconv_cuda_gradient_plan *plan, const tconv_view *filter, void *packed,
                                             size_t packed_bytes, void *stream) {
    if (plan == nullptr)
        return TCONV_INVALID_ARGUMENT;
    char text[320];
    Message message(text, sizeof text);
    const DeviceGradient &gradient = plan->gradient;
    tconv_status status =
        gradient.which == TCONV_GRADIENT_INPUT
            ? check_device_pack(gradient.layer, filter, packed, packed_bytes, message)
            : message.fail(TCONV_INVALID_ARGUMENT, "which = %d; only plans for INPUT (0) take a filter", gradient.which);
    if (status == TCONV_OK) {
        status = launch(plan->place, stream, message,
                        [&](const DeviceAccess &access) { pack_on_device(gradient.layer, access, *filter, packed); });
    }
    return told(plan->place.hooks, status, text);
}

tconv_status tconv_cuda_gradient_run(const tconv_cuda_gradient_plan *plan, const tconv_gradient_tensors *tensors,
                                     void *stream) {
    if (plan == nullptr)
        return TCONV_INVALID_ARGUMENT;
    char text[320];
    Message message(text, sizeof text);
    const DeviceGradient &gradient = plan->gradient;
    tconv_status status = check_device_gradient_run(gradient, tensors, message);
    if (status == TCONV_OK && (gradient.spec.batch > 0 || gradient.which != TCONV_GRADIENT_INPUT)) {
        status = launch(plan->place, stream, message,
                        [&](const DeviceAccess &access) { run_gradient_on_device(gradient, access, *tensors); });
    }
    return told(plan->place.hooks, status, text);
}
