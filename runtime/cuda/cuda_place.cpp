#include "cuda_place.h"

#include "structs.h"

namespace tconv {
namespace {

constexpr int kMultiprocessors = 16;  // CUdevice_attribute

int bind_device(void *, halide_buffer_t *buffer, const void *address, bool) {
    buffer->device = reinterpret_cast<uintptr_t>(address);
    return 0;
}

int nothing_to_do(void *, halide_buffer_t *) {
    return 0;
}

tconv_status find_context(CudaPlace &place, const tconv_cuda_target &target, CuDevice *device, Message &message) {
    const Driver &driver = *place.driver;
    if (target.context != nullptr) {
        place.context = static_cast<CuContext>(target.context);
        Current current(place, message);
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

tconv_status check_device(CudaPlace &place, CuDevice device, Message &message) {
    if (tconv_status status = device_arch(*place.driver, device, &place.arch, message); status != TCONV_OK)
        return status;
    const CuResult result = place.driver->device_get_attribute(&place.traits.processors, kMultiprocessors, device);
    return driver_status(*place.driver, result, "counting multiprocessors (cuDeviceGetAttribute)", message);
}

}  // namespace

DeviceAccess access_of(CudaCall &call) {
    return {&call, bind_device, nothing_to_do};
}

Current::Current(const CudaPlace &place, Message &message) : driver_(*place.driver) {
    status_ =
        driver_status(driver_, driver_.context_push(place.context), "entering the context (cuCtxPushCurrent)", message);
}

Current::~Current() {
    CuContext popped;
    if (status_ == TCONV_OK)
        driver_.context_pop(&popped);
}

tconv_status open_place(const tconv_cuda_target *target, CudaPlace *place, CuDevice *device, Message &message) {
    tconv_cuda_target wanted;
    tconv_cuda_target_init(&wanted, sizeof wanted);
    if (target != nullptr)
        wanted = *target;
    tconv_status status = TCONV_OK;
    place->driver = driver(&status, message);
    if (status == TCONV_OK)
        status = find_context(*place, wanted, device, message);
    return status == TCONV_OK ? check_device(*place, *device, message) : status;
}

tconv_status hold_context(CuDevice device, CudaPlace *place, Message &message) {
    if (place->context != nullptr)
        return TCONV_OK;  // the caller's own
    const tconv_status status = driver_status(*place->driver, place->driver->primary_context_retain(&place->context, device),
                                              "retaining the primary context (cuDevicePrimaryCtxRetain)", message);
    if (status == TCONV_OK)
        place->retained = device;
    return status;
}

void close_place(CudaPlace &place) {
    for (int i = 0; i < place.function_count; i++)
        release_module(*place.driver, place.functions[i].module);
    if (place.retained != CudaPlace::kNone)
        place.driver->primary_context_release(place.retained);
}

tconv_status check_target(const tconv_cuda_target *target, Message &message) {
    if (target != nullptr && !struct_size_known<tconv_cuda_target>(target->struct_size)) {
        return message.fail(TCONV_INVALID_STRUCT, "target.struct_size is %zu; this library knows %zu", target->struct_size,
                            sizeof(tconv_cuda_target));
    }
    return TCONV_OK;
}

}  // namespace tconv
