#include <algorithm>

#include "device_call.h"
#include "device_layer.h"
#include "shares.h"
#include "views.h"

namespace tconv {
namespace {

void add_tables(Call &call, const DeviceLayer &layer, const void *packed) {
    call.buffer(offset_by(packed, layer.table_x), kInt, {{4, 1}, {layer.phases_x, 4}});
    call.buffer(offset_by(packed, layer.table_y), kInt, {{4, 1}, {layer.phases_y, 4}});
}

// (lane or word, ci or step, kx, ky, block, group) of some groups from `first` on.
void add_weights(Call &call, const DeviceLayer &layer, const void *packed, int64_t first, int64_t groups,
                 bool written) {
    const DeviceKernel &kernel = *layer.kernel;
    const int64_t row = kernel.row(), rows = layer.packed_rows();
    const int64_t kw = layer.spec.kernel_w, kh = layer.spec.kernel_h, blocks = ceil_div(layer.outputs, kernel.a);
    const int64_t kx = row * rows, ky = kx * kw, block = ky * kh, group = block * blocks;
    call.buffer(offset_by(packed, layer.weights + first * group * kernel.packed_bytes()),
                kernel.fragments() ? kWord : computed_type(layer.spec.dtype),
                {{row, 1}, {rows, row}, {kw, kx}, {kh, ky}, {blocks, block}, {groups, group}}, written);
}

int make_table(const DeviceLayer &layer, const DeviceAccess &access, const DeviceAxis &axis, int64_t at, int64_t phases,
               void *packed) {
    Call call(access);
    call.integer(axis.stride);
    call.integer(axis.dilation);
    call.integer(axis.gcd);
    call.integer(axis.inverse);
    call.integer(axis.kernel);
    call.integer(floor_mod(axis.crop, axis.stride));
    call.integer(floor_div(axis.crop, axis.stride));
    call.buffer(offset_by(packed, at), kInt, {{4, 1}, {phases, 4}}, true);
    return call.make(layer.kernel->phase_table);
}

// Images and groups of one launch.
struct Part {
    int64_t image, images, group, groups;
};

// Where the sums of a part go, from which image on, of which type and with which strides: the output itself, or scratch.
struct Target {
    const void *data;
    int64_t image;
    halide_type_t type;
    int64_t stride[4];
};

int multiply(const DeviceLayer &layer, const DeviceKernel &kernel, const DeviceAccess &access, const tconv_tensors &t,
             const Target &target, const Part &part) {
    const tconv_spec &spec = layer.spec;
    const int64_t element = dtype_bytes(spec.dtype);
    const DeviceAxis &w = layer.w, &h = layer.h;
    const int64_t positions_x = layer.positions_x(), positions_y = layer.positions_y();
    const halide_type_t type = stored_type(spec.dtype);
    const bool residual =
        spec.residual != TCONV_RESIDUAL_NONE && !(layer.finish_after && spec.residual == TCONV_RESIDUAL_AFTER);
    Call call(access);
    const int64_t *in = t.input.stride;
    const int64_t first_in = part.image * in[0] + part.group * layer.channels * in[1];
    const bool by_words = kernel.fragments() && kernel.form == Form::vectors;
    const int64_t word = by_words ? 4 / element : 1;  // whose channels lie side by side
    call.buffer(offset_by(t.input.data, first_in * element), by_words ? kWord : type,
                {{layer.channels / word, in[1]},
                 {w.in, in[3] / word},
                 {h.in, in[2] / word},
                 {part.images, in[0] / word},
                 {part.groups, layer.channels * in[1] / word}});
    add_weights(call, layer, t.packed_filter, part.group, part.groups, false);
    add_tables(call, layer, t.packed_filter);
    const int64_t per_group = part.group * layer.outputs * element;
    // What is not there is not read either, but must be an address.
    const void *const bias = spec.has_bias ? offset_by(t.bias, per_group) : t.packed_filter;
    const void *const slope = layer.epilogue.has_slope ? offset_by(t.act_slope, per_group) : t.packed_filter;
    call.buffer(bias, type, {{spec.has_bias ? layer.outputs : 1, 1}, {spec.has_bias ? part.groups : 1, layer.outputs}});
    call.buffer(slope, type,
                {{layer.epilogue.has_slope ? layer.outputs : 1, 1},
                 {layer.epilogue.has_slope ? part.groups : 1, layer.outputs}});
    auto add_outputs = [&](const void *data, int64_t image, halide_type_t of, const int64_t *out, bool written) {
        const int64_t first = image * out[0] + part.group * layer.outputs * out[1];
        call.buffer(offset_by(data, first * of.bytes()), of,
                    {{layer.outputs, out[1]},
                     {positions_x, w.stride * out[3]},
                     {layer.phases_x, out[3]},
                     {positions_y, h.stride * out[2]},
                     {layer.phases_y, out[2]},
                     {part.images, out[0]},
                     {part.groups, layer.outputs * out[1]}},
                    written);
    };
    if (residual)
        add_outputs(t.residual.data, part.image, type, t.residual.stride, false);
    else
        call.buffer(t.packed_filter, type, {{1, 1}, {1, 1}, {1, 1}, {1, 1}, {1, 1}, {1, 1}, {1, 1}});
    auto add_axes = [&](int64_t x, int64_t y) {
        call.integer(x);
        call.integer(y);
    };
    call.integer(layer.channels);
    call.integer(layer.outputs);
    add_axes(w.out, h.out);
    add_axes(w.stride, h.stride);
    add_axes(w.taps, h.taps);
    add_axes(w.tap_step, h.tap_step);
    add_axes(w.offset_step, h.offset_step);
    add_axes(w.advance, h.advance);
    add_axes(ceil_div(positions_x, kernel.width()), ceil_div(positions_y, kernel.height()));
    call.integer(part.images);
    add_axes(layer.phases_x, layer.phases_y);
    call.integer(spec.has_bias);
    call.integer(layer.finish_after ? 0 : layer.epilogue.finish_kind);
    call.integer(layer.epilogue.has_slope);
    call.integer(residual ? spec.residual : TCONV_RESIDUAL_NONE);
    call.bits(layer.epilogue.slope_bits);
    call.bits(layer.epilogue.low_bits);
    call.bits(layer.epilogue.high_bits);
    add_outputs(target.data, target.image, target.type, target.stride, true);
    return call.make(kernel.layer);
}

// The second pass over some images: activations by polynomial, or softmax.
int finish(const DeviceLayer &layer, const DeviceAccess &access, const tconv_tensors &t, const Target &target,
           const Part &part) {
    const tconv_spec &spec = layer.spec;
    const Extents &extents = layer.out;
    const bool softmax = layer.epilogue.softmax != 0;
    const bool last = layer.epilogue.softmax == static_cast<int32_t>(SoftmaxAxis::last);
    const halide_type_t type = stored_type(spec.dtype);
    Call call(access);
    auto add = [&](const void *data, int64_t image, halide_type_t of, const int64_t *stride, bool written) {
        const int first = last ? 3 : 1, second = last ? 1 : 3;
        call.buffer(offset_by(data, image * stride[0] * of.bytes()), of,
                    {{extents.size[first], stride[first]},
                     {extents.size[second], stride[second]},
                     {extents.size[2], stride[2]},
                     {part.images, stride[0]}},
                    written);
    };
    add(target.data, target.image, target.type, target.stride, false);
    const bool residual = spec.residual == TCONV_RESIDUAL_AFTER;
    if (residual)
        add(t.residual.data, part.image, type, t.residual.stride, false);
    else
        call.buffer(t.packed_filter, type, {{1, 1}, {1, 1}, {1, 1}, {1, 1}});
    for (const int dimension : {last ? 3 : 1, last ? 1 : 3, 2})
        call.integer(extents.size[dimension]);
    call.integer(part.images);
    if (softmax) {
        call.integer(residual ? spec.residual : TCONV_RESIDUAL_NONE);
    } else {
        call.integer(layer.epilogue.curve);
        call.integer(residual ? spec.residual : TCONV_RESIDUAL_NONE);
        call.bits(layer.epilogue.alpha_bits);
    }
    add(t.output.data, part.image, type, t.output.stride, true);
    return call.make(softmax ? layer.kernel->softmax : layer.kernel->activate);
}

// Images of one launch, whose elements an int32 reaches from the first, and no more blocks than a grid has.
int64_t images_at_once(const DeviceLayer &layer, const DeviceKernel &kernel, const tconv_tensors &t) {
    const tconv_spec &spec = layer.spec;
    int64_t images = layer.sums_in_workspace ? layer.workspace_images : spec.batch;
    auto bound = [&](const tconv_view &view, const Extents &extents) {
        if (view.stride[0] > 0)
            images = std::min(images, 1 + (kMostFinished - reach_of_image(view.stride, extents)) / view.stride[0]);
    };
    bound(t.input, layer.in);
    bound(t.output, layer.out);
    if (spec.residual != TCONV_RESIDUAL_NONE)
        bound(t.residual, layer.out);
    return std::max<int64_t>(1, std::min(images, kMostBlocks / layer.tiles_of_image(kernel)));
}

// The one that computes the same from the same packed filter on views of any strides.
const DeviceKernel &any_access(const DeviceKernel &kernel) {
    for (const DeviceKernel &other : device_kernels()) {
        if (other.form == Form::any && other.direction == kernel.direction && other.dtype == kernel.dtype &&
            other.lanes == kernel.lanes && other.a == kernel.a)
            return other;
    }
    return kernel;  // tconv-compiler refuses a table without one
}

}  // namespace

const DeviceKernel &kernel_for(const DeviceLayer &layer, const tconv_tensors &t) {
    const DeviceKernel &kernel = *layer.kernel;
    if (kernel.form != Form::vectors)
        return kernel;
    auto in_vectors = [&](const tconv_view &view, const Extents &extents) {
        return tconv::in_vectors(view, extents, kernel.vector(), kernel.vector_alignment());
    };
    const bool suits = !layer.sums_in_workspace && in_vectors(t.input, layer.in) && in_vectors(t.output, layer.out) &&
                       (layer.spec.residual == TCONV_RESIDUAL_NONE || in_vectors(t.residual, layer.out));
    return suits ? kernel : any_access(kernel);
}

int pack_on_device(const DeviceLayer &layer, const DeviceAccess &access, const tconv_view &filter, void *packed) {
    if (int result = make_table(layer, access, layer.w, layer.table_x, layer.phases_x, packed); result != 0)
        return result;
    if (int result = make_table(layer, access, layer.h, layer.table_y, layer.phases_y, packed); result != 0)
        return result;
    const bool depthwise = layer.kernel->lanes == Lanes::depthwise;
    const auto [first, stride, flip] = turned(filter, filter_extents(layer.spec));
    // What is computed lies along the lanes: of a layer the filter's second dimension, of a gradient its first, and of a
    // depthwise layer the channels that both are. Groups follow one another in the first.
    const bool gradient = layer.direction == Direction::input_gradient;
    const int co = depthwise || gradient ? 0 : 1, ci = gradient ? 1 : 0;
    Call call(access);
    call.buffer(offset_by(filter.data, first * dtype_bytes(layer.spec.dtype)), stored_type(layer.spec.dtype),
                {{layer.outputs, stride[co]},
                 {depthwise ? 1 : layer.channels, stride[ci]},
                 {layer.spec.kernel_w, stride[3]},
                 {layer.spec.kernel_h, stride[2]},
                 {layer.groups, (gradient ? layer.outputs : layer.channels) * stride[0]}});
    call.integer(layer.outputs);
    for (const bool is_turned : {flip[co], flip[ci], flip[3], flip[2], flip[0]})
        call.integer(is_turned);
    add_weights(call, layer, packed, 0, layer.groups, true);
    return call.make(layer.kernel->pack);
}

int run_on_device(const DeviceLayer &layer, const DeviceAccess &access, const tconv_tensors &t) {
    const tconv_spec &spec = layer.spec;
    const DeviceKernel &kernel = kernel_for(layer, t);
    const int64_t at_once = images_at_once(layer, kernel, t);
    const Extents &out = layer.out;
    for (int64_t image = 0; image < spec.batch; image += at_once) {
        Part part = {image, std::min<int64_t>(at_once, spec.batch - image), 0, 0};
        const int64_t *const stride = t.output.stride, row = out.size[3], plane = row * out.size[2];
        Target target = {t.output.data, image, stored_type(spec.dtype), {stride[0], stride[1], stride[2], stride[3]}};
        if (layer.sums_in_workspace)
            target = {t.workspace, 0, computed_type(spec.dtype), {plane * out.size[1], plane, row, 1}};
        for (part.group = 0; part.group < layer.groups; part.group += kLargestGrid) {
            part.groups = std::min(kLargestGrid, layer.groups - part.group);
            if (int result = multiply(layer, kernel, access, t, target, part); result != 0)
                return result;
        }
        if (layer.finish_after) {
            if (int result = finish(layer, access, t, target, part); result != 0)
                return result;
        }
    }
    return 0;
}

}  // namespace tconv
