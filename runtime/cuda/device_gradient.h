// The gradient of a layer on a device, as device_layer.h has the layer: that of the input is one of its kernels, those of
// filter and bias are sums over splits of the batch's rows, which lie in the workspace until they are added up.
#pragma once

#include "device_layer.h"
#include "tconv/tconv_gradients.h"

namespace tconv {

// How the rows of a batch are cut, by the layer alone, so that bits do not depend on the device.
struct Splits {
    int64_t images, of_image;  // whole images of a split, or splits of an image; one of the two is 1
    int64_t rows, pitch;       // of a split, and what an image counts
    int64_t count;
};

constexpr int64_t kBiasParts = 16;  // generators::DeviceBiasSums::parts

struct DeviceGradient {
    tconv_spec spec;  // without bias
    int32_t which;    // tconv_gradient
    DeviceLayer layer;                   // INPUT
    const DeviceGradientKernel *kernel;  // FILTER, BIAS
    int32_t groups, channels, outputs;   // of the kernel: a depthwise layer is one group
    Splits splits;
    int64_t workspace_bytes;

    // Tiles of a split, of which the workspace has as many for each. (FILTER)
    int64_t tiles() const;

    int64_t packed_bytes() const { return which == TCONV_GRADIENT_INPUT ? layer.packed_bytes : 0; }
    const char *name() const { return which == TCONV_GRADIENT_INPUT ? layer.kernel->name : kernel->name; }
};

// The best kernel, or the named one, which for BIAS may be any of the filter's of the type. `why` gets a line for each candidate.
tconv_status plan_device_gradient(const tconv_spec &spec, int32_t which, const char *name, const DeviceTraits &traits,
                                  DeviceGradient *gradient, Message &why, Message &message);

// All that can be wrong with a call, as tconv_gradient_run reports it.
tconv_status check_device_gradient_run(const DeviceGradient &gradient, const tconv_gradient_tensors *tensors,
                                       Message &message);

// Images of one launch: as many splits of them as int32 reaches all elements of from the first. Where it is none, no run can be.
// (FILTER, BIAS)
int64_t images_at_once(const DeviceGradient &gradient, const tconv_gradient_tensors &tensors);

// The plan's kernel, or where these views do not suit it, one that takes any. (FILTER)
const DeviceGradientKernel &kernel_for(const DeviceGradient &gradient, const tconv_gradient_tensors &tensors);

// As run_on_device.
int run_gradient_on_device(const DeviceGradient &gradient, const DeviceAccess &access, const tconv_gradient_tensors &tensors);

}  // namespace tconv
