// Keras' Conv2DTranspose, whose size follows from output_padding, None or given, and whose crop is TensorFlow's for
// that size. Its torch backend, before it was mended, could only pad both ends of an axis alike.
#include <algorithm>

#include "profile.h"

using namespace tconv;

namespace {

int64_t size_of(const tconv_keras_params &p, const Axis &axis, int a) {
    const int64_t extent = axis.dilation * (axis.kernel - 1) + 1;
    if (p.padding == TCONV_PADDING_VALID)
        return axis.full() + (p.has_output_padding ? p.output_padding[a] : std::max<int64_t>(axis.stride - extent, 0));
    return p.has_output_padding ? axis.stride * (axis.in - 1) + extent % 2 + p.output_padding[a]
                                : axis.stride * axis.in;
}

// Padding of both ends, rounded up, then torch's output_padding for what that takes too much.
void keep_as_torch_did(int a, int64_t out, Profile *profile) {
    const Axis &axis = profile->axis(a);
    const int64_t cut = std::max<int64_t>(axis.full() - out, 0);
    const int64_t padding = cut - cut / 2;
    const int64_t output_padding = out - (axis.full() - 2 * padding);
    if (output_padding >= axis.stride) {
        profile->fail(TCONV_INVALID_SHAPE,
                      "strides[%d] is %lld and padding is SAME, which takes a torch padding of %lld and "
                      "output_padding of %lld; torch_legacy allows: 0 to %lld",
                      a, static_cast<long long>(axis.stride), static_cast<long long>(padding),
                      static_cast<long long>(output_padding), static_cast<long long>(axis.stride - 1));
    }
    profile->keep(a, padding, out);
}

}  // namespace

void tconv_keras_params_init(tconv_keras_params *params, size_t struct_size) {
    fill_struct(params, tconv_keras_params{0, {1, 1}, TCONV_PADDING_VALID, 0, {0, 0}, {1, 1}, 0}, struct_size);
}

tconv_status tconv_profile_keras(tconv_spec *spec, const tconv_keras_params *params, char *message, size_t capacity) {
    return complete(spec, params, message, capacity, [](const tconv_keras_params &p, Profile &profile) {
        profile.require_choice("padding", p.padding, TCONV_PADDING_SAME, TCONV_PADDING_VALID);
        profile.require_choice("has_output_padding", p.has_output_padding, 0, 1);
        profile.require_choice("torch_legacy", p.torch_legacy, 0, 1);
        profile.take_steps("strides", p.strides, "dilation_rate", p.dilation_rate);
        for (int a = 0; a < 2; ++a) {
            const Axis &axis = profile.axis(a);
            if (p.has_output_padding) {
                profile.require(TCONV_INVALID_SHAPE, {"output_padding", a}, p.output_padding[a], 0, axis.stride - 1);
            }
            const int64_t out = size_of(p, axis, a);
            if (out < 1) {  // one input, an even kernel, and an output_padding of 0
                profile.fail(TCONV_INVALID_SHAPE,
                             "output_padding[%d] is %d, which leaves no output of one input and an even kernel; "
                             "allowed: 1 or more",
                             a, p.output_padding[a]);
            }
            const int64_t cut = p.padding == TCONV_PADDING_SAME ? std::max<int64_t>(axis.full() - out, 0) : 0;
            if (p.torch_legacy)
                keep_as_torch_did(a, out, &profile);
            else
                profile.keep(a, cut / 2, out);
        }
    });
}
