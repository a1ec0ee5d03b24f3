// What the profiles refuse: the status, and the whole message, in the framework's own names. Nothing is written then.
#include <gtest/gtest.h>

#include <functional>
#include <string>

#include "random_spec.h"
#include "tconv/tconv_profiles.h"

namespace {

using tconv::testing::same_spec;

constexpr int32_t kMost = 2147483647;

// 4 x 5 inputs, 3 x 4 taps, 6 to 4 channels.
tconv_spec small() {
    tconv_spec spec;
    tconv_spec_init(&spec, sizeof spec);
    spec.in_channels = 6, spec.out_channels = 4;
    spec.in_h = 4, spec.in_w = 5;
    spec.kernel_h = 3, spec.kernel_w = 4;
    return spec;
}

template<typename Params>
struct Framework {
    void (*init)(Params *, size_t);
    tconv_status (*profile)(tconv_spec *, const Params *, char *, size_t);

    void refuses(const std::function<void(Params &)> &change, tconv_status status, const std::string &message) const {
        Params params;
        init(&params, sizeof params);
        change(params);
        refuses(small(), params, status, message);
    }

    void refuses(const tconv_spec &spec, const Params &params, tconv_status status, const std::string &message) const {
        tconv_spec asked = spec;
        char text[300];
        EXPECT_EQ(profile(&asked, &params, text, sizeof text), status) << message;
        EXPECT_EQ(text, message);
        EXPECT_TRUE(same_spec(asked, spec)) << message;
    }

