#include "cuda_plan.h"

#include "plan.h"
#include "structs.h"
#include "tconv/tconv_cuda.h"
#include "views.h"

using namespace tconv;

namespace {

constexpr int kMultiprocessors = 16;  // CUdevice_attribute
constexpr CuDevice kNone = -1;

int bind_device(void *, halide_buffer_t *buffer, const void *address, bool) {
    buffer->device = reinterpret_cast<uintptr_t>(address);
    return 0;
}

int nothing_to_do(void *, halide_buffer_t *) {
    return 0;
}

DeviceAccess access_of(CudaCall &call) {
    return {&call, bind_device, nothing_to_do};
}

// The plan's context, current for as long as this lives.
class Current {
public:
    Current(const tconv_cuda_plan &plan, Message &message) : driver_(*plan.driver) {
        status_ = driver_status(driver_, driver_.context_push(plan.context), "entering the context (cuCtxPushCurrent)",
                                message);
    }
    ~Current() {
        CuContext popped;
        if (status_ == TCONV_OK)
            driver_.context_pop(&popped);
    }
    Current(const Current &) = delete;
    Current &operator=(const Current &) = delete;
    tconv_status status() const { return status_; }

private:
    const Driver &driver_;
    tconv_status status_;
};

tconv_status find_context(tconv_cuda_plan &plan, const tconv_cuda_target &target, CuDevice *device, Message &message) {
    const Driver &driver = *plan.driver;
    if (target.context != nullptr) {
        plan.context = static_cast<CuContext>(target.context);
        Current current(plan, message);
        if (current.status() != TCONV_OK)
            return current.status();
        return driver_status(driver, driver.context_get_device(device), "asking for the device (cuCtxGetDevice)", message);
    }
    int count = 0;
    if (tconv_status status = driver_status(driver, driver.device_get_count(&count), "counting devices (cuDeviceGetCount)",
                                            message);
        status != TCONV_OK)
        return status;
    if (target.device < 0 || target.device >= count)
        return message.fail(TCONV_NO_DEVICE, "target.device = %d; the driver has %d", target.device, count);
    return driver_status(driver, driver.device_get(device, target.device), "asking for the device (cuDeviceGet)", message);
}

tconv_status check_device(tconv_cuda_plan &plan, CuDevice device, Message &message) {
    if (tconv_status status = device_arch(*plan.driver, device, &plan.arch, message); status != TCONV_OK)
        return status;
    const CuResult result = plan.driver->device_get_attribute(&plan.traits.processors, kMultiprocessors, device);
    return driver_status(*plan.driver, result, "counting multiprocessors (cuDeviceGetAttribute)", message);
}

// Loads what the plan's calls launch, by making them without launching: of aligned views and of others.
tconv_status prepare(tconv_cuda_plan &plan, Message &message) {
    CudaCall call = {&plan, &plan, nullptr, &message, TCONV_OK};
    const DeviceAccess access = access_of(call);
    const tconv_spec &spec = plan.layer.spec;
    char *const somewhere = reinterpret_cast<char *>(uintptr_t{kDeviceAlignment});  // never dereferenced
    tconv_view filter;
    tconv_view_filter(&spec, TCONV_IOHW, somewhere, &filter);
    int result = pack_on_device(plan.layer, access, filter, somewhere);
    for (const int32_t layout : {spec.layout, static_cast<int32_t>(TCONV_NCHW)}) {
        tconv_tensors t = {};
        tconv_view_input(&spec, layout, somewhere, &t.input);
        tconv_view_output(&spec, layout, somewhere, &t.output);
        // Off by an element, so that no kernel of vectors is taken the second time.
        if (layout != spec.layout || plan.layer.kernel->form != Form::vectors)
            t.output.data = somewhere + dtype_bytes(spec.dtype);
        t.residual = t.output;
        t.packed_filter = t.bias = t.act_slope = t.workspace = somewhere;
        if (result == 0)
            result = run_on_device(plan.layer, access, t);
    }
    return result != 0 && call.status == TCONV_OK ? message.fail(TCONV_INTERNAL, "kernels cannot be prepared") : call.status;
}

void take_apart(tconv_cuda_plan *plan) {
    for (int i = 0; i < plan->function_count; i++)
        release_module(*plan->driver, plan->functions[i].module);
    if (plan->retained != kNone)
        plan->driver->primary_context_release(plan->retained);
    const Hooks hooks = plan->hooks;
    hooks.release(hooks.user, plan);
}

tconv_status fill(tconv_cuda_plan &plan, const tconv_spec &spec, const char *kernel, const tconv_cuda_target &target,
                  Message &message) {
    tconv_status status = TCONV_OK;
    plan.driver = driver(&status, message);
    CuDevice device = 0;
    if (status == TCONV_OK)
        status = find_context(plan, target, &device, message);
    if (status == TCONV_OK)
        status = check_device(plan, device, message);
    char reasons[4096];
    Message why(reasons, plan.hooks.verbose ? sizeof reasons : 0);
    if (status == TCONV_OK)
        status = plan_device_layer(spec, kernel, plan.traits, &plan.layer, why, message);
    if (status == TCONV_OK && target.context == nullptr) {
        status = driver_status(*plan.driver, plan.driver->primary_context_retain(&plan.context, device),
                               "retaining the primary context (cuDevicePrimaryCtxRetain)", message);
        if (status == TCONV_OK)
            plan.retained = device;
    }
    if (status == TCONV_OK) {
        Current current(plan, message);
        status = current.status() != TCONV_OK ? current.status() : prepare(plan, message);
    }
    if (status == TCONV_OK && plan.hooks.verbose) {
        char text[4608];
        Message line(text, sizeof text);
        line.append("kernel     %s on a device of capability %d.%d\ncandidates\n%s", plan.layer.kernel->name, plan.arch / 10,
                    plan.arch % 10, reasons);
        plan.hooks.log(plan.hooks.user, TCONV_OK, text);
    }
    return status;
}

tconv_status create(const tconv_spec *spec, const char *kernel, const tconv_cuda_target *target, const Hooks &hooks,
                    tconv_cuda_plan **plan, Message &message) {
    if (spec == nullptr || plan == nullptr)
        return message.fail(TCONV_INVALID_ARGUMENT, "%s is NULL", spec == nullptr ? "spec" : "plan");
    tconv_cuda_target wanted;
    tconv_cuda_target_init(&wanted, sizeof wanted);
    if (target != nullptr) {
        if (!struct_size_known<tconv_cuda_target>(target->struct_size)) {
            return message.fail(TCONV_INVALID_STRUCT, "target.struct_size is %zu; this library knows %zu",
                                target->struct_size, sizeof wanted);
        }
        wanted = *target;
    }
    // What is wrong with a layer is said on machines without a driver too.
    if (tconv_status status = tconv_spec_validate(spec, nullptr, 0); status != TCONV_OK) {
        char text[512];
        tconv_spec_validate(spec, text, sizeof text);
        return message.fail(status, "%s", text);
    }
    auto *made = static_cast<tconv_cuda_plan *>(hooks.allocate(hooks.user, alignof(tconv_cuda_plan), sizeof(tconv_cuda_plan)));
    if (made == nullptr) {
        return message.fail(TCONV_OUT_OF_MEMORY, "hooks.allocate returned NULL for the plan (%zu bytes)",
                            sizeof(tconv_cuda_plan));
    }
    *made = {};
    made->hooks = hooks;
    made->retained = kNone;
    if (tconv_status status = fill(*made, *spec, kernel, wanted, message); status != TCONV_OK) {
        take_apart(made);
        return status;
    }
    *plan = made;
    return TCONV_OK;
}

tconv_status told(const Hooks &hooks, tconv_status status, const char *text) {
    if (status != TCONV_OK)
        hooks.log(hooks.user, status, text);
    return status;
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
    tconv_status status = resolve_hooks(hooks, &resolved, message);
    if (status == TCONV_OK)
        status = create(spec, kernel, target, resolved, plan, message);
    return told(resolved, status, text);
}

void tconv_cuda_plan_destroy(tconv_cuda_plan *plan) {
    if (plan != nullptr)
        take_apart(plan);
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
    return plan_device_layer(plan->layer.spec, nullptr, plan->traits, &again, message, ignored);
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
        Current current(*plan, message);
        CudaCall call = {nullptr, plan, static_cast<CuStream>(stream), &message, current.status()};
        if (call.status == TCONV_OK)
            pack_on_device(plan->layer, access_of(call), *filter, packed);
        status = call.status;
    }
    return told(plan->hooks, status, text);
}

tconv_status tconv_cuda_run(const tconv_cuda_plan *plan, const tconv_tensors *tensors, void *stream) {
    if (plan == nullptr)
        return TCONV_INVALID_ARGUMENT;
    char text[320];
    Message message(text, sizeof text);
    tconv_status status = check_device_run(plan->layer, tensors, message);
    if (status == TCONV_OK && plan->layer.spec.batch > 0) {
        Current current(*plan, message);
        CudaCall call = {nullptr, plan, static_cast<CuStream>(stream), &message, current.status()};
        if (call.status == TCONV_OK)
            run_on_device(plan->layer, access_of(call), *tensors);
        status = call.status;
    }
    return told(plan->hooks, status, text);
}
