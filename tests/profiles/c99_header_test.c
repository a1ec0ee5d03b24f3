/* tconv_profiles.h as a strict C99 program sees it: every enum value, every field with its frozen place, every default,
 * and every function called once. */
#include <stdio.h>
#include <string.h>

#include "tconv/tconv_profiles.h"

static int failures = 0;

#define CHECK(condition)                                                    \
    do {                                                                    \
        if (!(condition)) {                                                 \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition); \
            ++failures;                                                     \
        }                                                                   \
    } while (0)

/* The binary interface on 64-bit systems: a field's place never changes, new ones go to the end. */
#define AT(type, field, offset) expect_at(#type "." #field, offsetof(type, field), (offset))

static void expect_at(const char *what, size_t found, size_t expected) {
    if (sizeof(void *) == 8 && found != expected) {
        fprintf(stderr, "%s is at %lu, was at %lu\n", what, (unsigned long)found, (unsigned long)expected);
        ++failures;
    }
}

static void check_enums(void) {
    CHECK(TCONV_PADDING_EXPLICIT == 0 && TCONV_PADDING_SAME == 1 && TCONV_PADDING_VALID == 2);
    CHECK(TCONV_AUTO_PAD_NOTSET == 0 && TCONV_AUTO_PAD_SAME_UPPER == 1 && TCONV_AUTO_PAD_SAME_LOWER == 2);
    CHECK(TCONV_AUTO_PAD_VALID == 3 && TCONV_ONNX_SPEC == 0 && TCONV_ONNX_ORT_1_31 == 1);
    CHECK(TCONV_WEIGHTS_TORCH == 1 && TCONV_WEIGHTS_NUMPY_ML == 2 && TCONV_WEIGHTS_TENSORFLOW == 3);
    CHECK(TCONV_WEIGHTS_TFLITE == 4 && TCONV_WEIGHTS_ONEDNN == 5 && TCONV_WEIGHTS_JAX == 6);
    CHECK(TCONV_WEIGHTS_JAX_TRANSPOSED == 7 && TCONV_WEIGHTS_JAX_OIHW == 8);
}

static void check_layout(void) {
    AT(tconv_torch_params, struct_size, 0), AT(tconv_torch_params, stride, 8), AT(tconv_torch_params, padding, 16);
    AT(tconv_torch_params, output_padding, 24), AT(tconv_torch_params, dilation, 32);
    AT(tconv_torch_params, groups, 40), AT(tconv_torch_params, has_output_size, 44);
    AT(tconv_torch_params, output_size, 48);
    CHECK(sizeof(void *) != 8 || sizeof(tconv_torch_params) == 56);
    AT(tconv_chainer_params, struct_size, 0), AT(tconv_chainer_params, stride, 8), AT(tconv_chainer_params, pad, 16);
    AT(tconv_chainer_params, dilate, 24), AT(tconv_chainer_params, groups, 32);
    AT(tconv_chainer_params, has_outsize, 36), AT(tconv_chainer_params, outsize, 40);
    CHECK(sizeof(void *) != 8 || sizeof(tconv_chainer_params) == 48);
    AT(tconv_paddle_params, struct_size, 0), AT(tconv_paddle_params, stride, 8);
    AT(tconv_paddle_params, padding_algorithm, 16), AT(tconv_paddle_params, padding_count, 20);
    AT(tconv_paddle_params, padding, 24), AT(tconv_paddle_params, output_padding, 40);
    AT(tconv_paddle_params, dilation, 48), AT(tconv_paddle_params, groups, 56);
    AT(tconv_paddle_params, has_output_size, 60), AT(tconv_paddle_params, output_size, 64);
    AT(tconv_paddle_params, fluid, 72);
    CHECK(sizeof(void *) != 8 || sizeof(tconv_paddle_params) == 80);
    AT(tconv_numpy_ml_params, struct_size, 0), AT(tconv_numpy_ml_params, stride, 8);
    AT(tconv_numpy_ml_params, pad_rule, 12), AT(tconv_numpy_ml_params, pad_count, 16);
    AT(tconv_numpy_ml_params, pad, 20), AT(tconv_numpy_ml_params, dilation, 36);
    CHECK(sizeof(void *) != 8 || sizeof(tconv_numpy_ml_params) == 40);
    AT(tconv_onnx_params, struct_size, 0), AT(tconv_onnx_params, rules, 8), AT(tconv_onnx_params, auto_pad, 12);
    AT(tconv_onnx_params, strides, 16), AT(tconv_onnx_params, dilations, 24), AT(tconv_onnx_params, pads, 32);
    AT(tconv_onnx_params, output_padding, 48), AT(tconv_onnx_params, group, 56);
    AT(tconv_onnx_params, has_output_shape, 60), AT(tconv_onnx_params, output_shape, 64);
    CHECK(sizeof(void *) != 8 || sizeof(tconv_onnx_params) == 72);
    AT(tconv_tensorflow_params, struct_size, 0), AT(tconv_tensorflow_params, output_shape, 8);
    AT(tconv_tensorflow_params, strides, 16), AT(tconv_tensorflow_params, padding, 24);
    AT(tconv_tensorflow_params, paddings, 28), AT(tconv_tensorflow_params, dilations, 44);
    CHECK(sizeof(void *) != 8 || sizeof(tconv_tensorflow_params) == 56);
    AT(tconv_keras_params, struct_size, 0), AT(tconv_keras_params, strides, 8), AT(tconv_keras_params, padding, 16);
    AT(tconv_keras_params, has_output_padding, 20), AT(tconv_keras_params, output_padding, 24);
    AT(tconv_keras_params, dilation_rate, 32), AT(tconv_keras_params, torch_legacy, 40);
    CHECK(sizeof(void *) != 8 || sizeof(tconv_keras_params) == 48);
    AT(tconv_tflite_params, struct_size, 0), AT(tconv_tflite_params, output_shape, 8);
    AT(tconv_tflite_params, stride, 16), AT(tconv_tflite_params, padding, 24);
    CHECK(sizeof(void *) != 8 || sizeof(tconv_tflite_params) == 32);
    AT(tconv_jax_params, struct_size, 0), AT(tconv_jax_params, strides, 8), AT(tconv_jax_params, padding, 16);
    AT(tconv_jax_params, pads, 20), AT(tconv_jax_params, rhs_dilation, 36);
    AT(tconv_jax_params, use_consistent_padding, 44);
    CHECK(sizeof(void *) != 8 || sizeof(tconv_jax_params) == 48);
    AT(tconv_openvino_params, struct_size, 0), AT(tconv_openvino_params, strides, 8);
    AT(tconv_openvino_params, pads_begin, 16), AT(tconv_openvino_params, pads_end, 24);
    AT(tconv_openvino_params, dilations, 32), AT(tconv_openvino_params, auto_pad, 40);
    AT(tconv_openvino_params, output_padding, 44), AT(tconv_openvino_params, has_output_shape, 52);
    AT(tconv_openvino_params, output_shape, 56);
    CHECK(sizeof(void *) != 8 || sizeof(tconv_openvino_params) == 64);
}

