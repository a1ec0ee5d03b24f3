// --target cuda[-sm_80[-sm_90...]]: the architectures that get machine code, beside PTX for all.
#pragma once

#include <string>
#include <vector>

namespace tconv::compiler {

struct CudaTarget {
    std::vector<int> archs;  // ascending; 80 is sm_80
    std::string ptxas;       // empty: PTX only

    std::string text() const;    // as --target has it
    int32_t processors() const;  // of the largest device that the kernel is chosen for
};

bool names_cuda(const std::string &target);

// Throws std::runtime_error for an architecture that is not known, and for one that is named where there is no ptxas. `note`
// says what is left out where none is. `ptxas`: a file, "none", or empty to look for one.
CudaTarget parse_cuda_target(const std::string &target, const std::string &ptxas, std::string &note);

}  // namespace tconv::compiler
