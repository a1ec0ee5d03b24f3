// What a layer function does to the sums before it stores them, as parameters.
#pragma once

#include "layer_params.h"
#include "tconv/tconv.h"

namespace tconv {

// Bias, activation, residual and softmax of a valid spec.
void fill_epilogue(const tconv_spec &spec, LayerParams &p);

}  // namespace tconv
