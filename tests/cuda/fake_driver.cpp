#include "fake_driver.h"

#include <cstdlib>
#include <cstring>
#include <string>

using tconv::testing::FakeDriver;

namespace {

FakeDriver state = {};  // which tests set
void *current[8];       // pushed

struct Module {
    void *context;
    const char *image;
};
struct Function {
    void *context;
    char entry[128];
    int parameters;
    size_t bytes[64];
};

// The sizes of an entry's parameters, which PTX lists.
void read_parameters(const char *image, Function &function) {
    if (std::strncmp(image, "//", 2) != 0)
        return;
    const std::string text(image), entry = std::string(".entry ") + function.entry + "(";
    const size_t begin = text.find(entry), end = text.find(')', begin);
    for (size_t at = begin; (at = text.find(".param .", at)) < end; at++)
        function.bytes[function.parameters++] = text.compare(at + 9, 2, "64") == 0 ? 8 : 4;
}

void *context_now() {
    return state.depth > 0 ? current[state.depth - 1] : state.current;
}

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
EXPORTED int cuCtxGetCurrent(void **context) {
    *context = context_now();
    return called("cuCtxGetCurrent");
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
        *module = new Module{context_now(), static_cast<const char *>(image)};
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
        auto *made = new Function{static_cast<Module *>(module)->context, {}, 0, {}};
        std::strncpy(made->entry, entry, sizeof made->entry - 1);
        read_parameters(static_cast<Module *>(module)->image, *made);
        *function = made;  // for the life of the test, as a driver's functions live as long as their module
    }
    return result;
}
EXPORTED int cuLaunchKernel(void *function, unsigned gx, unsigned gy, unsigned gz, unsigned bx, unsigned by, unsigned bz,
                            unsigned, void *stream, void **arguments, void **) {
    const int result = called("cuLaunchKernel");
    if (result == 0) {
        const int at = state.launches++ % 16;
        auto &launch = state.last[at];
        const Function &called_one = *static_cast<Function *>(function);
        launch = {function, stream, context_now(), {gx, gy, gz}, {bx, by, bz}, {}};
        std::strcpy(launch.entry, called_one.entry);
        state.arguments[at] = {called_one.parameters, {}};
        for (int i = 0; i < called_one.parameters; i++)
            std::memcpy(&state.arguments[at].values[i], arguments[i], called_one.bytes[i]);
    }
    return result;
}
EXPORTED int cuMemAlloc_v2(unsigned long long *address, size_t) {
    const int result = called("cuMemAlloc");
    if (result == 0)
        *address = 0x500000000000 + 0x1000000 * static_cast<unsigned long long>(state.allocated++);
    return result;
}
EXPORTED int cuMemFree_v2(unsigned long long) {
    state.allocated--;
    return called("cuMemFree");
}
EXPORTED int cuMemcpyHtoD_v2(unsigned long long, const void *from, size_t bytes) {
    state.copied = from, state.copied_bytes = bytes;
    return called("cuMemcpyHtoD");
}
EXPORTED int cuStreamSynchronize(void *) {
    state.waits++;
    return called("cuStreamSynchronize");
}
EXPORTED int cuGetErrorName(int, const char **name) {
    *name = "CUDA_ERROR_OF_THE_TEST";
    return 0;
}
