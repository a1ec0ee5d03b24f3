#include "fake_driver.h"

#include <cstdlib>
#include <cstring>

using tconv::testing::FakeDriver;

namespace {

FakeDriver state = {};  // which tests set
void *current[8];

struct Module {
    void *context;
};
struct Function {
    void *context;
    char entry[128];
};

// Counts the call, and gives what it should return.
int called(const char *name) {
    state.calls++;
    return state.failing != nullptr && std::strcmp(state.failing, name) == 0 ? state.failing_with : 0;
}

}  // namespace

#define EXPORTED extern "C" __attribute__((visibility("default")))

EXPORTED FakeDriver *tconv_fake_driver() {
    return &state;
}

EXPORTED int cuInit(unsigned) {
    return called("cuInit");
}
EXPORTED int cuDeviceGetCount(int *count) {
    *count = state.devices;
    return called("cuDeviceGetCount");
}
EXPORTED int cuDeviceGet(int *device, int ordinal) {
    *device = ordinal;
    return called("cuDeviceGet");
}
EXPORTED int cuDeviceGetAttribute(int *value, int attribute, int) {
    *value = attribute == 75 ? state.major : attribute == 76 ? state.minor : 132;
    return called("cuDeviceGetAttribute");
}
EXPORTED int cuCtxGetDevice(int *device) {
    *device = 0;
    return called("cuCtxGetDevice");
}
EXPORTED int cuCtxPushCurrent_v2(void *context) {
    const int result = called("cuCtxPushCurrent");
    if (result == 0)
        current[state.depth++] = context;
    return result;
}
EXPORTED int cuCtxPopCurrent_v2(void **context) {
    *context = current[--state.depth];
    return called("cuCtxPopCurrent");
}
EXPORTED int cuDevicePrimaryCtxRetain(void **context, int device) {
    const int result = called("cuDevicePrimaryCtxRetain");
    if (result == 0)
        state.retained++;
    *context = reinterpret_cast<void *>(0x1000 + static_cast<uintptr_t>(device));
    return result;
}
EXPORTED int cuDevicePrimaryCtxRelease_v2(int) {
    state.retained--;
    return called("cuDevicePrimaryCtxRelease");
}
EXPORTED int cuModuleLoadData(void **module, const void *image) {
    const int result = called("cuModuleLoadData");
    if (result == 0) {
        state.loads++;
        std::memcpy(state.loaded_image, image, sizeof state.loaded_image);
        *module = new Module{state.depth > 0 ? current[state.depth - 1] : nullptr};
    }
    return result;
}
EXPORTED int cuModuleUnload(void *module) {
    state.unloads++;
    delete static_cast<Module *>(module);
    return called("cuModuleUnload");
}
EXPORTED int cuModuleGetFunction(void **function, void *module, const char *entry) {
    const int result = called("cuModuleGetFunction");
    if (result == 0) {
        auto *made = new Function{static_cast<Module *>(module)->context, {}};
        std::strncpy(made->entry, entry, sizeof made->entry - 1);
        *function = made;  // for the life of the test, as a driver's functions live as long as their module
    }
    return result;
}
EXPORTED int cuLaunchKernel(void *function, unsigned gx, unsigned gy, unsigned gz, unsigned bx, unsigned by, unsigned bz,
                            unsigned, void *stream, void **, void **) {
    const int result = called("cuLaunchKernel");
    if (result == 0) {
        auto &launch = state.last[state.launches++ % 16];
        launch = {function, stream, state.depth > 0 ? current[state.depth - 1] : nullptr, {gx, gy, gz}, {bx, by, bz}, {}};
        std::strcpy(launch.entry, static_cast<Function *>(function)->entry);
    }
    return result;
}
EXPORTED int cuGetErrorName(int, const char **name) {
    *name = "CUDA_ERROR_OF_THE_TEST";
    return 0;
}
