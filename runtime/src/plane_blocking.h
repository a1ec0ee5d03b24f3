// Layers by planes (generators/multiply_planes.h): which they are, and how they are cut into tasks.
#pragma once

#include "blocking.h"

namespace tconv {

// As block_layer. All groups count as one, whose lanes are the outputs; `panels` says how many they are.
tconv_status block_planes(const tconv_spec &spec, Direction direction, const Kernel &kernel, Blocking *blocking,
                          Message &why, const Cut &cut);

}  // namespace tconv
