#include "hooks.h"

#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "spec.h"
#include "structs.h"

namespace tconv {
namespace {

void *allocate_aligned(void *, size_t alignment, size_t bytes) {
    void *block = nullptr;
    if (alignment < sizeof(void *))
        alignment = sizeof(void *);
    return posix_memalign(&block, alignment, bytes) == 0 ? block : nullptr;
}

void release_aligned(void *, void *block) {
    std::free(block);
}

int run_serially(void *, int32_t count, int (*task)(void *, int32_t), void *arg) {
    for (int32_t i = 0; i < count; ++i) {
        if (const int result = task(arg, i))
            return result;
    }
    return 0;
}

void log_nothing(void *, tconv_status, const char *) {}

void log_to_stderr(void *, tconv_status status, const char *message) {
    if (status == TCONV_OK) {
        std::fprintf(stderr, "tconv: %s\n", message);
    } else {
        std::fprintf(stderr, "tconv: error %d: %s\n", static_cast<int>(status), message);
    }
}

}  // namespace

tconv_status resolve_hooks(const tconv_hooks *hooks, Hooks *resolved, Message &message) {
    const char *const environment = std::getenv("TCONV_VERBOSE");
    const char *const verbose = environment != nullptr ? environment : "";
    resolved->verbose = std::strcmp(verbose, "1") == 0;
    const bool verbose_known = resolved->verbose || *verbose == '\0' || std::strcmp(verbose, "0") == 0;

    resolved->user = nullptr;
    resolved->allocate = allocate_aligned;
    resolved->release = release_aligned;
    resolved->parallel_for = run_serially;
    resolved->log = resolved->verbose ? log_to_stderr : log_nothing;
    resolved->concurrency = 1;

    if (hooks != nullptr) {
        if (!struct_size_known<tconv_hooks>(hooks->struct_size)) {
            return message.fail(TCONV_INVALID_STRUCT,
                                "hooks.struct_size is %zu; this library knows %zu "
                                "(tconv_hooks_init)",
                                hooks->struct_size, sizeof(tconv_hooks));
        }
        resolved->user = hooks->user;
        if (hooks->log != nullptr)
            resolved->log = hooks->log;
        if ((hooks->allocate == nullptr) != (hooks->release == nullptr)) {
            return message.fail(TCONV_INVALID_ARGUMENT, "hooks.%s is NULL; set both allocate and release, or neither",
                                hooks->allocate == nullptr ? "allocate" : "release");
        }
        if (hooks->concurrency < 0) {
            return message.fail(TCONV_INVALID_ARGUMENT,
                                "hooks.concurrency is %d; allowed: 1 or more, 0 for the "
                                "default of 1",
                                hooks->concurrency);
        }
        if (hooks->allocate != nullptr) {
            resolved->allocate = hooks->allocate;
            resolved->release = hooks->release;
        }
        if (hooks->parallel_for != nullptr) {
            resolved->parallel_for = hooks->parallel_for;
            resolved->concurrency = hooks->concurrency > 0 ? hooks->concurrency : 1;
        }
    }
    if (!verbose_known) {
        return message.fail(TCONV_INVALID_ARGUMENT, "TCONV_VERBOSE is '%.32s'; allowed: 0 or 1", verbose);
    }
    return TCONV_OK;
}

tconv_status check_plan_arguments(const tconv_spec *spec, const tconv_hooks *hooks, const void *plan, Hooks *resolved,
                                  Message &message) {
    const tconv_status status = resolve_hooks(hooks, resolved, message);
    if (status == TCONV_INVALID_STRUCT)
        return status;
    if (spec != nullptr && !struct_size_known<tconv_spec>(spec->struct_size))
        return check_arguments(spec, message);
    if (status == TCONV_OK && (spec == nullptr || plan == nullptr))
        return message.fail(TCONV_INVALID_ARGUMENT, "%s is NULL", spec == nullptr ? "spec" : "plan");
    return status;
}

}  // namespace tconv
