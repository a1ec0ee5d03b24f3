#include "driver.h"

#include <dlfcn.h>
#include <pthread.h>

#include <cstdlib>

namespace tconv {
namespace {

pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
Driver loaded;
bool ready;  // read and written under the mutex

constexpr int kCapabilityMajor = 75, kCapabilityMinor = 76;  // CUdevice_attribute
constexpr int kOldestArch = 80;

// A machine with a driver has .so.1; .so comes with the toolkit, and may be a stub.
constexpr const char *kNames[] = {"libcuda.so.1", "libcuda.so"};

struct Symbol {
    void **function;
    const char *name;
};

// The suffix is the version of the interface, which the driver keeps for ever.
bool find_all(void *library, Driver *d, const char **missing) {
    const Symbol symbols[] = {
        {reinterpret_cast<void **>(&d->init), "cuInit"},
        {reinterpret_cast<void **>(&d->device_get_count), "cuDeviceGetCount"},
        {reinterpret_cast<void **>(&d->device_get), "cuDeviceGet"},
        {reinterpret_cast<void **>(&d->device_get_attribute), "cuDeviceGetAttribute"},
        {reinterpret_cast<void **>(&d->context_get_current), "cuCtxGetCurrent"},
        {reinterpret_cast<void **>(&d->context_get_device), "cuCtxGetDevice"},
        {reinterpret_cast<void **>(&d->context_push), "cuCtxPushCurrent_v2"},
        {reinterpret_cast<void **>(&d->context_pop), "cuCtxPopCurrent_v2"},
        {reinterpret_cast<void **>(&d->primary_context_retain), "cuDevicePrimaryCtxRetain"},
        {reinterpret_cast<void **>(&d->primary_context_release), "cuDevicePrimaryCtxRelease_v2"},
        {reinterpret_cast<void **>(&d->module_load), "cuModuleLoadData"},
        {reinterpret_cast<void **>(&d->module_unload), "cuModuleUnload"},
        {reinterpret_cast<void **>(&d->module_get_function), "cuModuleGetFunction"},
        {reinterpret_cast<void **>(&d->launch), "cuLaunchKernel"},
        {reinterpret_cast<void **>(&d->memory_allocate), "cuMemAlloc_v2"},
        {reinterpret_cast<void **>(&d->memory_free), "cuMemFree_v2"},
        {reinterpret_cast<void **>(&d->copy_to_device), "cuMemcpyHtoD_v2"},
        {reinterpret_cast<void **>(&d->stream_synchronize), "cuStreamSynchronize"},
        {reinterpret_cast<void **>(&d->get_error_name), "cuGetErrorName"},
    };
    for (const Symbol &symbol : symbols) {
        *symbol.function = dlsym(library, symbol.name);
        if (*symbol.function == nullptr) {
            *missing = symbol.name;
            return false;
        }
    }
    return true;
}

tconv_status load(Message &message) {
    void *library = nullptr;
    for (const char *name : kNames) {
        if (library == nullptr)
            library = dlopen(name, RTLD_NOW | RTLD_LOCAL);
    }
    if (library == nullptr)
        return message.fail(TCONV_NO_DRIVER, "no CUDA driver: neither %s nor %s can be loaded", kNames[0], kNames[1]);
    const char *missing = nullptr;
    Driver found;
    if (!find_all(library, &found, &missing)) {
        dlclose(library);
        return message.fail(TCONV_NO_DRIVER, "the CUDA driver has no %s: it is too old, or a stub", missing);
    }
    const CuResult result = found.init(0);
    if (result != 0 && result != kCuNoDevice) {
        const tconv_status status = driver_status(found, result, "starting the driver (cuInit)", message);
        dlclose(library);
        return status;
    }
    loaded = found;
    ready = true;  // and stays, as the library does
    return TCONV_OK;
}

}  // namespace

const Driver *driver(tconv_status *status, Message &message) {
    pthread_mutex_lock(&mutex);
    *status = ready ? TCONV_OK : load(message);
    pthread_mutex_unlock(&mutex);
    return *status == TCONV_OK ? &loaded : nullptr;
}

tconv_status driver_status(const Driver &driver, CuResult result, const char *doing, Message &message) {
    if (result == 0)
        return TCONV_OK;
    const char *name = nullptr;
    if (driver.get_error_name(result, &name) != 0 || name == nullptr)
        name = "an error without a name";
    const tconv_status status = result == kCuOutOfMemory                               ? TCONV_OUT_OF_MEMORY
                                : result == kCuNoDevice || result == kCuInvalidDevice ? TCONV_NO_DEVICE
                                                                                      : TCONV_DEVICE_ERROR;
    return message.fail(status, "%s failed: %s (%d)", doing, name, result);
}

tconv_status device_arch(const Driver &driver, CuDevice device, int *arch, Message &message) {
    int values[2] = {};
    const int attributes[2] = {kCapabilityMajor, kCapabilityMinor};
    for (int i = 0; i < 2; i++) {
        const CuResult result = driver.device_get_attribute(&values[i], attributes[i], device);
        if (result != 0)
            return driver_status(driver, result, "asking what the device is (cuDeviceGetAttribute)", message);
    }
    *arch = 10 * values[0] + values[1];
    if (*arch < kOldestArch) {
        return message.fail(TCONV_UNSUPPORTED_DEVICE, "the device has compute capability %d.%d; this library needs 8.0",
                            values[0], values[1]);
    }
    return TCONV_OK;
}

}  // namespace tconv