/* Defaults, and one call of each function on a layer of 4 x 5 inputs and 3 x 3 taps. */
#define PAIR(array, value) ((array)[0] == (value) && (array)[1] == (value))
#define FOUR(array, value) (PAIR(array, value) && (array)[2] == (value) && (array)[3] == (value))

static tconv_spec layer;

static void expect_size(tconv_status status, const tconv_spec *spec, int32_t height, int32_t width) {
    int32_t out_h = 0, out_w = 0;
    CHECK(status == TCONV_OK && tconv_spec_output_size(spec, &out_h, &out_w) == TCONV_OK);
    CHECK(out_h == height && out_w == width);
}

static void check_pads_by_number(void) {
    tconv_torch_params torch;
    tconv_chainer_params chainer;
    tconv_paddle_params paddle;
    tconv_numpy_ml_params numpy_ml;
    char message[128];
    tconv_spec spec = layer;

    tconv_torch_params_init(&torch, sizeof torch);
    CHECK(torch.struct_size == sizeof torch && PAIR(torch.stride, 1) && PAIR(torch.padding, 0) && torch.groups == 1);
    CHECK(PAIR(torch.output_padding, 0) && PAIR(torch.dilation, 1) && !torch.has_output_size);
    CHECK(PAIR(torch.output_size, 0));
    expect_size(tconv_profile_torch(&spec, &torch, message, sizeof message), &spec, 6, 7);

    tconv_chainer_params_init(&chainer, sizeof chainer);
    CHECK(chainer.struct_size == sizeof chainer && PAIR(chainer.stride, 1) && PAIR(chainer.pad, 0));
    CHECK(PAIR(chainer.dilate, 1) && chainer.groups == 1 && !chainer.has_outsize && PAIR(chainer.outsize, 0));
    expect_size(tconv_profile_chainer(&spec, &chainer, message, sizeof message), &spec, 6, 7);

    tconv_paddle_params_init(&paddle, sizeof paddle);
    CHECK(paddle.struct_size == sizeof paddle && PAIR(paddle.stride, 1) && FOUR(paddle.padding, 0) && !paddle.fluid);
    CHECK(paddle.padding_algorithm == TCONV_PADDING_EXPLICIT && paddle.padding_count == 1 && paddle.groups == 1);
    CHECK(PAIR(paddle.output_padding, 0) && PAIR(paddle.dilation, 1));
    CHECK(!paddle.has_output_size && PAIR(paddle.output_size, 0));
    expect_size(tconv_profile_paddle(&spec, &paddle, message, sizeof message), &spec, 6, 7);

    tconv_numpy_ml_params_init(&numpy_ml, sizeof numpy_ml);
    CHECK(numpy_ml.struct_size == sizeof numpy_ml && numpy_ml.stride == 1 && numpy_ml.pad_count == 1);
    CHECK(numpy_ml.pad_rule == TCONV_PADDING_EXPLICIT && FOUR(numpy_ml.pad, 0) && numpy_ml.dilation == 0);
    expect_size(tconv_profile_numpy_ml(&spec, &numpy_ml, message, sizeof message), &spec, 6, 7);
}

