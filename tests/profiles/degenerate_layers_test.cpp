// Shapes at the edge of what a layer is, through every kernel: the traps of docs/conventions.md that are about numbers
// (T7), not about a framework's parameters.
#include <gtest/gtest.h>

#include <cmath>
#include <string>
#include <vector>

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

// Every kernel that must compute the layer equals the oracle, bias and activation included.
void expect_every_kernel_right(const std::string &text) {
    SCOPED_TRACE(text);
    Runner runner;
    for (const int32_t dtype : testing::dtypes()) {
        for (const testing::Lot &lot : testing::lots_for(layer(text, dtype))) {
            Problem problem(lot.spec, 11, testing::Placement::kDense, lot.rules);
            const std::vector<double> expected = problem.expected();
            for (const std::string &kernel : lot.kernels) {
                ASSERT_EQ(runner.run(problem, kernel), TCONV_OK) << kernel << runner.log;
                EXPECT_EQ(problem.compare(expected), "") << kernel;
            }
        }
    }
}

// group = 2 with more than one output channel each, which ONNX's reference evaluator slices wrongly.
TEST(Traps, T5OnnxGroups) {
    expect_every_kernel_right("n1_c4_h4_w4_o6_k3x3_s2x2_p0,0,0,0_op0,0_d1x1_g2_f32_nchw");
}

// Crops beyond the kernel's extent: implementations that turn them into padding of a convolution get a negative one.
TEST(Traps, T7_1CropBeyondTheKernel) {
    expect_every_kernel_right("n1_c3_h6_w7_o4_k3x3_s2x2_p4,5,3,4_op0,0_d1x1_g1_f32_nchw");
    expect_every_kernel_right("n1_c3_h6_w7_o4_k1x2_s1x3_p3,7,1,6_op0,0_d1x1_g1_f32_nhwc");
    auto p = params(tconv_torch_params_init);
    fill(p.padding, 4), fill(p.stride, 2);
    EXPECT_EQ(kept(tconv_profile_torch, square(6, 3), p), (Kept{4, 5}));
}

// Rows and columns before the scatter and after it are activation(bias); a sigmoid makes no zero of them.
TEST(Traps, T7_2OutputsBesideTheScatterAreActivatedBias) {
    Problem problem(layer("n1_c2_h3_w3_o3_k2x2_s2x2_p-3,-2,-1,-4_op0,0_d1x1_g1_f32_nchw_sigmoid"), 4);
    const std::vector<double> expected = problem.expected();
    Runner runner;
    for (const std::string &kernel : testing::kernels_for(problem.spec)) {
        ASSERT_EQ(runner.run(problem, kernel), TCONV_OK) << kernel << runner.log;
        EXPECT_EQ(problem.compare(expected, 1e-6, 1e-6), "") << kernel;
        for (int64_t c = 0; c < 3; ++c) {
            const double bias = problem.bias.at(c);
            EXPECT_NEAR(problem.output.at(0, c, 0, 0), 1 / (1 + std::exp(-bias)), 1e-6) << kernel;
            EXPECT_NEAR(problem.output.at(0, c, 9, 11), 1 / (1 + std::exp(-bias)), 1e-6) << kernel;
        }
    }
}

TEST(Traps, T7_3PhasesWithoutATapWriteTheirBias) {
    expect_every_kernel_right("n1_c3_h4_w5_o4_k2x2_s3x5_p0,0,0,0_op2,4_d1x1_g1_f32_nchw");  // kernel < stride
    expect_every_kernel_right("n1_c3_h4_w5_o4_k3x3_s2x2_p0,0,0,0_op1,1_d2x2_g1_f32_nchw");  // gcd(stride, dilation) 2
    expect_every_kernel_right("n1_c3_h4_w5_o4_k3x2_s6x4_p1,0,2,3_op5,1_d4x6_g1_f32_nhwc");  // both
}

TEST(Traps, T7_4DegenerateShapes) {
    for (const char *const text : {
             "n1_c1_h1_w1_o1_k1x1_s1x1_p0,0,0,0_op0,0_d1x1_g1_f32_nchw",    // one of everything
             "n1_c3_h1_w1_o2_k5x4_s3x7_p0,0,0,0_op0,0_d1x1_g1_f32_nchw",    // I = 1
             "n0_c3_h4_w4_o2_k3x3_s2x2_p0,0,0,0_op0,0_d1x1_g1_f32_nchw",    // N = 0
             "n1_c6_h4_w4_o6_k3x3_s2x2_p1,1,1,1_op0,0_d1x1_g6_f32_nchw",    // one channel to one, in groups
             "n1_c6_h4_w4_o2_k3x3_s2x2_p1,1,1,1_op0,0_d1x1_g2_f32_nhwc",    // C_out/g = 1
             "n1_c2_h4_w4_o6_k3x3_s2x2_p1,1,1,1_op0,0_d1x1_g2_f32_nhwc",    // C_in/g = 1
             "n1_c3_h4_w4_o2_k3x3_s9x9_p20,21,8,7_op0,0_d1x1_g1_f32_nchw",  // O < s
             "n1_c3_h5_w5_o2_k3x3_s2x2_p5,5,5,5_op0,0_d1x1_g1_f32_nchw",    // O = 1
             "n1_c3_h3_w8_o2_k4x2_s1x3_p1,0,0,1_op0,2_d3x1_g1_f32_nchw",    // every axis of its own
             "n1_c3_h4_w4_o2_k4x4_s3x3_p0,0,0,0_op0,0_d1x1_g1_f32_nchw",    // an even kernel, an odd stride
         }) {
        expect_every_kernel_right(text);
    }
}

