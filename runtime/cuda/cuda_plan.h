// A plan on a device, and what the generated code is told when it is called for one.
#pragma once

#include "device_layer.h"
#include "hooks.h"
#include "modules.h"

struct tconv_cuda_plan {
    // The kernel and the one for views of any strides, two tables of phases, packing, one pass behind the sums.
    static constexpr int kMostFunctions = 6;
    struct Function {
        const tconv::ImagesHeader *images;
        tconv::LoadedModule *module;
        tconv::CuFunction function;
    };

    tconv::DeviceLayer layer;
    tconv::Hooks hooks;
    tconv::DeviceTraits traits;
    const tconv::Driver *driver;
    tconv::CuContext context;
    tconv::CuDevice retained;  // whose primary context the plan holds; -1 if none
    int arch;                  // compute capability, 80 is 8.0
    Function functions[kMostFunctions];
    int function_count;
};

namespace tconv {

// The user context of one call of generated code. Either it launches on a stream, or (`preparing`) every kernel that would be
// launched is loaded instead, so that runs find all of them.
struct CudaCall {
    tconv_cuda_plan *preparing;
    const tconv_cuda_plan *plan;
    CuStream stream;
    Message *message;
    tconv_status status;
};

}  // namespace tconv