static void check_pads_by_rule(void) {
    tconv_onnx_params onnx;
    tconv_tensorflow_params tensorflow;
    tconv_keras_params keras;
    tconv_tflite_params tflite;
    tconv_jax_params jax;
    tconv_openvino_params openvino;
    char message[128];
    tconv_spec spec = layer;

    tconv_onnx_params_init(&onnx, sizeof onnx);
    CHECK(onnx.struct_size == sizeof onnx && onnx.rules == TCONV_ONNX_SPEC && onnx.auto_pad == TCONV_AUTO_PAD_NOTSET);
    CHECK(PAIR(onnx.strides, 1) && PAIR(onnx.dilations, 1) && FOUR(onnx.pads, 0) && PAIR(onnx.output_padding, 0));
    CHECK(onnx.group == 1 && !onnx.has_output_shape && PAIR(onnx.output_shape, 0));
    expect_size(tconv_profile_onnx(&spec, &onnx, message, sizeof message), &spec, 6, 7);

    tconv_tensorflow_params_init(&tensorflow, sizeof tensorflow);
    CHECK(tensorflow.struct_size == sizeof tensorflow && PAIR(tensorflow.strides, 1) && FOUR(tensorflow.paddings, 0));
    CHECK(PAIR(tensorflow.dilations, 1) && tensorflow.padding == TCONV_PADDING_SAME);
    CHECK(PAIR(tensorflow.output_shape, 0));
    tensorflow.output_shape[0] = 4, tensorflow.output_shape[1] = 5;
    expect_size(tconv_profile_tensorflow(&spec, &tensorflow, message, sizeof message), &spec, 4, 5);

    tconv_keras_params_init(&keras, sizeof keras);
    CHECK(keras.struct_size == sizeof keras && PAIR(keras.strides, 1) && keras.padding == TCONV_PADDING_VALID);
    CHECK(!keras.has_output_padding && PAIR(keras.output_padding, 0) && PAIR(keras.dilation_rate, 1));
    CHECK(!keras.torch_legacy);
    expect_size(tconv_profile_keras(&spec, &keras, message, sizeof message), &spec, 6, 7);

    tconv_tflite_params_init(&tflite, sizeof tflite);
    CHECK(tflite.struct_size == sizeof tflite && PAIR(tflite.output_shape, 0) && PAIR(tflite.stride, 1));
    CHECK(tflite.padding == TCONV_PADDING_SAME);
    tflite.output_shape[0] = 4, tflite.output_shape[1] = 5;
    expect_size(tconv_profile_tflite(&spec, &tflite, message, sizeof message), &spec, 4, 5);

    tconv_jax_params_init(&jax, sizeof jax);
    CHECK(jax.struct_size == sizeof jax && PAIR(jax.strides, 1) && jax.padding == TCONV_PADDING_EXPLICIT);
    CHECK(FOUR(jax.pads, 0) && PAIR(jax.rhs_dilation, 1) && !jax.use_consistent_padding);
    expect_size(tconv_profile_jax(&spec, &jax, message, sizeof message), &spec, 2, 3);

    tconv_openvino_params_init(&openvino, sizeof openvino);
    CHECK(openvino.struct_size == sizeof openvino && PAIR(openvino.strides, 1) && PAIR(openvino.pads_begin, 0));
    CHECK(PAIR(openvino.pads_end, 0) && PAIR(openvino.dilations, 1) && openvino.auto_pad == TCONV_AUTO_PAD_NOTSET);
    CHECK(PAIR(openvino.output_padding, 0) && !openvino.has_output_shape && PAIR(openvino.output_shape, 0));
    expect_size(tconv_profile_openvino(&spec, &openvino, message, sizeof message), &spec, 6, 7);
}

static void check_weights(void) {
    const float weights[2 * 3 * 9] = {0};
    char message[128];
    tconv_view view;
    CHECK(tconv_profile_filter(&layer, TCONV_WEIGHTS_JAX, weights, &view, message, sizeof message) == TCONV_OK);
    CHECK((const float *)view.data == weights + 6 * 8 && view.stride[0] == 3 && view.stride[1] == 1);
    CHECK(view.stride[2] == -18 && view.stride[3] == -6);
}

int main(void) {
    tconv_spec_init(&layer, sizeof layer);
    layer.in_channels = 2, layer.out_channels = 3;
    layer.in_h = 4, layer.in_w = 5, layer.kernel_h = layer.kernel_w = 3;
    check_enums();
    check_layout();
    check_pads_by_number();
    check_pads_by_rule();
    check_weights();
    return failures == 0 ? 0 : 1;
}
