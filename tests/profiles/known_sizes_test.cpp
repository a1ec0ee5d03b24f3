// Crops and sizes by value, computed by hand or measured with the packages named: (I, K, s, d, the framework's own
// parameters) to (c, O). The rows and columns of a layer are given different parameters, so that neither can stand in
// for the other.
#include <gtest/gtest.h>

#include "kept.h"

namespace {

using tconv::testing::Kept;
using tconv::testing::params;

// in_h x in_w and kernel_h x kernel_w.
tconv_spec sizes(int32_t in_h, int32_t in_w, int32_t kernel_h, int32_t kernel_w) {
    tconv_spec spec;
    tconv_spec_init(&spec, sizeof spec);
    spec.in_channels = 6, spec.out_channels = 4;
    spec.in_h = in_h, spec.in_w = in_w;
    spec.kernel_h = kernel_h, spec.kernel_w = kernel_w;
    return spec;
}

template<typename Params>
void expect_kept(tconv_status (*profile)(tconv_spec *, const Params *, char *, size_t), tconv_spec spec,
                 const Params &p, Kept rows, Kept columns) {
    char message[300];
    ASSERT_EQ(profile(&spec, &p, message, sizeof message), TCONV_OK) << message;
    int32_t out_h = 0, out_w = 0;
    ASSERT_EQ(tconv_spec_output_size(&spec, &out_h, &out_w), TCONV_OK);
    EXPECT_EQ((Kept{spec.pad_top, out_h}), rows);
    EXPECT_EQ((Kept{spec.pad_left, out_w}), columns);
    EXPECT_EQ(spec.output_padding_h + spec.output_padding_w, 0);
}

TEST(KnownSizes, Torch) {
    auto p = params(tconv_torch_params_init);
    expect_kept(tconv_profile_torch, sizes(5, 10, 3, 4), p, {0, 7}, {0, 13});  // every default
    p.stride[0] = 2, p.stride[1] = 3;
    p.padding[0] = 1, p.padding[1] = 2;
    p.output_padding[0] = 1;
    p.groups = 2;
    expect_kept(tconv_profile_torch, sizes(16, 50, 3, 5), p, {1, 32}, {2, 148});
    p.dilation[1] = 4, p.output_padding[1] = 3;  // op < d, not < s
    expect_kept(tconv_profile_torch, sizes(16, 50, 3, 5), p, {1, 32}, {2, 163});
    p.has_output_size = 1, p.output_size[0] = 31, p.output_size[1] = 162;
    expect_kept(tconv_profile_torch, sizes(16, 50, 3, 5), p, {1, 31}, {2, 162});
    // The example in torch's documentation: 6 x 6 back to 12 x 12.
    p = params(tconv_torch_params_init);
    p.stride[0] = p.stride[1] = 2, p.padding[0] = p.padding[1] = 1;
    p.has_output_size = 1, p.output_size[0] = p.output_size[1] = 12;
    expect_kept(tconv_profile_torch, sizes(6, 6, 3, 3), p, {1, 12}, {1, 12});
}

TEST(KnownSizes, Chainer) {
    auto p = params(tconv_chainer_params_init);
    // The example in chainer's documentation.
    p.stride[0] = p.stride[1] = 5, p.pad[0] = p.pad[1] = 5;
    expect_kept(tconv_profile_chainer, sizes(5, 10, 10, 10), p, {5, 20}, {5, 45});
    p.has_outsize = 1, p.outsize[0] = 16, p.outsize[1] = 49;  // the smallest and the largest
    expect_kept(tconv_profile_chainer, sizes(5, 10, 10, 10), p, {5, 16}, {5, 49});
    p = params(tconv_chainer_params_init);
    p.dilate[0] = 2, p.dilate[1] = 3;
    expect_kept(tconv_profile_chainer, sizes(4, 4, 3, 3), p, {0, 8}, {0, 10});
}

TEST(KnownSizes, Paddle) {
    auto p = params(tconv_paddle_params_init);
    p.fluid = 1;
    expect_kept(tconv_profile_paddle, sizes(32, 5, 3, 3), p, {0, 34}, {0, 7});  // the example of fluid.dygraph
    p.stride[0] = 2, p.stride[1] = 3;
    p.padding_count = 2, p.padding[0] = 1, p.padding[1] = 2;
    p.has_output_size = 1, p.output_size[0] = 10, p.output_size[1] = 12;
    expect_kept(tconv_profile_paddle, sizes(5, 5, 3, 3), p, {1, 10}, {2, 12});
    p = params(tconv_paddle_params_init);
    p.stride[0] = p.stride[1] = 2;
    p.padding_count = 4, p.padding[0] = 1, p.padding[1] = 0, p.padding[2] = 0, p.padding[3] = 2;
    p.output_padding[0] = 1;
    expect_kept(tconv_profile_paddle, sizes(5, 5, 3, 4), p, {1, 11}, {0, 10});
    p.padding_algorithm = TCONV_PADDING_VALID;
    expect_kept(tconv_profile_paddle, sizes(5, 5, 3, 4), p, {0, 12}, {0, 12});
}

TEST(KnownSizes, NumpyMl) {
    auto p = params(tconv_numpy_ml_params_init);
    p.stride = 2, p.dilation = 1;  // Ke = 5 and 3
    p.pad[0] = 1;
    expect_kept(tconv_profile_numpy_ml, sizes(4, 6, 3, 2), p, {1, 9}, {1, 11});
    p.pad_count = 2, p.pad[0] = 0, p.pad[1] = 2;
    expect_kept(tconv_profile_numpy_ml, sizes(4, 6, 3, 2), p, {0, 11}, {2, 9});
    p.pad_rule = TCONV_PADDING_SAME;
    expect_kept(tconv_profile_numpy_ml, sizes(4, 6, 3, 2), p, {2, 7}, {1, 11});
}

TEST(KnownSizes, Onnx) {
    auto p = params(tconv_onnx_params_init);
    p.strides[0] = 3, p.strides[1] = 2;
    p.pads[0] = 1, p.pads[1] = 2, p.pads[2] = 1, p.pads[3] = 2;  // the operator's own example with pads
    expect_kept(tconv_profile_onnx, sizes(3, 3, 3, 3), p, {1, 7}, {2, 3});
    p = params(tconv_onnx_params_init);
    p.strides[0] = 3, p.strides[1] = 2;
    p.has_output_shape = 1, p.output_shape[0] = 10, p.output_shape[1] = 8;  // and that with output_shape
    expect_kept(tconv_profile_onnx, sizes(3, 3, 3, 3), p, {0, 10}, {0, 8});
    p = params(tconv_onnx_params_init);
    p.strides[0] = p.strides[1] = 2, p.auto_pad = TCONV_AUTO_PAD_SAME_LOWER;
    expect_kept(tconv_profile_onnx, sizes(4, 5, 3, 4), p, {1, 8}, {1, 10});
    p.auto_pad = TCONV_AUTO_PAD_VALID;
    expect_kept(tconv_profile_onnx, sizes(4, 5, 3, 4), p, {0, 9}, {0, 12});
}

TEST(KnownSizes, TensorFlowAndTfLite) {
    auto p = params(tconv_tensorflow_params_init);
    p.strides[0] = 2, p.strides[1] = 3;
    p.output_shape[0] = 8, p.output_shape[1] = 13;
    expect_kept(tconv_profile_tensorflow, sizes(4, 5, 5, 4), p, {1, 8}, {1, 13});
    p.padding = TCONV_PADDING_VALID, p.output_shape[0] = 12, p.output_shape[1] = 16;
    expect_kept(tconv_profile_tensorflow, sizes(4, 5, 5, 4), p, {0, 12}, {0, 16});
    p.padding = TCONV_PADDING_EXPLICIT, p.output_shape[0] = 9, p.output_shape[1] = 14;
    p.paddings[0] = 2, p.paddings[2] = 0, p.paddings[3] = 2;
    expect_kept(tconv_profile_tensorflow, sizes(4, 5, 5, 4), p, {2, 9}, {0, 14});

    auto lite = params(tconv_tflite_params_init);
    lite.stride[0] = 2, lite.stride[1] = 3;
    lite.output_shape[0] = 8, lite.output_shape[1] = 15;
    expect_kept(tconv_profile_tflite, sizes(4, 5, 4, 2), lite, {1, 8}, {0, 15});
    lite.padding = TCONV_PADDING_VALID, lite.output_shape[0] = 10;
    expect_kept(tconv_profile_tflite, sizes(4, 5, 4, 2), lite, {0, 10}, {0, 15});
}

TEST(KnownSizes, Keras) {
    auto p = params(tconv_keras_params_init);
    p.strides[0] = 2, p.strides[1] = 3;
    expect_kept(tconv_profile_keras, sizes(4, 5, 3, 2), p, {0, 9}, {0, 15});
    p.padding = TCONV_PADDING_SAME;
    expect_kept(tconv_profile_keras, sizes(4, 5, 5, 2), p, {1, 8}, {0, 15});
    p.has_output_padding = 1, p.output_padding[0] = 1, p.output_padding[1] = 2;
    expect_kept(tconv_profile_keras, sizes(4, 5, 5, 4), p, {1, 8}, {1, 14});
    p.padding = TCONV_PADDING_VALID;
    expect_kept(tconv_profile_keras, sizes(4, 5, 5, 4), p, {0, 12}, {0, 18});
}

TEST(KnownSizes, Jax) {
    auto p = params(tconv_jax_params_init);
    p.strides[0] = 2, p.strides[1] = 3;
    p.padding = TCONV_PADDING_SAME;
    expect_kept(tconv_profile_jax, sizes(4, 5, 5, 2), p, {1, 8}, {0, 15});
    p.padding = TCONV_PADDING_VALID;
    expect_kept(tconv_profile_jax, sizes(4, 5, 5, 2), p, {0, 11}, {0, 15});
    p.padding = TCONV_PADDING_EXPLICIT;
    p.pads[0] = 4, p.pads[1] = 1, p.pads[2] = -1, p.pads[3] = 3;  // rows: 7 + 5 - 4 = 8; columns: 13 + 2 - 1 = 14
    expect_kept(tconv_profile_jax, sizes(4, 5, 5, 2), p, {0, 8}, {2, 14});
    p.use_consistent_padding = 1, p.pads[0] = 2;
    expect_kept(tconv_profile_jax, sizes(4, 5, 5, 2), p, {2, 8}, {-1, 12});
}

TEST(KnownSizes, OpenVino) {
    auto p = params(tconv_openvino_params_init);
    p.strides[0] = p.strides[1] = 2;
    p.pads_begin[0] = 1, p.pads_end[1] = 2, p.output_padding[0] = 1;
    expect_kept(tconv_profile_openvino, sizes(4, 4, 3, 3), p, {1, 9}, {0, 7});
    p.auto_pad = TCONV_AUTO_PAD_SAME_LOWER;  // the pads become 0
    expect_kept(tconv_profile_openvino, sizes(4, 4, 3, 3), p, {0, 10}, {0, 9});
    p.has_output_shape = 1, p.output_shape[0] = 7, p.output_shape[1] = 8;
    expect_kept(tconv_profile_openvino, sizes(4, 4, 3, 3), p, {1, 7}, {0, 8});
    p.auto_pad = TCONV_AUTO_PAD_SAME_UPPER;
    expect_kept(tconv_profile_openvino, sizes(4, 4, 3, 3), p, {2, 7}, {1, 8});
}

}  // namespace
