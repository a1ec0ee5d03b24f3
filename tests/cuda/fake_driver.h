// A CUDA driver that has no GPU: libcuda.so.1 as far as libtconv_cuda calls it. It records every call, and fails those that it
// is told to fail. Tests find its controls by name in the library that was loaded.
#pragma once

#include <cstdint>

namespace tconv::testing {

struct FakeLaunch {
    void *function, *stream, *context;
    unsigned grid[3], block[3];
    char entry[128];
};

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
};

using FakeDriverOf = FakeDriver *(*)();

}  // namespace tconv::testing
