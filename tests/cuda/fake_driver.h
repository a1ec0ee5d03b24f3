// A CUDA driver that has no GPU: libcuda.so.1 as far as libtconv_cuda calls it. It records every call, and fails those that it
// is told to fail. Tests find its controls by name in the library that was loaded.
#pragma once

#include <dlfcn.h>

#include <cstdint>

namespace tconv::testing {

struct FakeLaunch {
    void *function, *stream, *context;
    unsigned grid[3], block[3];
    char entry[128];
};

// What a kernel was launched with, where it was loaded as PTX, which says what it takes.
struct FakeArguments {
    int count;
    uint64_t values[64];  // of 8 bytes or 4
};

// tests/python/device.py has the fields up to loaded_image.
struct FakeDriver {
    // Controls
    int devices, major, minor;
    const char *failing;  // name of the function that fails, or NULL
    int failing_with;     // CUresult

    // What happened
    int calls;             // of all functions
    int loads, unloads;    // modules
    int retained;          // primary contexts, retained less released
    int depth;             // contexts pushed less popped
    int launches;
    FakeLaunch last[16];   // of the latest launches, the first at [0] after each reset
    char loaded_image[4];  // the first bytes of the image that was loaded last

    void *current;                // a control: the context where none is pushed
    FakeArguments arguments[16];  // of the launches in `last`
    int allocated;                // blocks of memory, allocated less freed
    const void *copied;           // of the last copy
    uint64_t copied_bytes;
    int waits;
};

// Of the driver that is found under the name of NVIDIA's, its records cleared; NULL if that is another.
inline FakeDriver *open_fake_driver() {
    void *const library = dlopen("libcuda.so.1", RTLD_NOW);
    const auto of = library != nullptr ? reinterpret_cast<FakeDriver *(*)()>(dlsym(library, "tconv_fake_driver")) : nullptr;
    if (of == nullptr)
        return nullptr;
    *of() = {};
    return of();
}

}  // namespace tconv::testing
