// Constants of a compiled layer, carried into its stages.
#pragma once

#include <vector>

#include "Halide.h"

namespace tconv::compiler {

// The stages that `layer` calls, each with those arguments that are the same constant in every call replaced by it:
// loops get constant bounds, and branches for other strides, kinds and layouts disappear.
std::vector<Halide::Internal::LoweredFunc> specialize_stages(const Halide::Internal::Stmt &layer,
                                                             const std::vector<Halide::Internal::LoweredFunc> &stages);

}  // namespace tconv::compiler
