// Device code in contexts: each piece is loaded once for a context, and unloaded with the last plan that uses it there.
#pragma once

#include "driver.h"
#include "images.h"

namespace tconv {

struct LoadedModule;

// The function `entry` of these images in a context, which must be current, on a device of compute capability `arch`.
// OUT_OF_MEMORY or DEVICE_ERROR if it cannot be had. Each success is paired with a release_module.
tconv_status load_function(const Driver &driver, CuContext context, const ImagesHeader *images, int arch, const char *entry,
                           LoadedModule **module, CuFunction *function, Message &message);
void release_module(const Driver &driver, LoadedModule *module);

// The image that a device of this capability runs: machine code of the same major version that is not newer, or PTX. NULL if
// the images are damaged.
const void *image_for(const ImagesHeader *images, int arch);

}  // namespace tconv
