// Every activation through every kernel: with both residual orders, in place of the residual, in both layouts; over
// the whole range of its type; and at the values where formulas break.
#include <gtest/gtest.h>

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

constexpr double kInfinity = std::numeric_limits<double>::infinity();

const char *const kExact[] = {"relu",         "clip-3,9",    "leaky_relu0.25", "leaky_relu0",
                              "leaky_relu-2", "leaky_relu1", "prelu",          ""};
const char *const kCurves[] = {"sigmoid", "tanh",       "elu1",         "elu0.3",   "gelu",          "gelu_tanh",
                               "silu",    "hard_swish", "hard_sigmoid", "softplus", "leaky_relu0.01"};

std::string with(const std::string &base, const std::string &suffix) {
    return suffix.empty() ? base : base + "_" + suffix;
}

// The oracle's answer on the way to the result.
struct Answer : Problem::Steps {
    explicit Answer(const Problem &problem) : Problem::Steps(problem.expected_steps()) {}

    // Empty if every output is within the table's error.
    std::string compare(const Problem &problem) const {
        const std::vector<double> actual = problem.output.logical();
        for (size_t i = 0; i < actual.size(); ++i) {
            const double allowed = testing::allowed_error(problem.spec, argument[i], activated[i], result[i]);
            const bool rounded = actual[i] == rounded_to(problem.spec.dtype, result[i]);  // to infinity too
            if (!rounded && !(allowed > 0 && std::fabs(actual[i] - result[i]) <= allowed)) {
                char text[200];
                std::snprintf(text, sizeof text, "output %zu, argument %.17g: %.17g, expected %.17g within %.3g", i,
                              argument[i], actual[i], result[i], allowed);
                return text;
            }
        }
        return "";
    }
};

// Runs in place of the residual and moves the result to problem.output, so that it can be compared there.
tconv_status run_in_place(Runner &runner, Problem &problem, const std::string &kernel) {
    Tensor original = problem.residual;
    const tconv_status status = runner.run(problem, kernel, true);
    EXPECT_TRUE(problem.residual.surroundings_intact()) << kernel;
    problem.output.poison();
    problem.output.assign(problem.residual.logical());
    problem.residual = original;
    return status;
}

const char *const kLayers[] = {
    "n2_c5_h6_w7_o19_k3x3_s2x2_p1,0,1,1_op0,1_d1x1_g1_f32_nchw",            // ragged lanes, two images
    "n1_c6_h5_w4_o10_k2x3_s3x4_p0,0,0,0_op1,0_d1x1_g2_f32_nhwc",            // groups, empty phases
    "n1_c18_h4_w21_o18_k4x4_s2x2_p1,1,1,1_op0,0_d1x1_g18_f32_nhwc_nobias",  // depthwise
    "n1_c3_h1_w150_o3_k1x5_s1x1_p0,2,0,2_op0,0_d1x1_g1_f32_nchw",           // long rows
};

class Activation : public ::testing::TestWithParam<const char *> {
protected:
    // Every kernel of the spec's dtype, on one placement.
    void check(const tconv_spec &spec, Placement placement) {
        for (const testing::Lot &lot : testing::lots_for(spec)) {
            check(spec, placement, lot);
            if (HasFatalFailure())
                return;
        }
    }

private:
    void check(const tconv_spec &spec, Placement placement, const testing::Lot &lot) {
        Runner runner;
        Problem problem(spec, 21, placement, lot.rules);
        if (!testing::is_exact(spec) || std::string(GetParam()) == "leaky_relu0.01")
            problem.scale_arguments();
        const Answer answer(problem);
        for (const std::string &kernel : lot.kernels) {
            const std::string where =
                testing::text_of(spec) + " " + kernel + " placement " + std::to_string(static_cast<int>(placement));
            ASSERT_EQ(runner.run(problem, kernel), TCONV_OK) << where << runner.log;
            ASSERT_EQ(answer.compare(problem), "") << where;
            ASSERT_TRUE(problem.output.surroundings_intact()) << where;
            if (spec.residual == TCONV_RESIDUAL_NONE)
                continue;
            ASSERT_EQ(run_in_place(runner, problem, kernel), TCONV_OK) << where << runner.log;
            ASSERT_EQ(answer.compare(problem), "") << where << " in place";
        }
    }
};

