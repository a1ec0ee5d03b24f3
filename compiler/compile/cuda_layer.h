// `tconv compile --target cuda`: one layer for NVIDIA's GPUs, all sizes constant, as the objects of a static library.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "compile_layer.h"
#include "cuda_target.h"

namespace tconv::compiler {

// As compile_layer. The library also holds what loads the driver and launches kernels, under this layer's names.
CompiledLayer compile_cuda_layer(const std::string &name, const tconv_spec &spec, const std::optional<Weights> &weights,
                                 const CudaTarget &target, const std::string &folder, std::vector<std::string> &objects);

}  // namespace tconv::compiler
