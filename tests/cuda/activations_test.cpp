// What follows the sums on a device: every activation, both residuals, in place of the residual, and softmax.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <utility>
#include <vector>

#include "element_type.h"
#include "opencl_runner.h"
#include "random_spec.h"
#include "runner.h"
#include "tolerance.h"

namespace tconv {
namespace {

using testing::OpenclRunner;
using testing::Problem;
using testing::Tensor;

const char *const kLayers[] = {"n2_c5_h4_w6_o7_k3x3_s2x2_p1,1,1,1_op0,0_d1x1_g1_f32_nchw",
                               "n1_c8_h3_w5_o16_k4x4_s2x2_p1,0,1,2_op0,0_d1x1_g1_f32_nhwc",
                               "n2_c16_h4_w3_o24_k3x3_s1x2_p1,1,1,1_op0,1_d1x1_g1_f32_nhwc",
                               "n1_c12_h5_w4_o12_k2x2_s3x3_p0,0,0,0_op1,2_d1x1_g12_f32_nhwc"};
const char *const kActivations[] = {"",     "_relu",       "_leaky_relu0.25", "_clip-3,9",  "_prelu",       "_sigmoid",
                                    "_tanh", "_elu1",      "_gelu",           "_gelu_tanh", "_silu",        "_hard_swish",
                                    "_hard_sigmoid", "_softplus", "_softmax",  "_softmax_last"};

// Empty if every output is within the documented error.
std::string compare(const Problem &problem, const std::vector<double> &actual) {
    const auto [argument, activated, result] = problem.expected_steps();
    const bool softmax = problem.spec.activation == TCONV_ACT_SOFTMAX;
    for (size_t i = 0; i < actual.size(); ++i) {
        const double allowed =
            softmax ? testing::softmax_relative_error(problem.spec, 64, 32) * (activated[i] + std::fabs(result[i])) +
                          testing::store_error(problem.spec, result[i])
                    : testing::allowed_error(problem.spec, argument[i], activated[i], result[i]);
        const double expected = allowed == 0 ? rounded_to(problem.spec.dtype, result[i]) : result[i];
        if (!(std::fabs(actual[i] - expected) <= allowed)) {
            return "output " + std::to_string(i) + ": " + std::to_string(actual[i]) + ", expected " +
                   std::to_string(result[i]) + " within " + std::to_string(allowed);
        }
    }
    return "";
}

void check(const tconv_spec &spec, const std::string &kernel, bool in_place) {
    Problem problem(spec, 5);
    problem.scale_arguments();
    const Tensor original = problem.residual;
    OpenclRunner runner;
    ASSERT_EQ(runner.run(problem, kernel, in_place), TCONV_OK) << testing::text_of(spec) << '\n' << runner.message;
    const std::vector<double> actual = in_place ? problem.residual.logical() : problem.output.logical();
    problem.residual = original;
    ASSERT_EQ(compare(problem, actual), "") << testing::text_of(spec) << (in_place ? " in place " : " ") << runner.kernel;
}

class DeviceActivations : public ::testing::Test {
protected:
    void SetUp() override { ASSERT_EQ(testing::opencl_missing(), ""); }
};

TEST_F(DeviceActivations, WithEachResidualAndInItsPlace) {
    std::map<std::string, int> runs;  // of each kernel; those that compute a layer take turns
    for (const std::string layer : kLayers) {
        std::vector<std::pair<int32_t, int32_t>> types = {{TCONV_F32, TCONV_MATH_TF32}};
        for (const int32_t dtype : testing::device_dtypes())
            types.emplace_back(dtype, TCONV_MATH_FAST);
        for (const auto &[dtype, math] : types) {
            for (const std::string activation : kActivations) {
                for (const std::string residual : {"", "_resbefore", "_resafter"}) {
                    for (const bool in_place : {false, true}) {
                        if (in_place && residual.empty())
                            continue;
                        tconv_spec spec = testing::layer(layer + activation + residual, dtype);
                        spec.math = math;
                        const std::vector<std::string> kernels = testing::device_kernels_for(spec);
                        ASSERT_FALSE(kernels.empty()) << testing::text_of(spec);
                        const std::string least = *std::min_element(
                            kernels.begin(), kernels.end(), [&](const auto &a, const auto &b) { return runs[a] < runs[b]; });
                        ++runs[least];
                        check(spec, least, in_place);
                        if (HasFatalFailure())
                            return;
                    }
                }
            }
        }
    }
    for (const DeviceKernel &kernel : device_kernels())
        EXPECT_TRUE(kernel.direction != Direction::output || runs[kernel.name] >= 5) << kernel.name << " was hardly run";
}

// The workspace holds the sums of two images, and these are three.
TEST_F(DeviceActivations, OfMoreImagesThanTheWorkspaceHolds) {
    for (const int32_t dtype : {TCONV_F32, TCONV_F16}) {
        const char *const text = "n3_c1_h610_w610_o4_k2x2_s2x2_p0,0,0,0_op0,0_d1x1_g1_f32_nchw_hard_sigmoid_resafter";
        check(testing::layer(text, dtype), "", false);
    }
}

}  // namespace
}  // namespace tconv