// The placements take turns, so that each meets each layer and, over the layers, each residual order.
TEST_P(Activation, WithEveryResidualOrderAndPlacement) {
    constexpr Placement kPlacements[] = {Placement::kDense, Placement::kOther, Placement::kShuffled};
    for (const int32_t dtype : testing::dtypes()) {
        size_t turn = static_cast<size_t>(dtype);
        for (const std::string base : kLayers) {
            for (const char *residual : {"", "resbefore", "resafter"}) {
                check(testing::layer(with(with(base, GetParam()), residual), dtype), kPlacements[turn++ % 3]);
                if (HasFatalFailure())
                    return;
            }
            ++turn;
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
tconv_spec identity(const std::string &activation, int32_t dtype, size_t values) {
    return testing::layer(
        with("n1_c1_h1_w" + std::to_string(values) + "_o1_k1x1_s1x1_p0,0,0,0_op0,0_d1x1_g1_f32_nchw_nobias",
             activation),
        dtype);
}

Problem identity_problem(const tconv_spec &spec, const std::vector<double> &values) {
    Problem problem(spec, 1);
    problem.filter.set(0, 0, 0, 0, 1);
    problem.slope.set(0, -0.5);
    problem.input.assign(values);
    return problem;
}

// What the kernel makes of them before it multiplies.
std::vector<double> as_read(const std::string &kernel, int32_t dtype, std::vector<double> values) {
    if (testing::multiplies_pairs(kernel)) {
        for (double &x : values) {
            if (std::fabs(x) < element_type(dtype).least())
                x = std::copysign(0.0, x);
        }
    }
    return values;
}

// Of the type's, uniform over the bit patterns.
double any_number(Random &random, int32_t dtype) {
    const uint64_t bits = random.next();
    return load_element(dtype, &bits);
}

TEST_P(Activation, OverTheWholeRange) {
    for (const int32_t dtype : testing::dtypes()) {
        // Half of them where the curves bend, half over all finite numbers, by their bits.
        const double most = element_type(arithmetic_of(dtype)).most();
        const double wide = dtype == TCONV_F64 ? 760 : 110;  // where exp() leaves the arithmetic's range
        Random random(testing::seed_from_environment());
        std::vector<double> values;
        while (values.size() < 10000)
            values.push_back(rounded_to(dtype, (random.unit() * 2 - 1) * (values.size() % 4 == 0 ? wide : 12)));
        while (values.size() < 20000) {
            const double x = any_number(random, dtype);
            if (std::fabs(x) <= most)
                values.push_back(x);
        }
        const tconv_spec spec = identity(GetParam(), dtype, values.size());
        Problem problem = identity_problem(spec, values);
        Runner runner;
        for (const std::string &kernel : testing::kernels_for(spec)) {
            const Answer answer(identity_problem(spec, as_read(kernel, dtype, values)));
            ASSERT_EQ(runner.run(problem, kernel), TCONV_OK) << kernel << runner.log;
            EXPECT_EQ(answer.compare(problem), "") << kernel;
        }
    }
}

TEST_P(Activation, SpecialValues) {
    for (const int32_t dtype : testing::dtypes()) {
        const ElementType &type = element_type(dtype);
        std::vector<double> values = {std::nan(""), -std::nan(""), kInfinity, -kInfinity, 0.0, -0.0};
        for (const double x : {type.least_step(), type.least(), 1e30, 1e-20, 88.5, 104.5, 150.0, 709.5, 745.5, 3.0,
                               0.625, 0.5, 5e37, 1.0, 87.0, 89.5}) {
            values.push_back(rounded_to(dtype, x));
            values.push_back(rounded_to(dtype, -x));
        }
        const tconv_spec spec = identity(GetParam(), dtype, values.size());
        Problem problem = identity_problem(spec, values);
        Runner runner;
        for (const std::string &kernel : testing::kernels_for(spec)) {
            const std::vector<double> expected = identity_problem(spec, as_read(kernel, dtype, values)).expected();
            ASSERT_EQ(runner.run(problem, kernel), TCONV_OK) << kernel << runner.log;
            const std::vector<double> actual = problem.output.logical();
            for (size_t i = 0; i < values.size(); ++i) {
                double y = expected[i];
                if (values[i] == -kInfinity && testing::limit_replaces_formula(spec.activation))
                    y = 0;
                if (std::isnan(y)) {
                    EXPECT_TRUE(std::isnan(actual[i])) << kernel << ' ' << values[i] << " gives " << actual[i];
                } else if (std::isinf(values[i])) {
                    EXPECT_EQ(actual[i], rounded_to(dtype, y)) << kernel << ' ' << values[i] << ": the limit itself";
                } else {
                    EXPECT_NEAR(actual[i], y, testing::allowed_error(spec, values[i], y, y))
                        << kernel << ' ' << values[i];
                }
            }
        }
    }
}

}  // namespace
}  // namespace tconv