    // What all profiles have in common; `change` makes the parameters legal for small().
    void keeps_the_contract(const std::function<void(Params &)> &change) const {
        Params params;
        init(&params, sizeof params);
        change(params);
        tconv_spec spec = small();
        ASSERT_EQ(profile(&spec, &params, nullptr, 0), TCONV_OK);

        // Everything that no profile sets stays; what they do set does not depend on what was there.
        tconv_spec used = small();
        used.dtype = TCONV_BF16, used.layout = TCONV_NHWC, used.math = TCONV_MATH_STRICT;
        used.activation = TCONV_ACT_CLIP, used.act_alpha = -1, used.act_beta = 2;
        used.residual = TCONV_RESIDUAL_AFTER, used.has_bias = 0, used.batch = 9, used.max_packed_bytes = 5;
        tconv_spec expected = used;
        expected.stride_h = spec.stride_h, expected.stride_w = spec.stride_w;
        expected.dilation_h = spec.dilation_h, expected.dilation_w = spec.dilation_w;
        expected.pad_top = spec.pad_top, expected.pad_left = spec.pad_left;
        expected.pad_bottom = spec.pad_bottom, expected.pad_right = spec.pad_right;
        used.stride_h = 7, used.dilation_w = -3, used.pad_top = kMost, used.pad_right = 3;
        used.output_padding_h = 77, used.output_padding_w = -1;
        ASSERT_EQ(profile(&used, &params, nullptr, 0), TCONV_OK);
        EXPECT_TRUE(same_spec(used, expected));

        char text[300];
        EXPECT_EQ(profile(nullptr, &params, text, sizeof text), TCONV_INVALID_ARGUMENT);
        EXPECT_STREQ(text, "spec is NULL");
        EXPECT_EQ(profile(&spec, nullptr, text, sizeof text), TCONV_INVALID_ARGUMENT);
        EXPECT_STREQ(text, "params is NULL");
        tconv_spec odd = small();
        odd.struct_size = 12;
        refuses(odd, params, TCONV_INVALID_STRUCT,
                "struct_size of the spec is 12; this library knows " + std::to_string(sizeof odd));
        Params unknown = params;
        unknown.struct_size += 4;
        refuses(small(), unknown, TCONV_INVALID_STRUCT,
                "struct_size of the parameters is " + std::to_string(sizeof params + 4) + "; this library knows " +
                    std::to_string(sizeof params));
        odd = small();
        odd.in_w = 0;
        refuses(odd, params, TCONV_INVALID_ARGUMENT, "in_w is 0; allowed: 1 to 2147483647");
        char cut[6] = "12345";
        EXPECT_EQ(profile(nullptr, &params, cut, sizeof cut), TCONV_INVALID_ARGUMENT);
        EXPECT_STREQ(cut, "spec ");
    }
};

constexpr Framework<tconv_torch_params> kTorch = {tconv_torch_params_init, tconv_profile_torch};
constexpr Framework<tconv_chainer_params> kChainer = {tconv_chainer_params_init, tconv_profile_chainer};
constexpr Framework<tconv_paddle_params> kPaddle = {tconv_paddle_params_init, tconv_profile_paddle};
constexpr Framework<tconv_numpy_ml_params> kNumpyMl = {tconv_numpy_ml_params_init, tconv_profile_numpy_ml};
constexpr Framework<tconv_onnx_params> kOnnx = {tconv_onnx_params_init, tconv_profile_onnx};
constexpr Framework<tconv_tensorflow_params> kTensorFlow = {tconv_tensorflow_params_init, tconv_profile_tensorflow};
constexpr Framework<tconv_tflite_params> kTfLite = {tconv_tflite_params_init, tconv_profile_tflite};
constexpr Framework<tconv_keras_params> kKeras = {tconv_keras_params_init, tconv_profile_keras};
constexpr Framework<tconv_jax_params> kJax = {tconv_jax_params_init, tconv_profile_jax};
constexpr Framework<tconv_openvino_params> kOpenVino = {tconv_openvino_params_init, tconv_profile_openvino};

TEST(Limits, WhatAllProfilesShare) {
    kTorch.keeps_the_contract([](auto &p) { p.stride[0] = 2, p.padding[1] = 1; });
    kChainer.keeps_the_contract([](auto &p) { p.stride[0] = 2, p.pad[1] = 1; });
    kPaddle.keeps_the_contract([](auto &p) { p.stride[0] = 2, p.padding_algorithm = TCONV_PADDING_SAME; });
    kNumpyMl.keeps_the_contract([](auto &p) { p.stride = 2, p.pad[0] = 1; });
    kOnnx.keeps_the_contract([](auto &p) { p.strides[0] = 2, p.pads[1] = 1; });
    kTensorFlow.keeps_the_contract([](auto &p) { p.strides[0] = 2, p.output_shape[0] = 8, p.output_shape[1] = 5; });
    kTfLite.keeps_the_contract([](auto &p) { p.stride[0] = 2, p.output_shape[0] = 8, p.output_shape[1] = 5; });
    kKeras.keeps_the_contract([](auto &p) { p.strides[0] = 2, p.padding = TCONV_PADDING_SAME; });
    kJax.keeps_the_contract([](auto &p) { p.strides[0] = 2, p.padding = TCONV_PADDING_SAME; });
    kOpenVino.keeps_the_contract([](auto &p) { p.strides[0] = 2, p.pads_begin[1] = 1; });
}

TEST(Limits, Torch) {
    kTorch.refuses([](auto &p) { p.stride[1] = 0; }, TCONV_INVALID_ARGUMENT, "stride[1] is 0; allowed: 1 or more");
    kTorch.refuses([](auto &p) { p.dilation[0] = -2; }, TCONV_INVALID_ARGUMENT,
                   "dilation[0] is -2; allowed: 1 or more");
    kTorch.refuses([](auto &p) { p.padding[1] = -1; }, TCONV_INVALID_ARGUMENT, "padding[1] is -1; allowed: 0 or more");
    kTorch.refuses([](auto &p) { p.groups = 0; }, TCONV_INVALID_ARGUMENT, "groups is 0; allowed: 1 or more");
    kTorch.refuses([](auto &p) { p.groups = 4; }, TCONV_INVALID_ARGUMENT,
                   "groups is 4; allowed: a divisor of in_channels 6 and of out_channels 4");
    kTorch.refuses([](auto &p) { p.has_output_size = 2; }, TCONV_INVALID_ARGUMENT,
                   "has_output_size is 2; allowed: 0 to 1");
    kTorch.refuses([](auto &p) { p.stride[1] = 3, p.dilation[1] = 2, p.output_padding[1] = 3; }, TCONV_INVALID_SHAPE,
                   "output_padding[1] is 3; allowed: 0 to 2");
    kTorch.refuses([](auto &p) { p.output_padding[0] = -1; }, TCONV_INVALID_SHAPE,
                   "output_padding[0] is -1; allowed: 0");
    kTorch.refuses([](auto &p) { p.padding[0] = 3; }, TCONV_INVALID_SHAPE,
                   "padding of the rows is 3 and 3, which leaves 0 of 6 outputs; at least 1 is needed");
    kTorch.refuses([](auto &p) { p.stride[1] = 3, p.has_output_size = 1, p.output_size[0] = 6, p.output_size[1] = 19; },
                   TCONV_INVALID_SHAPE, "output_size[1] is 19; allowed: 16 to 18");
    kTorch.refuses([](auto &p) { p.padding[0] = 3, p.has_output_size = 1, p.output_size[0] = 1; }, TCONV_INVALID_SHAPE,
                   "output_size[0] is 1; allowed: none, since the padding leaves no output");
    // Arguments of both axes come before shapes of either.
    kTorch.refuses([](auto &p) { p.output_padding[0] = 9, p.padding[1] = -1; }, TCONV_INVALID_ARGUMENT,
                   "padding[1] is -1; allowed: 0 or more");
}

TEST(Limits, Chainer) {
    kChainer.refuses([](auto &p) { p.dilate[1] = 0; }, TCONV_INVALID_ARGUMENT, "dilate[1] is 0; allowed: 1 or more");
    kChainer.refuses([](auto &p) { p.pad[0] = -1; }, TCONV_INVALID_ARGUMENT, "pad[0] is -1; allowed: 0 or more");
    kChainer.refuses([](auto &p) { p.groups = 5; }, TCONV_INVALID_ARGUMENT,
                     "groups is 5; allowed: a divisor of in_channels 6 and of out_channels 4");
    kChainer.refuses([](auto &p) { p.has_outsize = -1; }, TCONV_INVALID_ARGUMENT, "has_outsize is -1; allowed: 0 to 1");
    kChainer.refuses([](auto &p) { p.stride[0] = 3, p.has_outsize = 1, p.outsize[0] = 9; }, TCONV_INVALID_SHAPE,
                     "outsize[0] is 9; allowed: 10 to 14");
    kChainer.refuses([](auto &p) { p.pad[1] = 4; }, TCONV_INVALID_SHAPE,
                     "pad of the columns is 4 and 4, which leaves 0 of 8 outputs; at least 1 is needed");
}

TEST(Limits, Paddle) {
    kPaddle.refuses([](auto &p) { p.padding_algorithm = 3; }, TCONV_INVALID_ARGUMENT,
                    "padding_algorithm is 3; allowed: 0 to 2");
    kPaddle.refuses([](auto &p) { p.padding_count = 3; }, TCONV_INVALID_ARGUMENT,
                    "padding_count is 3; allowed: 1, 2 or 4");
    kPaddle.refuses([](auto &p) { p.padding_count = 0; }, TCONV_INVALID_ARGUMENT,
                    "padding_count is 0; allowed: 1 to 4");
    kPaddle.refuses([](auto &p) { p.padding_count = 4, p.padding[3] = -2; }, TCONV_INVALID_ARGUMENT,
                    "padding[3] is -2; allowed: 0 or more");
    kPaddle.refuses([](auto &p) { p.padding_algorithm = TCONV_PADDING_SAME, p.dilation[0] = 0; },
                    TCONV_INVALID_ARGUMENT, "dilation[0] is 0; allowed: 1 or more");
    kPaddle.refuses([](auto &p) { p.has_output_size = 1, p.output_padding[1] = 1; }, TCONV_INVALID_ARGUMENT,
                    "output_padding[1] is 1; allowed: 0");
    kPaddle.refuses([](auto &p) { p.stride[0] = 2, p.has_output_size = 1, p.output_size[0] = 8; }, TCONV_INVALID_SHAPE,
                    "output_size[0] is 8; allowed: 9 to 10");
    kPaddle.refuses([](auto &p) { p.dilation[1] = 3, p.output_padding[1] = 3; }, TCONV_INVALID_SHAPE,
                    "output_padding[1] is 3; allowed: 0 to 2");
    kPaddle.refuses(
        [](auto &p) { p.padding_algorithm = TCONV_PADDING_SAME, p.dilation[1] = 3, p.output_padding[1] = 1; },
        TCONV_INVALID_SHAPE, "output_padding[1] is 1; allowed: 0");
    kPaddle.refuses([](auto &p) { p.padding_count = 4, p.padding[2] = 5, p.padding[3] = 4; }, TCONV_INVALID_SHAPE,
                    "padding of the columns is 5 and 4, which leaves -1 of 8 outputs; at least 1 is needed");
    kPaddle.refuses([](auto &p) { p.fluid = 1, p.padding_algorithm = TCONV_PADDING_SAME; }, TCONV_INVALID_ARGUMENT,
                    "padding_algorithm is 1; allowed: 0");
    kPaddle.refuses([](auto &p) { p.fluid = 1, p.padding_count = 4; }, TCONV_INVALID_ARGUMENT,
                    "padding_count is 4; allowed: 1 to 2");
    kPaddle.refuses([](auto &p) { p.fluid = 1, p.stride[0] = 2, p.output_padding[0] = 1; }, TCONV_INVALID_ARGUMENT,
                    "output_padding[0] is 1; allowed: 0");
}

TEST(Limits, NumpyMl) {
    kNumpyMl.refuses([](auto &p) { p.stride = 0; }, TCONV_INVALID_ARGUMENT, "stride is 0; allowed: 1 or more");
    kNumpyMl.refuses([](auto &p) { p.dilation = -1; }, TCONV_INVALID_ARGUMENT,
                     "dilation is -1; allowed: 0 to 2147483646");
    kNumpyMl.refuses([](auto &p) { p.dilation = kMost; }, TCONV_INVALID_ARGUMENT,
                     "dilation is 2147483647; allowed: 0 to 2147483646");
    kNumpyMl.refuses([](auto &p) { p.pad_rule = TCONV_PADDING_VALID; }, TCONV_INVALID_ARGUMENT,
                     "pad_rule is 2; allowed: 0 to 1");
    kNumpyMl.refuses([](auto &p) { p.pad_count = 3; }, TCONV_INVALID_ARGUMENT, "pad_count is 3; allowed: 1, 2 or 4");
    kNumpyMl.refuses([](auto &p) { p.pad[0] = -1; }, TCONV_INVALID_ARGUMENT, "pad[0] is -1; allowed: 0 or more");
    kNumpyMl.refuses([](auto &p) { p.pad_count = 4, p.pad[0] = 5, p.stride = 3; }, TCONV_INVALID_SHAPE,
                     "pad of the rows is 5 and 0, 5 together; allowed: 0 to 4, twice the kernel's extent less 1");
}

TEST(Limits, Onnx) {
    kOnnx.refuses([](auto &p) { p.auto_pad = 4; }, TCONV_INVALID_ARGUMENT, "auto_pad is 4; allowed: 0 to 3");
    kOnnx.refuses([](auto &p) { p.rules = 2; }, TCONV_INVALID_ARGUMENT, "rules is 2; allowed: 0 to 1");
    kOnnx.refuses([](auto &p) { p.group = 0; }, TCONV_INVALID_ARGUMENT, "group is 0; allowed: 1 or more");
    kOnnx.refuses([](auto &p) { p.pads[2] = -1; }, TCONV_INVALID_ARGUMENT, "pads[2] is -1; allowed: 0 or more");
    kOnnx.refuses([](auto &p) { p.auto_pad = TCONV_AUTO_PAD_VALID, p.pads[3] = 1; }, TCONV_INVALID_ARGUMENT,
                  "pads[3] is 1; allowed: 0");
    kOnnx.refuses([](auto &p) { p.dilations[0] = 3, p.output_padding[0] = 3; }, TCONV_INVALID_SHAPE,
                  "output_padding[0] is 3; allowed: 0 to 2");
    kOnnx.refuses([](auto &p) { p.rules = TCONV_ONNX_ORT_1_31, p.dilations[0] = 3, p.output_padding[0] = 1; },
                  TCONV_INVALID_SHAPE, "output_padding[0] is 1; allowed: 0");
    kOnnx.refuses([](auto &p) { p.has_output_shape = 1, p.output_shape[1] = 3; }, TCONV_INVALID_SHAPE,
                  "output_shape[0] is 0; allowed: 1 or more");
    kOnnx.refuses([](auto &p) { p.pads[0] = 5, p.pads[2] = 2; }, TCONV_INVALID_SHAPE,
                  "pads of the rows is 5 and 2, which leaves -1 of 6 outputs; at least 1 is needed");
}

TEST(Limits, TensorFlowAndTfLite) {
    kTensorFlow.refuses([](auto &p) { p.padding = 3; }, TCONV_INVALID_ARGUMENT, "padding is 3; allowed: 0 to 2");
    kTensorFlow.refuses([](auto &p) { p.padding = TCONV_PADDING_EXPLICIT, p.paddings[1] = -1; }, TCONV_INVALID_ARGUMENT,
                        "paddings[1] is -1; allowed: 0 or more");
    kTensorFlow.refuses([](auto &p) { p.strides[0] = 3, p.output_shape[0] = 13; }, TCONV_INVALID_SHAPE,
                        "output_shape[0] is 13; allowed: 10 to 12");
    kTensorFlow.refuses([](auto &) {}, TCONV_INVALID_SHAPE, "output_shape[0] is 0; allowed: 4");
    kTensorFlow.refuses([](auto &p) { p.padding = TCONV_PADDING_VALID, p.output_shape[0] = 7; }, TCONV_INVALID_SHAPE,
                        "output_shape[0] is 7; allowed: 6");
    kTensorFlow.refuses(
        [](auto &p) {
            p.padding = TCONV_PADDING_EXPLICIT, p.paddings[0] = 2, p.paddings[1] = 4;
            p.output_shape[0] = 1;
        },
        TCONV_INVALID_SHAPE, "output_shape[0] is 1; allowed: none, since the padding leaves no output");
    kTfLite.refuses([](auto &p) { p.padding = TCONV_PADDING_EXPLICIT; }, TCONV_INVALID_ARGUMENT,
                    "padding is 0; allowed: 1 to 2");
    kTfLite.refuses([](auto &p) { p.stride[1] = 2, p.output_shape[0] = 4, p.output_shape[1] = 8; }, TCONV_INVALID_SHAPE,
                    "output_shape[1] is 8; allowed: 9 to 10");
}

TEST(Limits, Keras) {
    kKeras.refuses([](auto &p) { p.padding = TCONV_PADDING_EXPLICIT; }, TCONV_INVALID_ARGUMENT,
                   "padding is 0; allowed: 1 to 2");
    kKeras.refuses([](auto &p) { p.dilation_rate[1] = 0; }, TCONV_INVALID_ARGUMENT,
                   "dilation_rate[1] is 0; allowed: 1 or more");
    kKeras.refuses([](auto &p) { p.torch_legacy = 7; }, TCONV_INVALID_ARGUMENT, "torch_legacy is 7; allowed: 0 to 1");
    kKeras.refuses([](auto &p) { p.has_output_padding = 1, p.strides[0] = 2, p.output_padding[0] = 2; },
                   TCONV_INVALID_SHAPE, "output_padding[0] is 2; allowed: 0 to 1");
    kKeras.refuses([](auto &p) { p.padding = TCONV_PADDING_SAME, p.torch_legacy = 1; }, TCONV_INVALID_SHAPE,
                   "strides[1] is 1 and padding is SAME, which takes a torch padding of 2 and output_padding of 1; "
                   "torch_legacy allows: 0 to 0");
    tconv_spec one = small();
    one.in_h = 1, one.kernel_h = 2;
    tconv_keras_params p;
    tconv_keras_params_init(&p, sizeof p);
    p.padding = TCONV_PADDING_SAME, p.has_output_padding = 1;
    kKeras.refuses(
        one, p, TCONV_INVALID_SHAPE,
        "output_padding[0] is 0, which leaves no output of one input and an even kernel; allowed: 1 or more");
}

TEST(Limits, Jax) {
    kJax.refuses([](auto &p) { p.padding = -1; }, TCONV_INVALID_ARGUMENT, "padding is -1; allowed: 0 to 2");
    kJax.refuses([](auto &p) { p.rhs_dilation[0] = 0; }, TCONV_INVALID_ARGUMENT,
                 "rhs_dilation[0] is 0; allowed: 1 or more");
    kJax.refuses([](auto &p) { p.use_consistent_padding = 2; }, TCONV_INVALID_ARGUMENT,
                 "use_consistent_padding is 2; allowed: 0 to 1");
    kJax.refuses([](auto &p) { p.pads[2] = -1, p.pads[3] = -1; }, TCONV_INVALID_SHAPE,
                 "pads of the columns is -1 and -1, which leaves 0 of 8 outputs; at least 1 is needed");
}

TEST(Limits, OpenVino) {
    kOpenVino.refuses([](auto &p) { p.auto_pad = -1; }, TCONV_INVALID_ARGUMENT, "auto_pad is -1; allowed: 0 to 3");
    kOpenVino.refuses([](auto &p) { p.pads_end[1] = -1; }, TCONV_INVALID_ARGUMENT,
                      "pads_end[1] is -1; allowed: 0 or more");
    kOpenVino.refuses([](auto &p) { p.output_padding[0] = -1; }, TCONV_INVALID_ARGUMENT,
                      "output_padding[0] is -1; allowed: 0 or more");
    kOpenVino.refuses([](auto &p) { p.has_output_shape = 1; }, TCONV_INVALID_SHAPE,
                      "output_shape[0] is 0; allowed: 1 or more");
    kOpenVino.refuses(
        [](auto &p) { p.pads_begin[0] = 6; }, TCONV_INVALID_SHAPE,
        "pads_begin and pads_end of the rows is 6 and 0, which leaves 0 of 6 outputs; at least 1 is needed");
}

// Each parameter at the ends of its type: always an answer, never an overflow (the sanitizers watch).
TEST(Limits, ExtremeValuesNeverOverflowTheArithmetic) {
    tconv_spec huge = small();
    huge.in_h = huge.in_w = huge.kernel_h = huge.kernel_w = kMost;
    for (const tconv_spec &spec : {small(), huge}) {
        for (const int32_t stride : {1, kMost}) {
            for (const int32_t value : {-kMost - 1, kMost}) {
                for (const int32_t rule : {0, 1, 2, 3}) {
                    const auto answered = [&](tconv_status status) {
                        EXPECT_TRUE(status == TCONV_SIZE_OVERFLOW || status == TCONV_INVALID_SHAPE ||
                                    status == TCONV_INVALID_ARGUMENT || status == TCONV_OK);
                    };
                    const auto steps = [stride](int32_t(&pair)[2]) { pair[0] = pair[1] = stride; };
                    const auto fill = [value](auto &array) {
                        for (int32_t &element : array)
                            element = value;
                    };
                    tconv_jax_params jax;
                    tconv_jax_params_init(&jax, sizeof jax);
                    steps(jax.strides), steps(jax.rhs_dilation), fill(jax.pads);
                    jax.padding = rule;
                    tconv_spec copy = spec;
                    answered(tconv_profile_jax(&copy, &jax, nullptr, 0));
                    jax.use_consistent_padding = 1;
                    answered(tconv_profile_jax(&copy, &jax, nullptr, 0));
                    tconv_keras_params keras;
                    tconv_keras_params_init(&keras, sizeof keras);
                    steps(keras.strides), steps(keras.dilation_rate);
                    keras.padding = rule, keras.torch_legacy = stride == 1;
                    answered(tconv_profile_keras(&copy, &keras, nullptr, 0));
                    tconv_onnx_params onnx;
                    tconv_onnx_params_init(&onnx, sizeof onnx);
                    steps(onnx.strides), steps(onnx.dilations), fill(onnx.output_shape);
                    onnx.auto_pad = rule, onnx.has_output_shape = 1;
                    answered(tconv_profile_onnx(&copy, &onnx, nullptr, 0));
                    tconv_openvino_params openvino;
                    tconv_openvino_params_init(&openvino, sizeof openvino);
                    steps(openvino.strides), steps(openvino.dilations), fill(openvino.output_padding);
                    fill(openvino.pads_begin), fill(openvino.pads_end);
                    answered(tconv_profile_openvino(&copy, &openvino, nullptr, 0));
                    tconv_paddle_params paddle;
                    tconv_paddle_params_init(&paddle, sizeof paddle);
                    steps(paddle.stride), steps(paddle.dilation), fill(paddle.padding);
                    paddle.padding_algorithm = rule;
                    answered(tconv_profile_paddle(&copy, &paddle, nullptr, 0));
                    tconv_numpy_ml_params numpy_ml;
                    tconv_numpy_ml_params_init(&numpy_ml, sizeof numpy_ml);
                    numpy_ml.stride = stride, numpy_ml.dilation = kMost - 1, fill(numpy_ml.pad);
                    answered(tconv_profile_numpy_ml(&copy, &numpy_ml, nullptr, 0));
                    tconv_chainer_params chainer;
                    tconv_chainer_params_init(&chainer, sizeof chainer);
                    steps(chainer.stride), steps(chainer.dilate), fill(chainer.outsize), fill(chainer.pad);
                    answered(tconv_profile_chainer(&copy, &chainer, nullptr, 0));
                    tconv_torch_params torch;
                    tconv_torch_params_init(&torch, sizeof torch);
                    steps(torch.stride), steps(torch.dilation), fill(torch.output_padding), fill(torch.padding);
                    answered(tconv_profile_torch(&copy, &torch, nullptr, 0));
                }
            }
        }
    }
}

TEST(Limits, SizesBeyondTheLibrarysAreOverflows) {
    tconv_torch_params p;
    tconv_torch_params_init(&p, sizeof p);
    p.stride[1] = kMost;
    kTorch.refuses(small(), p, TCONV_SIZE_OVERFLOW,
                   "in_w 5, stride_w 2147483647, kernel_w 4 and dilation_w 1 give 8589934592 columns before padding is "
                   "cut; allowed: at most 2147483647");
    tconv_jax_params jax;
    tconv_jax_params_init(&jax, sizeof jax);
    jax.pads[0] = jax.pads[1] = kMost;
    kJax.refuses(small(), jax, TCONV_SIZE_OVERFLOW,
                 "pad_top is -2147483645 and pad_bottom is -2147483645, which puts the output at rows -2147483645 to "
                 "2147483650; allowed: -2147483644 to 2147483646");
    jax.pads[0] = -kMost;
    kJax.refuses(small(), jax, TCONV_SIZE_OVERFLOW,
                 "the output would be rows 2147483649 to 2147483650 of 6, which takes a pad_top of 2147483649 and a "
                 "pad_bottom of -2147483645; allowed: what int32 holds");
}

}  // namespace
