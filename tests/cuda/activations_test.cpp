// What follows the sums on a device: every activation, both residuals, in place of the residual, and softmax.
#include <gtest/gtest.h>

#include <cmath>

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
                               "n1_c8_h3_w5_o12_k4x4_s2x2_p1,0,1,2_op0,0_d1x1_g1_f32_nhwc",
                               "n1_c9_h5_w4_o9_k2x2_s3x3_p0,0,0,0_op1,2_d1x1_g9_f32_nhwc"};
const char *const kActivations[] = {"",     "_relu",       "_leaky_relu0.25", "_clip-3,9",  "_prelu",       "_sigmoid",
                                    "_tanh", "_elu1",      "_gelu",           "_gelu_tanh", "_silu",        "_hard_swish",
                                    "_hard_sigmoid", "_softplus", "_softmax",  "_softmax_last"};

// Arguments of moderate size; a power of two keeps sums exact.
void scale_arguments(Problem &problem) {
    tconv_spec linear = problem.spec;
    linear.activation = TCONV_ACT_NONE;
    double largest = 1;
    for (const double y : problem.expected_of(linear))
        largest = std::fmax(largest, std::fabs(y));
    const double factor = std::exp2(std::floor(std::log2(8 / largest)));
    for (Tensor *tensor : {&problem.filter, &problem.residual, &problem.bias})
        tensor->change([&](int64_t, double value) { return value * factor; });
}

// Empty if every output is within the documented error.
std::string compare(const Problem &problem, const std::vector<double> &actual) {
    tconv_spec before = problem.spec, linear = problem.spec;
    if (before.residual == TCONV_RESIDUAL_AFTER)
        before.residual = linear.residual = TCONV_RESIDUAL_NONE;
    linear.activation = TCONV_ACT_NONE;
    const std::vector<double> argument = problem.expected_of(linear), activated = problem.expected_of(before),
                              result = problem.expected();
    const bool softmax = problem.spec.activation == TCONV_ACT_SOFTMAX;
    for (size_t i = 0; i < actual.size(); ++i) {
        const double allowed =
            softmax ? testing::softmax_relative_error(problem.spec, 64, 32) * (activated[i] + std::fabs(result[i]))
                    : testing::allowed_error(problem.spec, argument[i], activated[i], result[i]);
        if (!(std::fabs(actual[i] - result[i]) <= allowed)) {
            return "output " + std::to_string(i) + ": " + std::to_string(actual[i]) + ", expected " +
                   std::to_string(result[i]) + " within " + std::to_string(allowed);
        }
    }
    return "";
}

TEST(DeviceActivations, WithEachResidualAndInItsPlace) {
    std::string why;
    ASSERT_TRUE(testing::opencl_usable(&why)) << "PoCL is not there: " << why;
    for (const std::string layer : kLayers) {
        for (const std::string activation : kActivations) {
            for (const std::string residual : {"", "_resbefore", "_resafter"}) {
                const std::string text = layer + activation + residual;
                for (const bool in_place : {false, true}) {
                    if (in_place && residual.empty())
                        continue;
                    Problem problem(testing::layer(text), 5);
                    scale_arguments(problem);
                    const Tensor original = problem.residual;
                    OpenclRunner runner;
                    ASSERT_EQ(runner.run(problem, "", in_place), TCONV_OK) << text << '\n' << runner.message;
                    const std::vector<double> actual =
                        in_place ? problem.residual.logical() : problem.output.logical();
                    problem.residual = original;
                    ASSERT_EQ(compare(problem, actual), "") << text << (in_place ? " in place " : " ") << runner.kernel;
                }
            }
        }
    }
}

}  // namespace
}  // namespace tconv
