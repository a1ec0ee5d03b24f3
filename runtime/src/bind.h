// The part of the parameter block that depends on where tensors lie.
#pragma once

#include "choose.h"
#include "tconv/tconv.h"

namespace tconv {

// The layer's parameters with the strides of these views (already checked). `residual` is ignored if the spec has none.
LayerParams bind_views(const tconv_spec &spec, const Choice &choice, const tconv_view &input, const tconv_view &output,
                       const tconv_view &residual);

LayerParams bind_input_gradient(const tconv_spec &spec, const Choice &choice, const tconv_view &output_gradient,
                                const tconv_view &input_gradient);

// Of partial sums and of where they go.
LayerParams bind_filter_gradient(const tconv_spec &spec, const LayerParams &planned, const tconv_view &input,
                                 const tconv_view &output_gradient, const tconv_view &filter_gradient);
LayerParams bind_bias_gradient(const tconv_spec &spec, const LayerParams &planned, const tconv_view &output_gradient);

// The same for packing.
LayerParams bind_filter(const tconv_spec &spec, Direction direction, const Choice &choice, const tconv_view &filter);

}  // namespace tconv
