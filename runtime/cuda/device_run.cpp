#include <algorithm>
#include <bit>

#include "device_layer.h"
#include "shares.h"
#include "views.h"

namespace tconv {
namespace {

constexpr int64_t kMostBlocks = 1 << 30;

// Arguments of one call, in the order of `arguments()` of the stage in generators/, and the output.
class Call {
public:
    explicit Call(const DeviceAccess &access) : access_(access) { add(&access_.user_context); }
    Call(const Call &) = delete;
    Call &operator=(const Call &) = delete;

    // Extents and strides from the first dimension on. Strides of an extent of 1 are not used and may be anything.
    struct Dimension {
        int64_t extent, stride;
    };
    template<int count>
    void buffer(const void *address, halide_type_t type, const Dimension (&dimensions)[count], bool written = false) {
        Buffer &b = buffers_[buffer_count_++];
        b.header = {};
        b.header.type = type;
        b.header.dimensions = count;
        b.header.dim = b.dimensions;
        for (int i = 0; i < count; i++) {
            b.dimensions[i] = {};
            b.dimensions[i].extent = static_cast<int32_t>(dimensions[i].extent);
            b.dimensions[i].stride = dimensions[i].extent > 1 ? static_cast<int32_t>(dimensions[i].stride) : 0;
        }
        if (result_ == 0)
            result_ = access_.bind(access_.user_context, &b.header, address, written);
        if (written)
            written_ = &b.header;
        add(&b.header);
    }
    void integer(int64_t value) {
        scalars_[scalar_count_] = static_cast<int32_t>(value);
        add(&scalars_[scalar_count_++]);
    }
    void real(float value) { integer(std::bit_cast<int32_t>(value)); }
    void bits(int32_t value) { integer(value); }

    int make(DeviceFunction function) {
        if (result_ == 0)
            result_ = function(arguments_);
        if (result_ == 0)
            result_ = access_.done(access_.user_context, written_);
        return result_;
    }

private:
    struct Buffer {
        halide_buffer_t header;
        halide_dimension_t dimensions[7];
    };

    void add(void *argument) { arguments_[argument_count_++] = argument; }

