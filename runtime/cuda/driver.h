// The part of CUDA's driver API that this library calls, found in libcuda at run time.
#pragma once

#include <cstddef>
#include <cstdint>

#include "message.h"
#include "tconv/tconv.h"

namespace tconv {

using CuResult = int;
using CuDevice = int;
using CuContext = struct CuContextTag *;
using CuModule = struct CuModuleTag *;
using CuFunction = struct CuFunctionTag *;
using CuStream = struct CuStreamTag *;
using CuAddress = unsigned long long;  // of the device

constexpr CuResult kCuOutOfMemory = 2, kCuNoDevice = 100, kCuInvalidDevice = 101;

struct Driver {
    CuResult (*init)(unsigned flags);
    CuResult (*device_get_count)(int *count);
    CuResult (*device_get)(CuDevice *device, int ordinal);
    CuResult (*device_get_attribute)(int *value, int attribute, CuDevice device);
    CuResult (*context_get_current)(CuContext *context);
    CuResult (*context_get_device)(CuDevice *device);
    CuResult (*context_push)(CuContext context);
    CuResult (*context_pop)(CuContext *context);
    CuResult (*primary_context_retain)(CuContext *context, CuDevice device);
    CuResult (*primary_context_release)(CuDevice device);
    CuResult (*module_load)(CuModule *module, const void *image);
    CuResult (*module_unload)(CuModule module);
    CuResult (*module_get_function)(CuFunction *function, CuModule module, const char *name);
    CuResult (*launch)(CuFunction function, unsigned grid_x, unsigned grid_y, unsigned grid_z, unsigned block_x,
                       unsigned block_y, unsigned block_z, unsigned shared_bytes, CuStream stream, void **arguments,
                       void **extra);
    CuResult (*memory_allocate)(CuAddress *address, size_t bytes);
    CuResult (*memory_free)(CuAddress address);
    CuResult (*copy_to_device)(CuAddress to, const void *from, size_t bytes);
    CuResult (*stream_synchronize)(CuStream stream);
    CuResult (*get_error_name)(CuResult result, const char **name);
};

// Loads and starts the driver once for the program; later calls are cheap. NULL with NO_DRIVER or DEVICE_ERROR.
const Driver *driver(tconv_status *status, Message &message);

// The status that a result of the driver stands for, with a message of what was being done.
tconv_status driver_status(const Driver &driver, CuResult result, const char *doing, Message &message);

// The compute capability of a device, 80 is 8.0; UNSUPPORTED_DEVICE below that.
tconv_status device_arch(const Driver &driver, CuDevice device, int *arch, Message &message);

}  // namespace tconv
