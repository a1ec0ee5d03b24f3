// TensorFlow's nn.conv2d_transpose and TFLite's TRANSPOSE_CONV. Both are given the output's size, which must be one
// whose convolution has the input's size.
#include <algorithm>

#include "profile.h"

using namespace tconv;

namespace {

// The sizes O with ceil(O/s) = I for SAME, and with floor((O + pads - Ke)/s) + 1 = I else, written as ranges: a division
// of a negative O + pads - Ke is where other implementations accept what cannot be.
void keep_given(int a, int32_t out, int32_t padding, int32_t begin, int32_t end, Profile *profile) {
    const Axis &axis = profile->axis(a);
    const bool same = padding == TCONV_PADDING_SAME;
    const int64_t most = same ? axis.in * axis.stride : axis.full() - begin - end + axis.stride - 1;
    profile->require(TCONV_INVALID_SHAPE, {"output_shape", a}, out, std::max<int64_t>(most - axis.stride + 1, 1), most);
    profile->keep(a, same ? std::max<int64_t>(axis.full() - out, 0) / 2 : begin, out);
}

}  // namespace

void tconv_tensorflow_params_init(tconv_tensorflow_params *params, size_t struct_size) {
    fill_struct(params, tconv_tensorflow_params{0, {0, 0}, {1, 1}, TCONV_PADDING_SAME, {0, 0, 0, 0}, {1, 1}},
                struct_size);
}

void tconv_tflite_params_init(tconv_tflite_params *params, size_t struct_size) {
    fill_struct(params, tconv_tflite_params{0, {0, 0}, {1, 1}, TCONV_PADDING_SAME}, struct_size);
}

tconv_status tconv_profile_tensorflow(tconv_spec *spec, const tconv_tensorflow_params *params, char *message,
                                      size_t capacity) {
    return complete(spec, params, message, capacity, [](const tconv_tensorflow_params &p, Profile &profile) {
        profile.require_choice("padding", p.padding, TCONV_PADDING_EXPLICIT, TCONV_PADDING_VALID);
        profile.take_steps("strides", p.strides, "dilations", p.dilations);
        const bool numbers = p.padding == TCONV_PADDING_EXPLICIT;
        if (numbers)
            profile.require_not_negative("paddings", p.paddings, 4);
        for (int a = 0; a < 2; ++a) {
            keep_given(a, p.output_shape[a], p.padding, numbers ? p.paddings[2 * a] : 0,
                       numbers ? p.paddings[2 * a + 1] : 0, &profile);
        }
    });
}

tconv_status tconv_profile_tflite(tconv_spec *spec, const tconv_tflite_params *params, char *message, size_t capacity) {
    return complete(spec, params, message, capacity, [](const tconv_tflite_params &p, Profile &profile) {
        profile.require_choice("padding", p.padding, TCONV_PADDING_SAME, TCONV_PADDING_VALID);
        profile.take_steps("stride", p.stride, "dilation", {1, 1});
        for (int a = 0; a < 2; ++a)
            keep_given(a, p.output_shape[a], p.padding, 0, 0, &profile);
    });
}
