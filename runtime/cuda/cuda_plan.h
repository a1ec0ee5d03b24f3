// A plan on a device.
#pragma once

#include "cuda_place.h"

struct tconv_cuda_plan {
    tconv::DeviceLayer layer;
    tconv::CudaPlace place;
};