// N*C*H*W above 2^31 counted in 32 bits is a small or a negative number.
TEST(Traps, T7_4SizesAreNotCountedIn32Bits) {
    tconv_spec spec = layer("n4_c16384_h256_w256_o1_k1x1_s1x1_p0,0,0,0_op0,0_d1x1_g1_f32_nchw");  // 2^32 elements
    const testing::Plan plan(spec);
    ASSERT_EQ(plan.status, TCONV_OK);
    EXPECT_EQ(plan.needs.input_bytes, size_t{4} << 32);
    spec.in_channels *= 4;  // one image has them now
    EXPECT_EQ(tconv_spec_validate(&spec, nullptr, 0), TCONV_SIZE_OVERFLOW);
}

// O + 2p - Ke below 0: C's division would make these sizes legal.
TEST(Traps, T7_5SizeChecksDoNotRoundTowardsZero) {
    auto tensorflow = params(tconv_tensorflow_params_init);
    fill(tensorflow.strides, 4), tensorflow.padding = TCONV_PADDING_VALID;
    for (int32_t out = -1; out <= 9; ++out) {  // I = 1: (out - 5)/4 + 1 = 1 in C for 2 to 8, in truth for 5 to 8
        fill(tensorflow.output_shape, out);
        EXPECT_EQ(kept(tconv_profile_tensorflow, square(1, 5), tensorflow),
                  out >= 5 && out <= 8 ? (Kept{0, out}) : kRefused);
    }
    auto chainer = params(tconv_chainer_params_init);
    fill(chainer.stride, 4), chainer.has_outsize = 1;
    for (int32_t out = 0; out <= 9; ++out) {  // 5 - 3 to 5 + 3
        fill(chainer.outsize, out);
        EXPECT_EQ(kept(tconv_profile_chainer, square(1, 5), chainer), out >= 2 && out <= 8 ? (Kept{0, out}) : kRefused);
    }
}

// Their zero points would need a compensation that depends on the phase and on the border; nothing may half-support it.
TEST(Traps, T7_6QuantisedTypesAreRefused) {
    for (const int32_t dtype : {TCONV_S8, TCONV_U8, TCONV_S32}) {
        tconv_spec spec = layer("n1_c3_h4_w4_o2_k3x3_s2x2_p0,0,0,0_op0,0_d1x1_g1_f32_nchw");
        spec.dtype = dtype;
        EXPECT_EQ(testing::Plan(spec).status, TCONV_UNSUPPORTED);
    }
}

// Ones, added up in the type itself, stop growing where the next number is two away: f16 at 2048, bf16 at 256.
TEST(Traps, T7_7HalfPrecisionIsSummedInFloat) {
    Runner runner;
    for (const int32_t dtype : testing::dtypes()) {
        const tconv_spec spec = layer("n1_c4096_h1_w2_o3_k1x1_s1x1_p0,0,0,0_op0,0_d1x1_g1_f32_nchw_nobias", dtype);
        Problem problem(spec, 1);
        problem.input.change([](int64_t, double) { return 1; });
        problem.filter.change([](int64_t, double) { return 1; });
        for (const std::string &kernel : testing::kernels_for(spec)) {
            ASSERT_EQ(runner.run(problem, kernel), TCONV_OK) << runner.log;
            EXPECT_EQ(problem.output.logical(), std::vector<double>(6, 4096)) << kernel;
        }
    }
}

// The order of summation does not follow the layout: NCHW and NHWC agree bit for bit under STRICT, on reals.
TEST(Traps, T7_12LayoutsAgreeBitForBit) {
    const std::string base = "n2_c9_h7_w6_o10_k4x3_s2x3_p1,1,0,2_op0,1_d1x1_g1_f32_";
    Runner runner;
    for (const int32_t dtype : testing::dtypes()) {
        Problem nchw(layer(base + "nchw_strict", dtype), 8, testing::Placement::kDense, testing::reals());
        Problem nhwc(layer(base + "nhwc_strict", dtype), 8, testing::Placement::kDense, testing::reals());
        ASSERT_EQ(runner.run(nchw), TCONV_OK) << runner.log;
        ASSERT_EQ(runner.run(nhwc), TCONV_OK) << runner.log;
        EXPECT_EQ(nchw.input.bits(), nhwc.input.bits()) << "the same data";
        EXPECT_EQ(nchw.output.bits(), nhwc.output.bits()) << testing::dtype_text(dtype);
    }
}

}  // namespace
}  // namespace tconv
