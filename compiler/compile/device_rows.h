// The table of kernels for devices, in this program.
#pragma once

#include <vector>

#include "device_variants.h"

namespace tconv::compiler {

const std::vector<DeviceVariant> &built_in_device_variants();

}  // namespace tconv::compiler
