// Every activation through every kernel: with both residual orders, in place of the residual, in both layouts; over
// the whole range of floats; and at the values where formulas break.
#include <gtest/gtest.h>

#include <bit>
#include <cfloat>
#include <cmath>
#include <cstdio>
#include <limits>
#include <string>
#include <vector>

#include "random_spec.h"
#include "runner.h"
#include "tolerance.h"

namespace tconv {
namespace {

using testing::Placement;
using testing::Problem;
using testing::Random;
using testing::Runner;
using testing::Tensor;

constexpr float kInfinity = std::numeric_limits<float>::infinity();

const char *const kExact[] = {"relu",         "clip-3,9",        "leaky_relu0.25", "leaky_relu0",
                              "leaky_relu-2", "leaky_relu1",     "prelu",          ""};
const char *const kCurves[] = {"sigmoid", "tanh",       "elu1",         "elu0.3",  "gelu",          "gelu_tanh",
                               "silu",    "hard_swish", "hard_sigmoid", "softplus", "leaky_relu0.01"};

std::string with(const std::string &base, const std::string &suffix) {
    return suffix.empty() ? base : base + "_" + suffix;
}

// Integer sums up to 2^20 would saturate every curve: a power of two on weights, bias and residual brings the largest
// argument down to 8 and keeps every sum exact.
void scale_arguments(Problem &problem, tconv_spec linear) {
    linear.activation = TCONV_ACT_NONE;
    double largest = 1;
    for (const double y : problem.expected_of(linear))
        largest = std::fmax(largest, std::fabs(y));
    const float factor = static_cast<float>(std::exp2(std::floor(std::log2(8 / largest))));
    const auto scale = [&](int64_t, float &value) { value *= factor; };
    problem.filter.each(scale);
    problem.residual.each(scale);
    for (float &b : problem.bias)
        b *= factor;
}

// Empty if every output is within the table's error of the oracle.
std::string compare_within_tolerance(Problem &problem) {
    tconv_spec before = problem.spec, linear = problem.spec;
    if (before.residual == TCONV_RESIDUAL_AFTER)
        before.residual = linear.residual = TCONV_RESIDUAL_NONE;
    linear.activation = TCONV_ACT_NONE;
    const std::vector<double> argument = problem.expected_of(linear), activated = problem.expected_of(before),
                              expected = problem.expected(), actual = problem.output.logical();
    for (size_t i = 0; i < actual.size(); ++i) {
        const double allowed = testing::allowed_error(problem.spec, argument[i], activated[i], expected[i]);
        const double rounded = static_cast<float>(expected[i]);
        const bool overflows = std::isinf(rounded) && actual[i] == rounded;
        if (!overflows && !(std::fabs(actual[i] - expected[i]) <= allowed)) {
            char text[200];
            std::snprintf(text, sizeof text, "output %zu, argument %.9g: %.9g, expected %.9g within %.3g", i,
                          argument[i], actual[i], expected[i], allowed);
            return text;
        }
    }
    return "";
}

// Runs in place of the residual and moves the result to problem.output, so that it can be compared there.
tconv_status run_in_place(Runner &runner, Problem &problem, const std::string &kernel) {
    Tensor original = problem.residual;
    const tconv_status status = runner.run(problem, kernel, true);
    EXPECT_TRUE(problem.residual.surroundings_intact()) << kernel;
    const std::vector<double> result = problem.residual.logical();
    problem.output.poison();
    problem.output.each([&](int64_t i, float &y) { y = static_cast<float>(result[static_cast<size_t>(i)]); });
    problem.residual = original;
    return status;
}

const char *const kLayers[] = {
    "n2_c5_h6_w7_o19_k3x3_s2x2_p1,0,1,1_op0,1_d1x1_g1_f32_nchw",   // ragged lanes, two images
    "n1_c6_h5_w4_o10_k2x3_s3x4_p0,0,0,0_op1,0_d1x1_g2_f32_nhwc",   // groups, empty phases
    "n1_c18_h4_w21_o18_k4x4_s2x2_p1,1,1,1_op0,0_d1x1_g18_f32_nhwc_nobias",  // depthwise
    "n1_c3_h1_w150_o3_k1x5_s1x1_p0,2,0,2_op0,0_d1x1_g1_f32_nchw",  // long rows
};

class Activation : public ::testing::TestWithParam<const char *> {};

TEST_P(Activation, WithEveryResidualOrderAndPlacement) {
    const std::string activation = GetParam();
    Runner runner;
    for (const std::string base : kLayers) {
        for (const char *residual : {"", "resbefore", "resafter"}) {
            const tconv_spec spec = testing::layer(with(with(base, activation), residual));
            for (const Placement placement : {Placement::kDense, Placement::kOther, Placement::kShuffled}) {
                Problem problem(spec, 21, placement);
                if (!testing::is_exact(spec) || activation == "leaky_relu0.01")
                    scale_arguments(problem, spec);
                for (const std::string &kernel : testing::kernels_for(spec)) {
                    const std::string where = testing::text_of(spec) + " " + kernel + " placement " +
                                              std::to_string(static_cast<int>(placement));
                    ASSERT_EQ(runner.run(problem, kernel), TCONV_OK) << where << runner.log;
                    ASSERT_EQ(compare_within_tolerance(problem), "") << where;
                    ASSERT_TRUE(problem.output.surroundings_intact()) << where;
                    if (spec.residual == TCONV_RESIDUAL_NONE)
                        continue;
                    ASSERT_EQ(run_in_place(runner, problem, kernel), TCONV_OK) << where << runner.log;
                    ASSERT_EQ(compare_within_tolerance(problem), "") << where << " in place";
                }
            }
        }
    }
}

std::string test_name(const std::string &activation) {
    std::string name = activation.empty() ? "none" : activation;
    for (char &c : name)
        c = c == '-' ? 'm' : std::isalnum(static_cast<unsigned char>(c)) ? c : '_';
    return name;
}

INSTANTIATE_TEST_SUITE_P(Exact, Activation, ::testing::ValuesIn(kExact),
                         [](const auto &info) { return test_name(info.param); });
INSTANTIATE_TEST_SUITE_P(Curves, Activation, ::testing::ValuesIn(kCurves),
                         [](const auto &info) { return test_name(info.param); });

// A layer that passes its inputs on: one channel, one tap, weight 1.
tconv_spec identity(const std::string &activation, size_t values) {
    return testing::layer(with("n1_c1_h1_w" + std::to_string(values) +
                                   "_o1_k1x1_s1x1_p0,0,0,0_op0,0_d1x1_g1_f32_nchw_nobias",
                               activation));
}

Problem identity_problem(const tconv_spec &spec, const std::vector<float> &values) {
    Problem problem(spec, 1);
    problem.filter.at(0, 0, 0, 0) = 1;
    problem.slope[0] = -0.5f;
    problem.input.each([&](int64_t i, float &x) { x = values[static_cast<size_t>(i)]; });
    return problem;
}

TEST_P(Activation, OverTheWholeRange) {
    // Half of them where the curves bend, half over all finite floats, by their bits. hard_swish multiplies x by 6
    // before it divides by 6, so its range ends where that overflows.
    const float limit = std::string(GetParam()) == "hard_swish" ? FLT_MAX / 6 : FLT_MAX;
    Random random(testing::seed_from_environment());
    std::vector<float> values;
    while (values.size() < 10000)
        values.push_back(static_cast<float>((random.unit() * 2 - 1) * (values.size() % 4 == 0 ? 110 : 12)));
    while (values.size() < 20000) {
        const float x = std::bit_cast<float>(static_cast<uint32_t>(random.next()));
        if (std::fabs(x) <= limit)
            values.push_back(x);
    }
    const tconv_spec spec = identity(GetParam(), values.size());
    Problem problem = identity_problem(spec, values);
    Runner runner;
    for (const std::string &kernel : testing::kernels_for(spec)) {
        ASSERT_EQ(runner.run(problem, kernel), TCONV_OK) << kernel << runner.log;
        EXPECT_EQ(compare_within_tolerance(problem), "") << kernel;
    }
}

TEST_P(Activation, SpecialValues) {
    const std::vector<float> values = {
        std::nanf(""), -std::nanf(""), kInfinity, -kInfinity, 0.0f,     -0.0f,   FLT_TRUE_MIN, -FLT_TRUE_MIN,
        FLT_MIN,       -FLT_MIN,       1e30f,     -1e30f,     1e-20f,   -1e-20f, 88.5f,        -88.5f,
        -104.5f,       -150.0f,        3.0f,      -3.0f,      0.625f,   -0.625f, 0.5f,         -0.5f,
        5e37f,         -5e37f,         1.0f,      -1.0f,      -87.0f,   89.5f};
    const tconv_spec spec = identity(GetParam(), values.size());
    Problem problem = identity_problem(spec, values);
    const std::vector<double> expected = problem.expected();
    Runner runner;
    for (const std::string &kernel : testing::kernels_for(spec)) {
        ASSERT_EQ(runner.run(problem, kernel), TCONV_OK) << kernel << runner.log;
        const std::vector<double> actual = problem.output.logical();
        for (size_t i = 0; i < values.size(); ++i) {
            double y = expected[i];
            if (values[i] == -kInfinity && testing::limit_replaces_formula(spec.activation))
                y = 0;
            if (std::isnan(y)) {
                EXPECT_TRUE(std::isnan(actual[i])) << kernel << ' ' << values[i] << " gives " << actual[i];
            } else if (std::isinf(values[i])) {
                EXPECT_EQ(actual[i], y) << kernel << ' ' << values[i] << ": the limit itself";
            } else {
                EXPECT_NEAR(actual[i], y, testing::allowed_error(spec, values[i], y, y)) << kernel << ' ' << values[i];
            }
        }
    }
}

}  // namespace
}  // namespace tconv
