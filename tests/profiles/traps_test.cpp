// The places where frameworks disagree or go wrong, numbered as in docs/conventions.md; the weights (T2) are in
// weights_test.cpp, numbers and degenerate shapes (T7) in degenerate_layers_test.cpp.
#include <gtest/gtest.h>

#include "kept.h"
#include "runner.h"

namespace tconv {
namespace {

using testing::fill;
using testing::Kept;
using testing::kept;
using testing::kRefused;
using testing::layer;
using testing::params;
using testing::Problem;
using testing::Runner;
using testing::square;

// ---- T1: where the crop begins

// 5 inputs, 3 taps, stride 2, 10 outputs: one image, in two places one pixel apart, and numpy-ml's of 9.
TEST(Traps, T1SameSizeDifferentPixels) {
    const tconv_spec spec = square(5, 3);
    auto tensorflow = params(tconv_tensorflow_params_init);
    fill(tensorflow.strides, 2), fill(tensorflow.output_shape, 10);
    EXPECT_EQ(kept(tconv_profile_tensorflow, spec, tensorflow), (Kept{0, 10}));
    auto tflite = params(tconv_tflite_params_init);
    fill(tflite.stride, 2), fill(tflite.output_shape, 10);
    EXPECT_EQ(kept(tconv_profile_tflite, spec, tflite), (Kept{0, 10}));
    auto keras = params(tconv_keras_params_init);
    fill(keras.strides, 2), keras.padding = TCONV_PADDING_SAME;
    EXPECT_EQ(kept(tconv_profile_keras, spec, keras), (Kept{0, 10}));
    auto jax = params(tconv_jax_params_init);
    fill(jax.strides, 2), jax.padding = TCONV_PADDING_SAME;
    EXPECT_EQ(kept(tconv_profile_jax, spec, jax), (Kept{0, 10}));
    auto onnx = params(tconv_onnx_params_init);
    fill(onnx.strides, 2), onnx.auto_pad = TCONV_AUTO_PAD_SAME_UPPER;
    EXPECT_EQ(kept(tconv_profile_onnx, spec, onnx), (Kept{0, 10}));

    onnx.auto_pad = TCONV_AUTO_PAD_SAME_LOWER;
    EXPECT_EQ(kept(tconv_profile_onnx, spec, onnx), (Kept{1, 10}));
    onnx.auto_pad = TCONV_AUTO_PAD_NOTSET, onnx.has_output_shape = 1, fill(onnx.output_shape, 10);
    EXPECT_EQ(kept(tconv_profile_onnx, spec, onnx), (Kept{1, 10}));
    onnx.rules = TCONV_ONNX_ORT_1_31;
    EXPECT_EQ(kept(tconv_profile_onnx, spec, onnx), (Kept{1, 10}));
    auto torch = params(tconv_torch_params_init);
    fill(torch.stride, 2), fill(torch.padding, 1), fill(torch.output_padding, 1);
    EXPECT_EQ(kept(tconv_profile_torch, spec, torch), (Kept{1, 10}));

    auto numpy_ml = params(tconv_numpy_ml_params_init);
    numpy_ml.stride = 2, numpy_ml.pad_rule = TCONV_PADDING_SAME;
    EXPECT_EQ(kept(tconv_profile_numpy_ml, spec, numpy_ml), (Kept{1, 9}));
}

TEST(Traps, T1OpenVinoHalvesTheOtherWayThanOnnx) {
    const tconv_spec spec = square(5, 3);
    auto openvino = params(tconv_openvino_params_init);
    fill(openvino.strides, 2), openvino.has_output_shape = 1, fill(openvino.output_shape, 10);
    for (const int32_t auto_pad : {TCONV_AUTO_PAD_NOTSET, TCONV_AUTO_PAD_SAME_LOWER, TCONV_AUTO_PAD_VALID}) {
        openvino.auto_pad = auto_pad;
        EXPECT_EQ(kept(tconv_profile_openvino, spec, openvino), (Kept{0, 10}));
    }
    openvino.auto_pad = TCONV_AUTO_PAD_SAME_UPPER;
    EXPECT_EQ(kept(tconv_profile_openvino, spec, openvino), (Kept{1, 10}));
    // Without output_shape an auto_pad makes the pads 0, where ONNX would give 10.
    openvino.has_output_shape = 0, fill(openvino.pads_begin, 1);
    EXPECT_EQ(kept(tconv_profile_openvino, spec, openvino), (Kept{0, 11}));
}

TEST(Traps, T1ValidIsNaturalOrReachesAWholeStride) {
    const tconv_spec spec = square(4, 2);  // stride 3 beyond the kernel: L = 11
    auto jax = params(tconv_jax_params_init);
    fill(jax.strides, 3), jax.padding = TCONV_PADDING_VALID;
    EXPECT_EQ(kept(tconv_profile_jax, spec, jax), (Kept{0, 12}));
    auto keras = params(tconv_keras_params_init);
    fill(keras.strides, 3);
    EXPECT_EQ(kept(tconv_profile_keras, spec, keras), (Kept{0, 12}));
    auto tensorflow = params(tconv_tensorflow_params_init);
    fill(tensorflow.strides, 3), tensorflow.padding = TCONV_PADDING_VALID;
    for (const int32_t out : {10, 11, 13, 14}) {
        fill(tensorflow.output_shape, out);
        EXPECT_EQ(kept(tconv_profile_tensorflow, spec, tensorflow), out == 10 || out == 14 ? kRefused : (Kept{0, out}));
    }
}

// ---- T3: numpy-ml

TEST(Traps, T3NumpyMlAsymmetricPadsAreRecentred) {
    const tconv_spec spec = square(4, 3);
    auto p = params(tconv_numpy_ml_params_init);
    p.stride = 2, p.pad_count = 4;
    const struct {
        int32_t begin, end;
        Kept kept;
    } cases[] = {{0, 1, {1, 8}}, {1, 0, {1, 8}}, {0, 2, {1, 7}}, {2, 0, {1, 7}}, {1, 1, {1, 7}},
                 {0, 3, {2, 6}}, {2, 1, {2, 6}}, {4, 0, {2, 5}}, {0, 0, {0, 9}}};
    for (const auto &c : cases) {
        p.pad[0] = p.pad[2] = c.begin, p.pad[1] = p.pad[3] = c.end;
        EXPECT_EQ(kept(tconv_profile_numpy_ml, spec, p), c.kept) << c.begin << ' ' << c.end;
    }
}

TEST(Traps, T3NumpyMlTuplesAreTopBottomLeftRight) {
    tconv_spec spec = square(4, 3);
    auto p = params(tconv_numpy_ml_params_init);
    p.pad_count = 4, p.pad[0] = 2, p.pad[1] = 1;  // its own documentation of the helper says left, right, up, down
    ASSERT_EQ(tconv_profile_numpy_ml(&spec, &p, nullptr, 0), TCONV_OK);
    EXPECT_TRUE(spec.pad_top == 2 && spec.pad_bottom == 1 && spec.pad_left == 0 && spec.pad_right == 0);
    p.pad_count = 2, p.pad[0] = 2, p.pad[1] = 1;
    ASSERT_EQ(tconv_profile_numpy_ml(&spec, &p, nullptr, 0), TCONV_OK);
    EXPECT_TRUE(spec.pad_top == 2 && spec.pad_bottom == 2 && spec.pad_left == 1 && spec.pad_right == 1);
}

TEST(Traps, T3NumpyMlDilationCountsTheZerosBetweenTaps) {
    tconv_spec spec = square(4, 3);
    auto p = params(tconv_numpy_ml_params_init);
    for (const int32_t dilation : {0, 1, 2}) {
        p.dilation = dilation;
        ASSERT_EQ(tconv_profile_numpy_ml(&spec, &p, nullptr, 0), TCONV_OK);
        EXPECT_TRUE(spec.dilation_h == dilation + 1 && spec.dilation_w == dilation + 1);
        EXPECT_EQ(kept(tconv_profile_numpy_ml, square(4, 3), p), (Kept{0, 6 + 2 * dilation}));
    }
}

TEST(Traps, T3NumpyMlSameIsTheSizeOfTheInputWithItsZeros) {
    auto p = params(tconv_numpy_ml_params_init);
    p.stride = 3, p.pad_rule = TCONV_PADDING_SAME;
    EXPECT_EQ(kept(tconv_profile_numpy_ml, square(4, 3), p), (Kept{1, 10}));
    EXPECT_EQ(kept(tconv_profile_numpy_ml, square(4, 4), p), (Kept{2, 10}));
    EXPECT_EQ(kept(tconv_profile_numpy_ml, square(4, 1), p), (Kept{0, 10}));
}

TEST(Traps, T3NumpyMlRefusesPadsBeyondTheKernel) {
    auto p = params(tconv_numpy_ml_params_init);
    p.pad_count = 4;
    fill(p.pad, 2);
    EXPECT_EQ(kept(tconv_profile_numpy_ml, square(9, 3), p), (Kept{2, 7}));
    p.pad[0] = p.pad[2] = 3;  // ValueError there
    EXPECT_EQ(kept(tconv_profile_numpy_ml, square(9, 3), p), kRefused);
    p.pad[0] = p.pad[2] = 1, p.pad[1] = p.pad[3] = 0;  // AssertionError there
    EXPECT_EQ(kept(tconv_profile_numpy_ml, square(9, 1), p), kRefused);
}

// ---- T4: chainer, paddle, torch

TEST(Traps, T4ChainerOutsizeIsTwoSided) {
    auto p = params(tconv_chainer_params_init);
    fill(p.stride, 3), fill(p.pad, 1), p.has_outsize = 1;
    for (int32_t outsize = 7; outsize <= 15; ++outsize) {  // 3*(4 - 1) + 4 - 2 = 11
        fill(p.outsize, outsize);
        EXPECT_EQ(kept(tconv_profile_chainer, square(4, 4), p),
                  outsize >= 9 && outsize <= 13 ? (Kept{1, outsize}) : kRefused);
    }
}

TEST(Traps, T4ChainerOutsizeChangesTheEndOnly) {
    auto p = params(tconv_chainer_params_init);
    fill(p.stride, 3), fill(p.pad, 1);
    tconv_spec natural = square(4, 4), shorter = natural;
    ASSERT_EQ(tconv_profile_chainer(&natural, &p, nullptr, 0), TCONV_OK);
    p.has_outsize = 1, fill(p.outsize, 9);
    ASSERT_EQ(tconv_profile_chainer(&shorter, &p, nullptr, 0), TCONV_OK);
    EXPECT_TRUE(shorter.pad_top == natural.pad_top && shorter.pad_bottom == natural.pad_bottom + 2);
}

TEST(Traps, T4OutputPaddingHasADifferentBoundInEachFramework) {
    const tconv_spec spec = square(4, 3);
    auto torch = params(tconv_torch_params_init);
    auto onnx = params(tconv_onnx_params_init);
    auto ort = params(tconv_onnx_params_init);
    auto paddle = params(tconv_paddle_params_init);
    auto keras = params(tconv_keras_params_init);
    fill(torch.dilation, 3), fill(onnx.dilations, 3), fill(ort.dilations, 3), fill(paddle.dilation, 3);
    fill(torch.stride, 2), fill(onnx.strides, 2), fill(ort.strides, 2), fill(paddle.stride, 2), fill(keras.strides, 2);
    ort.rules = TCONV_ONNX_ORT_1_31, keras.has_output_padding = 1;
    for (const int32_t added : {0, 1, 2, 3}) {
        fill(torch.output_padding, added), fill(onnx.output_padding, added), fill(ort.output_padding, added);
        fill(paddle.output_padding, added), fill(keras.output_padding, added);
        const Kept below_dilation = added < 3 ? Kept{0, 13 + added} : kRefused;
        const Kept below_stride = added < 2 ? Kept{0, 13 + added} : kRefused;
        EXPECT_EQ(kept(tconv_profile_torch, spec, torch), below_dilation);
        EXPECT_EQ(kept(tconv_profile_onnx, spec, onnx), below_dilation);
        EXPECT_EQ(kept(tconv_profile_paddle, spec, paddle), below_dilation);
        EXPECT_EQ(kept(tconv_profile_onnx, spec, ort), below_stride);
        EXPECT_EQ(kept(tconv_profile_keras, spec, keras), added < 2 ? (Kept{0, 9 + added}) : kRefused);
    }
}

// Not square, and with as many channels as neither side, so that every other axis would give other values.
TEST(Traps, T4PaddleSoftmaxRunsAlongTheLastAxis) {
    Problem problem(layer("n2_c3_h4_w5_o6_k3x3_s2x2_p1,1,1,1_op0,0_d1x1_g1_f32_nchw_softmax_last"), 3);
    Runner runner;
    ASSERT_EQ(runner.run(problem), TCONV_OK) << runner.log;
    for (int64_t n = 0; n < 2; ++n) {
        for (int64_t c = 0; c < 6; ++c) {
            for (int64_t y = 0; y < 7; ++y) {
                float sum = 0;
                for (int64_t x = 0; x < 9; ++x)
                    sum += problem.output.at(n, c, y, x);
                EXPECT_NEAR(sum, 1, 1e-5);
            }
        }
    }
    EXPECT_EQ(problem.compare(problem.expected(), 1e-6, 1e-5), "");
}

// ---- T5: ONNX's text against ONNX Runtime 1.31.1; a 4 x 4 input unless said, values measured there

TEST(Traps, T5OnnxTextAndOnnxRuntime) {
    const struct {
        const char *what;
        int32_t in, kernel, stride, dilation, auto_pad, pad, output_padding, output_shape;  // output_shape 0: none
        Kept text, ort;
    } cases[] = {
        {"SAME_UPPER", 4, 3, 2, 1, TCONV_AUTO_PAD_SAME_UPPER, 0, 0, 0, {0, 8}, {0, 8}},
        {"SAME_LOWER", 4, 3, 2, 1, TCONV_AUTO_PAD_SAME_LOWER, 0, 0, 0, {1, 8}, {1, 8}},
        {"SAME_UPPER, K < s", 4, 2, 3, 1, TCONV_AUTO_PAD_SAME_UPPER, 0, 0, 0, {0, 12}, {0, 11}},
        {"SAME_LOWER, K < s", 4, 2, 3, 1, TCONV_AUTO_PAD_SAME_LOWER, 0, 0, 0, {0, 12}, {0, 11}},
        {"SAME_UPPER, output_padding", 3, 3, 2, 1, TCONV_AUTO_PAD_SAME_UPPER, 0, 1, 0, {1, 6}, {1, 6}},
        {"output_shape, L - 1", 4, 3, 2, 1, TCONV_AUTO_PAD_NOTSET, 0, 0, 8, {1, 8}, {1, 8}},
        {"output_shape, L + 1", 4, 3, 2, 1, TCONV_AUTO_PAD_NOTSET, 0, 0, 10, {0, 10}, {0, 10}},
        {"output_shape, L + 2", 4, 3, 2, 1, TCONV_AUTO_PAD_NOTSET, 0, 0, 11, {0, 11}, kRefused},
        {"output_padding below dilation", 4, 3, 1, 3, TCONV_AUTO_PAD_NOTSET, 0, 1, 0, {0, 11}, kRefused},
        {"pads beyond the kernel", 4, 2, 2, 1, TCONV_AUTO_PAD_NOTSET, 2, 0, 0, {2, 4}, {2, 4}},
        {"VALID", 4, 3, 2, 1, TCONV_AUTO_PAD_VALID, 0, 0, 0, {0, 9}, {0, 9}},
    };
    for (const auto &c : cases) {
        auto p = params(tconv_onnx_params_init);
        fill(p.strides, c.stride), fill(p.dilations, c.dilation), fill(p.pads, c.pad);
        fill(p.output_padding, c.output_padding), fill(p.output_shape, c.output_shape);
        p.auto_pad = c.auto_pad, p.has_output_shape = c.output_shape != 0;
        EXPECT_EQ(kept(tconv_profile_onnx, square(c.in, c.kernel), p), c.text) << c.what;
        p.rules = TCONV_ONNX_ORT_1_31;
        EXPECT_EQ(kept(tconv_profile_onnx, square(c.in, c.kernel), p), c.ort) << c.what;
    }
}

TEST(Traps, T5OnnxPadsAreNotReadWithOutputShape) {
    auto p = params(tconv_onnx_params_init);
    fill(p.strides, 2), fill(p.pads, 1), p.has_output_shape = 1, fill(p.output_shape, 7);
    EXPECT_EQ(kept(tconv_profile_onnx, square(4, 3), p), (Kept{1, 7}));
    fill(p.pads, 0);
    EXPECT_EQ(kept(tconv_profile_onnx, square(4, 3), p), (Kept{1, 7}));
}

// ---- T6: SAME elsewhere

TEST(Traps, T6PaddleSameTakesTheInputForAConvolutions) {
    auto p = params(tconv_paddle_params_init);
    fill(p.stride, 2), fill(p.dilation, 2), p.padding_algorithm = TCONV_PADDING_SAME;
    // t = max((ceil(I/2) - 1)*2 + 3 - I, 0): 1 for an even input, 2 for an odd one; and dilation becomes 1.
    EXPECT_EQ(kept(tconv_profile_paddle, square(4, 3), p), (Kept{0, 8}));
    EXPECT_EQ(kept(tconv_profile_paddle, square(5, 3), p), (Kept{1, 9}));
    EXPECT_EQ(kept(tconv_profile_paddle, square(4, 5), p), (Kept{1, 8}));
    EXPECT_EQ(kept(tconv_profile_paddle, square(5, 5), p), (Kept{2, 9}));
    fill(p.stride, 3);
    EXPECT_EQ(kept(tconv_profile_paddle, square(4, 2), p), (Kept{0, 10}));
    tconv_spec spec = square(4, 3);
    ASSERT_EQ(tconv_profile_paddle(&spec, &p, nullptr, 0), TCONV_OK);
    EXPECT_TRUE(spec.dilation_h == 1 && spec.dilation_w == 1);
}

TEST(Traps, T6TensorFlowSameNeedsTheSize) {
    auto p = params(tconv_tensorflow_params_init);
    fill(p.strides, 4);
    const Kept expected[] = {kRefused, {2, 9}, {1, 10}, {1, 11}, {0, 12}, kRefused};  // L = 13, I*s = 12
    for (int32_t out = 8; out <= 13; ++out) {
        fill(p.output_shape, out);
        EXPECT_EQ(kept(tconv_profile_tensorflow, square(3, 5), p), expected[out - 8]) << out;
    }
}

TEST(Traps, T6KerasOutputPaddingOfZeroIsNotNone) {
    auto p = params(tconv_keras_params_init);
    fill(p.strides, 2), p.padding = TCONV_PADDING_SAME;
    EXPECT_EQ(kept(tconv_profile_keras, square(4, 3), p), (Kept{0, 8}));
    EXPECT_EQ(kept(tconv_profile_keras, square(4, 4), p), (Kept{1, 8}));
    p.has_output_padding = 1;
    EXPECT_EQ(kept(tconv_profile_keras, square(4, 3), p), (Kept{1, 7}));
    EXPECT_EQ(kept(tconv_profile_keras, square(4, 4), p), (Kept{2, 6}));
}

TEST(Traps, T6KerasOnTorchWasOnePixelOff) {
    auto p = params(tconv_keras_params_init);
    fill(p.strides, 2), p.padding = TCONV_PADDING_SAME;
    EXPECT_EQ(kept(tconv_profile_keras, square(4, 3), p), (Kept{0, 8}));
    EXPECT_EQ(kept(tconv_profile_keras, square(4, 4), p), (Kept{1, 8}));
    p.torch_legacy = 1;
    EXPECT_EQ(kept(tconv_profile_keras, square(4, 3), p), (Kept{1, 8}));  // an odd kernel
    EXPECT_EQ(kept(tconv_profile_keras, square(4, 4), p), (Kept{1, 8}));
    fill(p.strides, 1);
    EXPECT_EQ(kept(tconv_profile_keras, square(4, 4), p), kRefused);  // ValueError there
}

}  // namespace
}  // namespace tconv
