// The kernels of schedules/device_variants.csv and device_gradients.csv for one programming interface, and the registry that
// lists them.
#pragma once

#include <string>
#include <vector>

namespace tconv::compiler {

struct DeviceCatalogueOptions {
    std::string variants;        // schedules/device_variants.csv
    std::string gradients;       // schedules/device_gradients.csv
    std::string api = "cuda";    // or opencl
    std::vector<int> archs;      // of machine code for CUDA: 80 is sm_80. PTX is always there
    std::string ptxas;           // needed for archs
    std::string out;             // folder; receives kernels.a, device_registry.inc, and for CUDA *.ptx and *.cubin
};

void build_device_catalogue(const DeviceCatalogueOptions &options);

}  // namespace tconv::compiler