    DeviceAccess access_;
    Buffer buffers_[8];
    int32_t scalars_[32];
    void *arguments_[42];
    int buffer_count_ = 0, scalar_count_ = 0, argument_count_ = 0, result_ = 0;
    halide_buffer_t *written_ = nullptr;
};

// bfloat16 is its bits.
halide_type_t stored_type(int32_t dtype) {
    return halide_type_t(dtype == TCONV_BF16 ? halide_type_uint : halide_type_float,
                         static_cast<uint8_t>(8 * dtype_bytes(dtype)));
}

halide_type_t computed_type(int32_t dtype) {
    return halide_type_t(halide_type_float, static_cast<uint8_t>(8 * computed_bytes(dtype)));
}

const halide_type_t kInt = halide_type_t(halide_type_int, 32), kWord = halide_type_t(halide_type_uint, 32);

char *offset_by(const void *base, int64_t bytes) {
    return static_cast<char *>(const_cast<void *>(base)) + bytes;
}

void add_tables(Call &call, const DeviceLayer &layer, const void *packed) {
    call.buffer(offset_by(packed, layer.table_x), kInt, {{4, 1}, {layer.phases_x, 4}});
    call.buffer(offset_by(packed, layer.table_y), kInt, {{4, 1}, {layer.phases_y, 4}});
}

// (lane or word, ci or step, kx, ky, block, group) of some groups from `first` on.
void add_weights(Call &call, const DeviceLayer &layer, const void *packed, int64_t first, int64_t groups, bool written) {
    const DeviceKernel &kernel = *layer.kernel;
    const int64_t row = kernel.row(), rows = layer.packed_rows();
    const int64_t kw = layer.spec.kernel_w, kh = layer.spec.kernel_h, blocks = ceil_div(layer.outputs, kernel.a);
    const int64_t kx = row * rows, ky = kx * kw, block = ky * kh, group = block * blocks;
    call.buffer(offset_by(packed, layer.weights + first * group * kernel.packed_bytes()),
                kernel.fragments() ? kWord : computed_type(layer.spec.dtype),
                {{row, 1}, {rows, row}, {kw, kx}, {kh, ky}, {blocks, block}, {groups, group}}, written);
}

int make_table(const DeviceLayer &layer, const DeviceAccess &access, const Axis &axis, int64_t at, int64_t phases,
               void *packed) {
    const Phase phase = phase_of(axis, 0);
    Call call(access);
    call.integer(axis.stride);
    call.integer(axis.dilation);
    call.integer(axis.stride / phase.tap_step);
    call.integer(inverse_mod(phase.offset_step, phase.tap_step));
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
    const Axis &w = layer.geometry.w, &h = layer.geometry.h;
    const int64_t positions_x = ceil_div(w.out, w.stride), positions_y = ceil_div(h.out, h.stride);
    const halide_type_t type = stored_type(spec.dtype);
    const bool residual = spec.residual != TCONV_RESIDUAL_NONE && !(layer.finish_after && spec.residual == TCONV_RESIDUAL_AFTER);
    Call call(access);
    const int64_t *in = t.input.stride;
    const int64_t first_in = part.image * in[0] + part.group * layer.channels * in[1];
    const bool by_words = kernel.fragments() && kernel.form == Form::vectors;
    const int64_t word = by_words ? 4 / element : 1;  // whose channels lie side by side
    call.buffer(offset_by(t.input.data, first_in * element), by_words ? kWord : type,
                {{layer.channels / word, in[1]}, {w.in, in[3] / word}, {h.in, in[2] / word}, {part.images, in[0] / word},
                 {part.groups, layer.channels * in[1] / word}});
    add_weights(call, layer, t.packed_filter, part.group, part.groups, false);
    add_tables(call, layer, t.packed_filter);
    const int64_t per_group = part.group * layer.outputs * element;
    // What is not there is not read either, but must be an address.
    const void *const bias = spec.has_bias ? offset_by(t.bias, per_group) : t.packed_filter;
    const void *const slope = layer.epilogue.has_slope ? offset_by(t.act_slope, per_group) : t.packed_filter;
    call.buffer(bias, type, {{spec.has_bias ? layer.outputs : 1, 1}, {spec.has_bias ? part.groups : 1, layer.outputs}});
    call.buffer(slope, type,
                {{layer.epilogue.has_slope ? layer.outputs : 1, 1}, {layer.epilogue.has_slope ? part.groups : 1, layer.outputs}});
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
    const Phase phase_x = phase_of(w, 0), phase_y = phase_of(h, 0);  // taps lie equally far apart in all of them
    call.integer(layer.channels);
    call.integer(layer.outputs);
    add_axes(w.out, h.out);
    add_axes(w.stride, h.stride);
    add_axes(ceil_div(w.kernel, phase_x.tap_step), ceil_div(h.kernel, phase_y.tap_step));
    add_axes(phase_x.tap_step, phase_y.tap_step);
    add_axes(phase_x.offset_step, phase_y.offset_step);
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
    const Extents extents = output_extents(spec);
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

// Elements that one image of a view reaches.
int64_t reach_of(const int64_t *stride, const Extents &extents) {
    int64_t reach = 1;
    for (int i = 1; i < 4; i++)
        reach += (extents.size[i] - 1) * (extents.size[i] > 1 ? stride[i] : 0);
    return reach;
}

// Images of one launch, whose elements an int32 reaches from the first, and no more blocks than a grid has.
int64_t images_at_once(const DeviceLayer &layer, const DeviceKernel &kernel, const tconv_tensors &t) {
    const tconv_spec &spec = layer.spec;
    int64_t images = layer.sums_in_workspace ? layer.workspace_images : spec.batch;
    auto bound = [&](const tconv_view &view, const Extents &extents) {
        if (view.stride[0] > 0)
            images = std::min(images, 1 + (2147483647 - reach_of(view.stride, extents)) / view.stride[0]);
    };
    bound(t.input, input_extents(spec));
    bound(t.output, output_extents(spec));
    if (spec.residual != TCONV_RESIDUAL_NONE)
        bound(t.residual, output_extents(spec));
    const Axis &w = layer.geometry.w, &h = layer.geometry.h;
    const int64_t tiles = ceil_div(ceil_div(w.out, w.stride), kernel.width()) *
                          ceil_div(ceil_div(h.out, h.stride), kernel.height()) * layer.phases_x * layer.phases_y;
    return std::max<int64_t>(1, std::min(images, kMostBlocks / tiles));
}

// Channels are contiguous, in vectors aligned as they are large, to at most what one access reads.
bool in_vectors(const DeviceKernel &kernel, const tconv_view &view, const Extents &extents) {
    if (reinterpret_cast<uintptr_t>(view.data) % static_cast<uintptr_t>(kernel.vector_alignment()) != 0)
        return false;
    for (int i = 0; i < 4; i++) {
        if (extents.size[i] > 1 && (i == 1 ? view.stride[i] != 1 : view.stride[i] % kernel.vector() != 0))
            return false;
    }
    return true;
}

// The one that computes the same from the same packed filter on views of any strides.
const DeviceKernel &any_access(const DeviceKernel &kernel) {
    for (const DeviceKernel &other : device_kernels()) {
        if (other.form == Form::any && other.dtype == kernel.dtype && other.lanes == kernel.lanes && other.a == kernel.a)
            return other;
    }
    return kernel;  // tconv-compiler refuses a table without one
}

}  // namespace

const DeviceKernel &kernel_for(const DeviceLayer &layer, const tconv_tensors &t) {
    const DeviceKernel &kernel = *layer.kernel;
    if (kernel.form != Form::vectors)
        return kernel;
    const Extents output = output_extents(layer.spec);
    const bool suits = !layer.sums_in_workspace && in_vectors(kernel, t.input, input_extents(layer.spec)) &&
                       in_vectors(kernel, t.output, output) &&
                       (layer.spec.residual == TCONV_RESIDUAL_NONE || in_vectors(kernel, t.residual, output));
    return suits ? kernel : any_access(kernel);
}

int pack_on_device(const DeviceLayer &layer, const DeviceAccess &access, const tconv_view &filter, void *packed) {
    if (int result = make_table(layer, access, layer.geometry.w, layer.table_x, layer.phases_x, packed); result != 0)
        return result;
    if (int result = make_table(layer, access, layer.geometry.h, layer.table_y, layer.phases_y, packed); result != 0)
        return result;
    const bool depthwise = layer.kernel->lanes == Lanes::depthwise;
    // Generated code counts from a buffer's lowest address up: a stride below zero is turned, and the index with it.
    const Extents extents = filter_extents(layer.spec);
    int64_t stride[4], first = 0;
    bool flip[4];
    for (int i = 0; i < 4; i++) {
        stride[i] = extents.size[i] > 1 ? filter.stride[i] : 0;
        flip[i] = stride[i] < 0;
        if (flip[i])
            first += (extents.size[i] - 1) * stride[i], stride[i] = -stride[i];
    }
    // A depthwise layer has its channels along the lanes, of which each reads its own.
    const int co = depthwise ? 0 : 1;
    Call call(access);
    call.buffer(offset_by(filter.data, first * dtype_bytes(layer.spec.dtype)), stored_type(layer.spec.dtype),
                {{layer.outputs, stride[co]},
                 {depthwise ? 1 : layer.channels, stride[0]},
                 {layer.spec.kernel_w, stride[3]},
                 {layer.spec.kernel_h, stride[2]},
                 {layer.groups, layer.channels * stride[0]}});
    call.integer(layer.outputs);
    for (const bool turned : {flip[co], flip[0], flip[3], flip[2]})
        call.integer(turned);
    add_weights(call, layer, packed, 0, layer.groups, true);
    return call.make(layer.kernel->pack);
}

int run_on_device(const DeviceLayer &layer, const DeviceAccess &access, const tconv_tensors &t) {
    const tconv_spec &spec = layer.spec;
    const DeviceKernel &kernel = kernel_for(layer, t);
    const int64_t at_once = images_at_once(layer, kernel, t);
    const Extents out = output_extents(spec);
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
