// The caller's hooks with every default filled in, so that the rest of the runtime never asks whether one is
// set.
#pragma once

#include <cstddef>
#include <cstdint>

#include "message.h"
#include "tconv/tconv.h"

namespace tconv {

struct Hooks {
    void *user;
    void *(*allocate)(void *user, size_t alignment, size_t bytes);
    void (*release)(void *user, void *block);
    int (*parallel_for)(void *user, int32_t count, int (*task)(void *arg, int32_t index), void *arg);
    void (*log)(void *user, tconv_status status, const char *message);  // never NULL; may be silent
    int32_t concurrency;                                                // 1 where parallel_for is the serial loop
    bool verbose;                                                       // TCONV_VERBOSE=1
};

// hooks may be NULL. Fails with INVALID_STRUCT for an unknown struct_size, INVALID_ARGUMENT for one of
// allocate/release without the other, a negative concurrency, or a TCONV_VERBOSE other than 0, 1 or empty.
// Even then *resolved holds usable hooks, so that the failure can be logged.
tconv_status resolve_hooks(const tconv_hooks *hooks, Hooks *resolved, Message &message);

// resolve_hooks for the creation of a plan, among what else comes before all that a spec holds: INVALID_STRUCT for either
// struct, then INVALID_ARGUMENT for hooks, the environment, and a spec or plan that is NULL.
tconv_status check_plan_arguments(const tconv_spec *spec, const tconv_hooks *hooks, const void *plan, Hooks *resolved,
                                  Message &message);

}  // namespace tconv
