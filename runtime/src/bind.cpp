#include "bind.h"

#include <utility>

#include "views.h"

namespace tconv {

namespace {

// The stride of an extent of 1 is never used and may be anything, even more than an int32 holds.
int32_t stride_of(const tconv_view &view, const Extents &extents, int dimension) {
    return extents.size[dimension] > 1 ? static_cast<int32_t>(view.stride[dimension]) : 0;
}

void bind_filter_strides(const tconv_spec &spec, const tconv_view &filter, LayerParams &params) {
    const Extents extents = filter_extents(spec);
    params.filter_ci = stride_of(filter, extents, 0);
    params.filter_co = stride_of(filter, extents, 1);
    params.filter_ky = stride_of(filter, extents, 2);
    params.filter_kx = stride_of(filter, extents, 3);
    const int64_t group = int64_t{spec.in_channels / spec.groups} * params.filter_ci;
    params.filter_group = spec.groups > 1 ? static_cast<int32_t>(group) : 0;
}

// Strides of what a direction reads and writes, and what they allow.
LayerParams bind(const Choice &choice, const tconv_view &input, const Extents &in, const tconv_view &output,
                 const Extents &out, const tconv_view *residual) {
    LayerParams params = choice.blocking.params;
    params.in_c = stride_of(input, in, 1);
    params.in_row = stride_of(input, in, 2);
    params.in_col = stride_of(input, in, 3);
    params.out_c = stride_of(output, out, 1);
    params.out_row = stride_of(output, out, 2);
    params.out_col = stride_of(output, out, 3);
    if (residual != nullptr) {
        params.res_c = stride_of(*residual, out, 1);
        params.res_row = stride_of(*residual, out, 2);
        params.res_col = stride_of(*residual, out, 3);
    }
    // Images too far apart for the generated code's numbers are taken one by one.
    const int64_t images[] = {input.stride[0], output.stride[0], residual != nullptr ? residual->stride[0] : 0};
    int32_t *const bound[] = {&params.in_image, &params.out_image, &params.res_image};
    for (int i = 0; i < 3; i++) {
        *bound[i] = static_cast<int32_t>(images[i]);
        if (params.task_images > 1 && *bound[i] != images[i])
            params.images = 1;
    }
    auto one_row = [&](int32_t channel, int32_t column) {
        return params.outputs == 1 || (channel == 1 && column == params.outputs);
    };
    const bool merged = choice.kernel->lanes == Lanes::merged, pixels = choice.kernel->lanes == Lanes::pixels;
    params.flat = merged && one_row(params.out_c, params.out_col) &&
                  (residual == nullptr || one_row(params.res_c, params.res_col));
    // Where lanes are pixels, merged or not, rows are finished by FinishInterleaved.
    params.rows = !merged && params.out_col == 1 && residual == nullptr;
    params.woven = pixels && params.outputs > 1 && one_row(params.out_c, params.out_col) && residual == nullptr;
    const bool lanes_are_columns = (merged && params.outputs == 1) || computes_planes(*choice.kernel);
    params.direct =
        params.direct && (!merged || params.flat) && (lanes_are_columns ? params.out_col : params.out_c) == 1;
    return params;
}

}  // namespace

LayerParams bind_views(const tconv_spec &spec, const Choice &choice, const tconv_view &input, const tconv_view &output,
                       const tconv_view &residual) {
    return bind(choice, input, input_extents(spec), output, output_extents(spec),
                spec.residual != TCONV_RESIDUAL_NONE ? &residual : nullptr);
}

LayerParams bind_input_gradient(const tconv_spec &spec, const Choice &choice, const tconv_view &output_gradient,
                                const tconv_view &input_gradient) {
    return bind(choice, output_gradient, output_extents(spec), input_gradient, input_extents(spec), nullptr);
}

LayerParams bind_bias_gradient(const tconv_spec &spec, const LayerParams &planned, const tconv_view &output_gradient) {
    LayerParams params = planned;
    const Extents out = output_extents(spec);
    params.out_c = stride_of(output_gradient, out, 1);
    params.out_row = stride_of(output_gradient, out, 2);
    params.out_col = stride_of(output_gradient, out, 3);
    return params;
}

LayerParams bind_filter_gradient(const tconv_spec &spec, const LayerParams &planned, const tconv_view &input,
                                 const tconv_view &output_gradient, const tconv_view &filter_gradient) {
    LayerParams params = bind_bias_gradient(spec, planned, output_gradient);
    const Extents in = input_extents(spec);
    params.in_c = stride_of(input, in, 1);
    params.in_row = stride_of(input, in, 2);
    params.in_col = stride_of(input, in, 3);
    // A depthwise layer counts as one group, of as many lanes as it has channels.
    bind_filter_strides(spec, filter_gradient, params);
    if (params.swapped || (params.groups == 1 && spec.groups > 1))
        std::swap(params.filter_ci, params.filter_co);
    return params;
}

LayerParams bind_filter(const tconv_spec &spec, Direction direction, const Choice &choice, const tconv_view &filter) {
    LayerParams params = choice.blocking.params;
    bind_filter_strides(spec, filter, params);
    if (direction == Direction::input_gradient)  // reduces over outputs
        std::swap(params.filter_ci, params.filter_co);
    return params;
}

}  // namespace tconv
