// Layers by overlap-add (generators/overlap.h): which they are, and how they are cut into tasks and strips.
#pragma once

#include <cstdint>

#include "blocking.h"

namespace tconv {

// As block_layer.
tconv_status block_overlap(const tconv_spec &spec, Direction direction, const Kernel &kernel, Blocking *blocking,
                           Message &why, const Cut &cut);

// What the tasks of such a layer multiply, as the generated code has it (compiler/layer/phase_overlap.cpp): input rows, of all
// tasks below one another, and columns, of the tasks of column `block`, with those that fill vectors of pixels.
int64_t multiplied_rows(const LayerParams &p);
int64_t multiplied_columns(const LayerParams &p, int32_t block, int32_t pixels_of_vector);

}  // namespace tconv
