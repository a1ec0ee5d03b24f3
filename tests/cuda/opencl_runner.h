// Runs a Problem through the kernels for devices as OpenCL, on a processor: the same generators, schedules, plan and calls
// as the CUDA library has, in memory of this program that Halide's OpenCL runtime copies to and fro.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "device_gradient.h"
#include "device_layer.h"
#include "gradient_problem.h"
#include "problem.h"

namespace tconv::testing {

// Empty if there is an OpenCL device; else why not, and what to install.
std::string opencl_missing();

struct OpenclRunner {
    std::string kernel, message;
    bool aligned = true;  // tensors begin where vectors of four may; false: an element further
    std::function<void(DeviceLayer &)> prepare;  // may give the planned layer another kernel

    // With the named kernel, or the plan's choice; the output is poisoned first unless it is the residual's view.
    tconv_status run(Problem &problem, const std::string &name = "", bool in_place = false);
};

// The same of a gradient, whose result is poisoned first.
struct OpenclGradientRunner {
    std::string kernel, message;
    bool aligned = true;

    tconv_status run(GradientProblem &problem, const std::string &name = "");
};

// The element types that there are kernels for, in the order of the table.
std::vector<int32_t> device_dtypes();

// The kernels that compute a layer.
std::vector<std::string> device_kernels_for(const tconv_spec &spec);
std::vector<std::string> device_kernels_for(const tconv_spec &spec, int32_t gradient);

// That of the kernels which was run the least.
std::string least_run(const std::vector<std::string> &kernels, const std::map<std::string, int> &runs);

}  // namespace tconv::testing
