// Device code inside a module that Halide lowered for CUDA: its PTX, and machine code in its place.
#pragma once

#include <string>
#include <vector>

#include "Halide.h"

namespace tconv::compiler {

// One translation of a module's device code. arch 80 is sm_80; 0 is PTX, which a driver translates.
struct DeviceImage {
    int arch;
    std::string code;
};

// The PTX that Halide put into the module, with `threads` as the most threads that a block has.
std::string device_code_of(const Halide::Module &module, int threads);

// Puts images in the place of the PTX, in the form that runtime/cuda/images.h reads.
void replace_device_code(Halide::Module &module, const std::vector<DeviceImage> &images);

// Has ptxas translate a file for one architecture; the result also stays beside it, for scripts/device_code.py. Throws if it
// fails, and if the code spills registers or keeps arrays in local memory.
std::string assemble(const std::string &ptxas, const std::string &ptx_file, int arch);

// Writes the PTX to that file; machine code for the architectures, and last the PTX itself.
std::vector<DeviceImage> images_of(const std::string &ptx, const std::string &ptx_file, const std::string &ptxas,
                                   const std::vector<int> &archs);

// The bytes that replace_device_code puts there.
std::string image_bytes(const std::vector<DeviceImage> &images);

}  // namespace tconv::compiler
