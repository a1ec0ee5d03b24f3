#include <algorithm>

#include "device_call.h"
#include "device_gradient.h"
#include "shares.h"
#include "spec.h"

namespace tconv {
namespace {

int correlate(const DeviceGradient &g, const DeviceAccess &access, const tconv_gradient_tensors &t, int64_t image,
              int64_t images) {
    const tconv_spec &spec = g.spec;
    const DeviceGradientKernel &kernel = kernel_for(g, t);
    const Geometry geometry = geometry_of(spec);
    const halide_type_t type = stored_type(spec.dtype);
    const bool depthwise = kernel.lanes == Lanes::depthwise;
    const int64_t splits = ceil_div(images, g.splits.images) * g.splits.of_image;
    const int64_t first_split = image / g.splits.images * g.splits.of_image, tiles = g.tiles(),
                  tile = kernel.a * kernel.c;
    Call call(access);
    auto add_view = [&](const tconv_view &view, int64_t channels, const Extents &extents) {
        call.buffer(image_of(view, image, type.bytes()), type,
                    {{channels, view.stride[1]},
                     {extents.size[3], view.stride[3]},
                     {extents.size[2], view.stride[2]},
                     {images, view.stride[0]},
                     {g.groups, channels * view.stride[1]}});
    };
    add_view(t.input, depthwise ? spec.in_channels : g.channels, input_extents(spec));
    add_view(t.output_gradient, g.outputs, output_extents(spec));
    for (int64_t number :
         {int64_t{g.channels}, int64_t{g.outputs}, geometry.w.kernel, geometry.h.kernel, int64_t{g.groups}, splits,
          geometry.w.stride, geometry.h.stride, geometry.w.dilation, geometry.h.dilation, geometry.w.crop,
          geometry.h.crop, g.splits.rows, g.splits.pitch, images * g.splits.pitch})
        call.integer(number);
    call.buffer(offset_by(t.workspace, first_split * tiles * tile * computed_bytes(spec.dtype)),
                computed_type(spec.dtype), {{kernel.a, 1}, {kernel.c, kernel.a}, {tiles * splits, tile}}, true);
    return call.make(kernel.correlate);
}

int sum_bias(const DeviceGradient &g, const DeviceAccess &access, const tconv_gradient_tensors &t, int64_t image,
             int64_t images) {
    const tconv_spec &spec = g.spec;
    const Extents extents = output_extents(spec);
    const tconv_view &view = t.output_gradient;
    const halide_type_t type = stored_type(spec.dtype), sum = computed_type(spec.dtype);
    const int64_t splits = ceil_div(images, g.splits.images) * g.splits.of_image;
    const int64_t first_split = image / g.splits.images * g.splits.of_image, split = int64_t{kBiasParts} * g.outputs;
    Call call(access);
    call.buffer(image_of(view, image, type.bytes()), type,
                {{g.outputs, view.stride[1]},
                 {extents.size[3], view.stride[3]},
                 {extents.size[2], view.stride[2]},
                 {images, view.stride[0]}});
    for (int64_t number : {int64_t{g.outputs}, g.splits.rows, g.splits.pitch, images * g.splits.pitch})
        call.integer(number);
    call.buffer(offset_by(t.workspace, first_split * split * sum.bytes()), sum,
                {{g.outputs, 1}, {kBiasParts, g.outputs}, {splits, split}}, true);
    return call.make(g.kernel->bias_sums);
}

int add_up(const DeviceGradient &g, const DeviceAccess &access, const tconv_gradient_tensors &t) {
    const tconv_spec &spec = g.spec;
    const bool bias = g.which == TCONV_GRADIENT_BIAS;
    const DeviceGradientKernel &kernel = *g.kernel;
    const int64_t a = bias ? g.outputs : kernel.a, c = bias ? 1 : kernel.c,
                  splits = g.splits.count * (bias ? kBiasParts : 1);
    const int64_t kernel_w = bias ? 1 : spec.kernel_w, kernel_h = bias ? 1 : spec.kernel_h;
    const Extents extents = bias ? Extents{{1, g.outputs, 1, 1}} : filter_extents(spec);
    const tconv_view view = bias ? tconv_view{t.bias_gradient, {0, 1, 0, 0}} : t.filter_gradient;
    const TurnedView to = turned(view, extents);
    const halide_type_t type = stored_type(spec.dtype);
    Call call(access);
    // Without images there are no sums, which need no address.
    call.buffer(splits > 0 ? t.workspace : view.data, computed_type(spec.dtype),
                {{a, 1}, {c, a}, {std::max<int64_t>(splits * (bias ? 1 : g.tiles()), 1), a * c}});
    for (int64_t number :
         {a, c, int64_t{g.outputs}, int64_t{g.channels}, kernel_w, kernel_h, int64_t{g.groups}, splits})
        call.integer(number);
    // Channels of a depthwise layer are the filter's first dimension, as its groups are elsewhere.
    const int co = kernel.lanes == Lanes::depthwise && !bias ? 0 : 1;
    for (const bool is_turned : {to.flip[co], to.flip[0], to.flip[3], to.flip[2], to.flip[0]})
        call.integer(is_turned);
    call.buffer(offset_by(view.data, to.first * type.bytes()), type,
                {{g.outputs, to.stride[co]},
                 {g.channels, to.stride[0]},
                 {kernel_w, to.stride[3]},
                 {kernel_h, to.stride[2]},
                 {g.groups, g.channels * to.stride[0]}},
                true);
    return call.make(kernel.total);
}

}  // namespace

const DeviceGradientKernel &kernel_for(const DeviceGradient &g, const tconv_gradient_tensors &t) {
    const DeviceGradientKernel &kernel = *g.kernel;
    const int64_t aligned = std::min<int64_t>(16, 4 * dtype_bytes(g.spec.dtype));
    if (kernel.form != Form::vectors || (in_vectors(t.input, input_extents(g.spec), 4, aligned) &&
                                         in_vectors(t.output_gradient, output_extents(g.spec), 4, aligned)))
        return kernel;
    for (const DeviceGradientKernel &other : device_gradient_kernels()) {
        if (other.form == Form::any && other.dtype == kernel.dtype && other.lanes == kernel.lanes &&
            other.a == kernel.a && other.c == kernel.c)
            return other;
    }
    return kernel;  // tconv-compiler refuses a table without one
}

int64_t images_at_once(const DeviceGradient &g, const tconv_gradient_tensors &t) {
    int64_t images = std::min<int64_t>(g.spec.batch, kMaxElements / g.splits.pitch);  // whose rows are counted on
    auto bound = [&](const tconv_view &view, const Extents &extents) {
        if (view.stride[0] > 0)
            images = std::min(images, 1 + (kMaxElements - reach_of_image(view.stride, extents)) / view.stride[0]);
    };
    bound(t.output_gradient, output_extents(g.spec));
    if (g.which == TCONV_GRADIENT_FILTER)
        bound(t.input, input_extents(g.spec));
    return images / g.splits.images * g.splits.images;
}

int run_gradient_on_device(const DeviceGradient &g, const DeviceAccess &access, const tconv_gradient_tensors &t) {
    if (g.which == TCONV_GRADIENT_INPUT) {
        tconv_tensors of_layer = {};
        of_layer.input = t.output_gradient;
        of_layer.output = t.input_gradient;
        of_layer.packed_filter = t.packed_filter;
        of_layer.workspace = t.workspace;
        return run_on_device(g.layer, access, of_layer);
    }
    const int64_t at_once = images_at_once(g, t);
    for (int64_t image = 0; image < g.spec.batch; image += at_once) {
        const int64_t images = std::min(at_once, g.spec.batch - image);
        const int result = g.which == TCONV_GRADIENT_FILTER ? correlate(g, access, t, image, images)
                                                            : sum_bias(g, access, t, image, images);
        if (result != 0)
            return result;
    }
    return add_up(g, access, t);
}

}  // namespace tconv
