// Where plans run: a context of a device, with the functions that a plan's calls launch there.
#pragma once

#include "device_layer.h"
#include "hooks.h"
#include "modules.h"
#include "tconv/tconv_cuda.h"

namespace tconv {

struct CudaPlace {
    // Of a layer: the kernel and the one for views of any strides, two tables of phases, packing, one pass behind the sums.
    static constexpr int kMostFunctions = 6;
    struct Function {
        const ImagesHeader *images;
        LoadedModule *module;
        CuFunction function;
    };
    static constexpr CuDevice kNone = -1;

    Hooks hooks;
    DeviceTraits traits;
    const Driver *driver;
    CuContext context;
    CuDevice retained;  // whose primary context the place holds; kNone if none
    int arch;           // compute capability, 80 is 8.0
    Function functions[kMostFunctions];
    int function_count;
};

// The user context of one call of generated code. Either it launches on a stream, or (`preparing`) every kernel that would be
// launched is loaded instead, so that runs find all of them.
struct CudaCall {
    CudaPlace *preparing;
    const CudaPlace *place;
    CuStream stream;
    Message *message;
    tconv_status status;
};

tconv_status check_target(const tconv_cuda_target *target, Message &message);  // its struct_size; NULL is one

// The driver, the target's context and what is to be known of its device. A primary context is held from hold_context on,
// which open_place leaves to its caller: planning comes between, and may fail.
tconv_status open_place(const tconv_cuda_target *target, CudaPlace *place, CuDevice *device, Message &message);
tconv_status hold_context(CuDevice device, CudaPlace *place, Message &message);
void close_place(CudaPlace &place);

// Loads what `calls` would launch, which gets the access to make its calls with.
template<typename Calls>
tconv_status load_functions(CudaPlace &place, Message &message, Calls calls);

// Makes calls on a stream; what they return is in the status.
template<typename Calls>
tconv_status launch(const CudaPlace &place, void *stream, Message &message, Calls calls);

// The place's context, current for as long as this lives.
class Current {
public:
    Current(const CudaPlace &place, Message &message);
    ~Current();
    Current(const Current &) = delete;
    Current &operator=(const Current &) = delete;
    tconv_status status() const { return status_; }

private:
    const Driver &driver_;
    tconv_status status_;
};

DeviceAccess access_of(CudaCall &call);

template<typename Calls>
tconv_status load_functions(CudaPlace &place, Message &message, Calls calls) {
    Current current(place, message);
    if (current.status() != TCONV_OK)
        return current.status();
    CudaCall call = {&place, &place, nullptr, &message, TCONV_OK};
    const int result = calls(access_of(call));
    return result != 0 && call.status == TCONV_OK ? message.fail(TCONV_INTERNAL, "kernels cannot be prepared") : call.status;
}

template<typename Calls>
tconv_status launch(const CudaPlace &place, void *stream, Message &message, Calls calls) {
    Current current(place, message);
    CudaCall call = {nullptr, &place, static_cast<CuStream>(stream), &message, current.status()};
    if (call.status == TCONV_OK)
        calls(access_of(call));
    return call.status;
}

inline tconv_status told(const Hooks &hooks, tconv_status status, const char *text) {
    if (status != TCONV_OK)
        hooks.log(hooks.user, status, text);
    return status;
}

// A plan of hooks.allocate with an open place, filled by `fill(plan, message)`; nothing is kept if that fails.
template<typename Plan, typename Fill>
tconv_status make_cuda_plan(const Hooks &hooks, Plan **plan, Message &message, Fill fill) {
    void *const block = hooks.allocate(hooks.user, alignof(Plan), sizeof(Plan));
    if (block == nullptr)
        return message.fail(TCONV_OUT_OF_MEMORY, "hooks.allocate returned NULL for the plan (%zu bytes)", sizeof(Plan));
    auto *const made = static_cast<Plan *>(block);
    *made = {};
    made->place.hooks = hooks;
    made->place.retained = CudaPlace::kNone;
    const tconv_status status = fill(*made, message);
    if (status == TCONV_OK) {
        *plan = made;
    } else {
        close_place(made->place);
        hooks.release(hooks.user, made);
    }
    return status;
}

template<typename Plan>
void destroy_cuda_plan(Plan *plan) {
    if (plan == nullptr)
        return;
    close_place(plan->place);
    const Hooks hooks = plan->place.hooks;
    hooks.release(hooks.user, plan);
}

}  // namespace tconv
