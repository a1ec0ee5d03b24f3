#include "cuda_plan.h"

#include "plan.h"
#include "spec.h"
#include "structs.h"
#include "tconv/tconv_cuda.h"
#include "views.h"

using namespace tconv;

namespace {

// The calls that a plan makes: of aligned views and of others.
int every_call(const DeviceLayer &layer, const DeviceAccess &access) {
    const tconv_spec &spec = layer.spec;
    char *const somewhere = reinterpret_cast<char *>(uintptr_t{kDeviceAlignment});  // never dereferenced
    tconv_view filter;
    tconv_view_filter(&spec, TCONV_IOHW, somewhere, &filter);
    int result = pack_on_device(layer, access, filter, somewhere);
    for (const int32_t layout : {spec.layout, static_cast<int32_t>(TCONV_NCHW)}) {
        tconv_tensors t = {};
        tconv_view_input(&spec, layout, somewhere, &t.input);
        tconv_view_output(&spec, layout, somewhere, &t.output);
        // Off by an element, so that no kernel of vectors is taken the second time.
        if (layout != spec.layout || layer.kernel->form != Form::vectors)
            t.output.data = somewhere + dtype_bytes(spec.dtype);
        t.residual = t.output;
        t.packed_filter = t.bias = t.act_slope = t.workspace = somewhere;
        if (result == 0)
            result = run_on_device(layer, access, t);
    }
    return result;
}

tconv_status fill(tconv_cuda_plan &plan, const tconv_spec &spec, const char *kernel, const tconv_cuda_target *target,
                  Message &message) {
    CudaPlace &place = plan.place;
    CuDevice device = 0;
    tconv_status status = open_place(target, &place, &device, message);
    char reasons[4096];
    Message why(reasons, place.hooks.verbose ? sizeof reasons : 0);
    if (status == TCONV_OK)
        status = plan_device_layer(spec, Direction::output, kernel, place.traits, &plan.layer, why, message);
    if (status == TCONV_OK)
        status = hold_context(device, &place, message);
    if (status == TCONV_OK) {
        status = load_functions(place, message,
                                [&](const DeviceAccess &access) { return every_call(plan.layer, access); });
    }
    if (status == TCONV_OK && place.hooks.verbose) {
        char text[4608];
        Message line(text, sizeof text);
        line.append("kernel     %s on a device of capability %d.%d\ncandidates\n%s", plan.layer.kernel->name,
                    place.arch / 10, place.arch % 10, reasons);
        place.hooks.log(place.hooks.user, TCONV_OK, text);
    }
    return status;
}

tconv_status create(const tconv_spec *spec, const char *kernel, const tconv_cuda_target *target, const Hooks &hooks,
                    tconv_cuda_plan **plan, Message &message) {
    tconv_status status = check_target(target, message);
    if (status == TCONV_OK)
        status = validate(spec, message);  // what is wrong with a layer is said on machines without a driver too
    if (status != TCONV_OK)
        return status;
    return make_cuda_plan(hooks, plan, message, [&](tconv_cuda_plan &made, Message &said) {
        return fill(made, *spec, kernel, target, said);
    });
}

}  // namespace

void tconv_cuda_target_init(tconv_cuda_target *target, size_t struct_size) {
    fill_struct(target, tconv_cuda_target{}, struct_size);
}

tconv_status tconv_cuda_device_count(int32_t *count) {
    if (count == nullptr)
        return TCONV_INVALID_ARGUMENT;
    Message ignored(nullptr, 0);
    tconv_status status;
    const Driver *const found = driver(&status, ignored);
    if (found == nullptr)
        return status;
    int devices = 0;
    status = driver_status(*found, found->device_get_count(&devices), "", ignored);
    if (status == TCONV_NO_DEVICE)
        status = TCONV_OK, devices = 0;
    if (status == TCONV_OK)
        *count = devices;
    return status;
}

tconv_status tconv_cuda_plan_create(const tconv_spec *spec, const char *kernel, const tconv_cuda_target *target,
                                    const tconv_hooks *hooks, tconv_cuda_plan **plan) {
    char text[640];
    Message message(text, sizeof text);
    Hooks resolved;
    tconv_status status = check_plan_arguments(spec, hooks, plan, &resolved, message);
    if (status == TCONV_OK)
        status = create(spec, kernel, target, resolved, plan, message);
    return told(resolved, status, text);
}

void tconv_cuda_plan_destroy(tconv_cuda_plan *plan) {
    destroy_cuda_plan(plan);
}

tconv_status tconv_cuda_plan_requirements(const tconv_cuda_plan *plan, tconv_requirements *requirements) {
    if (plan == nullptr || requirements == nullptr)
        return TCONV_INVALID_ARGUMENT;
    if (!struct_size_known<tconv_requirements>(requirements->struct_size))
        return TCONV_INVALID_STRUCT;
    tconv_requirements filled = requirements_of(plan->layer.spec, kDeviceAlignment);
    filled.packed_filter_bytes = static_cast<size_t>(plan->layer.packed_bytes);
    filled.workspace_bytes = static_cast<size_t>(plan->layer.workspace_bytes);
    fill_struct(requirements, filled, requirements->struct_size);
    return TCONV_OK;
}

const char *tconv_cuda_plan_kernel(const tconv_cuda_plan *plan) {
    return plan == nullptr ? nullptr : plan->layer.kernel->name;
}

tconv_status tconv_cuda_plan_explain(const tconv_cuda_plan *plan, char *text, size_t capacity) {
    if (plan == nullptr || text == nullptr || capacity == 0)
        return TCONV_INVALID_ARGUMENT;
    Message message(text, capacity), ignored(nullptr, 0);
    message.append("kernel     %s\nfilter     packed %lld bytes\nworkspace  %lld bytes\ncandidates\n",
                   plan->layer.kernel->name, static_cast<long long>(plan->layer.packed_bytes),
                   static_cast<long long>(plan->layer.workspace_bytes));
    DeviceLayer again;
    return plan_device_layer(plan->layer.spec, Direction::output, nullptr, plan->place.traits, &again, message, ignored);
}

int32_t tconv_cuda_kernel_count(void) {
    return static_cast<int32_t>(device_kernels().size());
}

const char *tconv_cuda_kernel_name(int32_t index) {
    return index < 0 || index >= tconv_cuda_kernel_count() ? nullptr : device_kernels()[static_cast<size_t>(index)].name;
}

tconv_status tconv_cuda_pack_filter(const tconv_cuda_plan *plan, const tconv_view *filter, void *packed, size_t packed_bytes,
                                    void *stream) {
    if (plan == nullptr)
        return TCONV_INVALID_ARGUMENT;
    char text[320];
    Message message(text, sizeof text);
    tconv_status status = check_device_pack(plan->layer, filter, packed, packed_bytes, message);
    if (status == TCONV_OK) {
        status = launch(plan->place, stream, message,
                        [&](const DeviceAccess &access) { pack_on_device(plan->layer, access, *filter, packed); });
    }
    return told(plan->place.hooks, status, text);
}

tconv_status tconv_cuda_run(const tconv_cuda_plan *plan, const tconv_tensors *tensors, void *stream) {
    if (plan == nullptr)
        return TCONV_INVALID_ARGUMENT;
    char text[320];
    Message message(text, sizeof text);
    tconv_status status = check_device_run(plan->layer, tensors, message);
    if (status == TCONV_OK && plan->layer.spec.batch > 0) {
        status = launch(plan->place, stream, message,
                        [&](const DeviceAccess &access) { run_on_device(plan->layer, access, *tensors); });
    }
    return told(plan->place.hooks, status, text);
}
