// Softmax along both axes: it needs all channels, or a whole row, of the sums before it can store one value, so it
// crosses units, lane blocks, phases and column blocks as no other activation does.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <limits>
#include <string>
#include <vector>

#include "random_spec.h"
#include "reference.h"
#include "runner.h"
#include "tolerance.h"

namespace tconv {
namespace {

using testing::Placement;
using testing::Problem;
using testing::Runner;
using testing::Tensor;

struct SoftmaxLayer {
    const char *name, *layer;
};
std::ostream &operator<<(std::ostream &stream, const SoftmaxLayer &layer) {
    return stream << layer.layer;
}

// clang-format off: a table
const SoftmaxLayer kLayers[] = {
    {"OneChannel",         "n1_c3_h3_w4_o1_k3x3_s2x2_p1,1,1,1_op0,0_d1x1_g1_f32_nchw"},
    {"RaggedLaneBlock",    "n2_c4_h5_w7_o19_k3x3_s2x2_p1,0,1,1_op1,0_d1x1_g1_f32_nchw"},
    {"ManyLaneBlocks",     "n1_c3_h4_w5_o131_k4x4_s2x2_p1,1,1,1_op0,0_d1x1_g1_f32_nchw"},
    {"WideChannels",       "n1_c2_h3_w2_o1000_k2x2_s2x2_p0,0,0,0_op0,0_d1x1_g1_f32_nchw"},
    {"DeepChannels",       "n1_c515_h3_w3_o33_k3x3_s1x1_p1,1,1,1_op0,0_d1x1_g1_f32_nchw"},
    {"Groups",             "n1_c6_h4_w5_o21_k3x3_s2x2_p1,1,1,1_op0,0_d1x1_g3_f32_nchw"},
    {"GroupsOfLaneBlocks", "n1_c4_h3_w5_o70_k3x3_s2x2_p1,1,1,1_op0,0_d1x1_g2_f32_nchw"},
    {"Depthwise",          "n1_c37_h5_w6_o37_k3x3_s2x2_p1,1,1,1_op1,1_d1x1_g37_f32_nchw"},
    {"EmptyPhases",        "n1_c5_h3_w4_o9_k2x2_s4x3_p0,0,0,0_op1,2_d1x1_g1_f32_nchw"},
    {"CropsAndTails",      "n1_c5_h4_w5_o9_k3x3_s2x3_p-3,4,2,-7_op0,0_d1x1_g1_f32_nchw"},
    {"LongRow",            "n1_c3_h2_w1003_o5_k4x4_s2x2_p1,1,1,1_op0,0_d1x1_g1_f32_nchw"},
    {"LongRowStrideOne",   "n1_c3_h3_w777_o2_k3x5_s1x1_p1,2,1,2_op0,0_d1x1_g1_f32_nchw"},
    {"LongRowManyOutputs", "n1_c2_h1_w301_o67_k1x6_s1x3_p0,1,0,2_op0,0_d1x1_g1_f32_nchw"},
    {"OneColumn",          "n1_c3_h7_w1_o5_k3x1_s2x1_p0,0,0,0_op0,0_d1x1_g1_f32_nchw"},
    {"ManyRows",           "n1_c9_h70_w9_o12_k3x3_s2x2_p1,1,1,1_op0,0_d1x1_g1_f32_nchw"},
};
// clang-format on

// Arguments of moderate size, so that many terms of each total count: a power of two on weights and bias.
void scale_arguments(Problem &problem) {
    tconv_spec linear = problem.spec;
    linear.activation = TCONV_ACT_NONE, linear.residual = TCONV_RESIDUAL_NONE;
    double largest = 1;
    for (const double y : problem.expected_of(linear))
        largest = std::fmax(largest, std::fabs(y));
    const double factor = std::exp2(std::floor(std::log2(4 / largest)));
    for (Tensor *tensor : {&problem.filter, &problem.bias})
        tensor->change([&](int64_t, double value) { return value * factor; });
    largest = 1;
    for (const double r : problem.residual.logical())
        largest = std::fmax(largest, std::fabs(r));
    const double residual_factor = std::exp2(std::floor(std::log2(2 / largest)));
    problem.residual.change([&](int64_t, double value) { return value * residual_factor; });
}

// The oracle's answer, before and after a residual is added behind the softmax.
struct Answer {
    explicit Answer(const Problem &problem) {
        tconv_spec alone = problem.spec;
        if (alone.residual == TCONV_RESIDUAL_AFTER)
            alone.residual = TCONV_RESIDUAL_NONE;
        share = problem.expected_of(alone);
        result = problem.expected();
    }

    // Empty if every output is within the bound of its own softmax.
    std::string compare(const Problem &problem) const {
        const tconv_spec &spec = problem.spec;
        const reference::Size out = reference::output_size(spec);
        const double length = static_cast<double>(spec.softmax_axis == TCONV_AXIS_LAST ? out.w : spec.out_channels);
        constexpr double kRange = 16;  // scale_arguments: sums of at most 4 and residuals of at most 2 in magnitude
        const double relative = testing::softmax_relative_error(spec, length, kRange);
        // A residual after the activation is added with one more rounding.
        const double added = spec.residual == TCONV_RESIDUAL_AFTER ? testing::ulp(spec, 1) : 0;
        const double least = element_type(arithmetic_of(spec.dtype)).least();
        const std::vector<double> actual = problem.output.logical();
        for (size_t i = 0; i < actual.size(); ++i) {
            const double allowed = relative * share[i] + added * std::fabs(result[i]) + least +
                                   testing::store_error(spec, result[i]);
            if (!(std::fabs(actual[i] - result[i]) <= allowed)) {
                char text[200];
                std::snprintf(text, sizeof text, "output %zu: %.17g, expected %.17g within %.3g", i, actual[i],
                              result[i], allowed);
                return text;
            }
        }
        return problem.output.surroundings_intact() ? "" : "memory around the output was written";
    }

    std::vector<double> share, result;
};

class Softmax : public ::testing::TestWithParam<SoftmaxLayer> {};

void check(const tconv_spec &spec) {
    Runner runner;
    for (const testing::Lot &lot : testing::lots_for(spec)) {
        Problem problem(spec, 31, spec.layout == TCONV_NCHW ? Placement::kDense : Placement::kSlice, lot.rules);
        scale_arguments(problem);
        const Answer answer(problem);
        for (const std::string &kernel : lot.kernels) {
            ASSERT_EQ(runner.run(problem, kernel), TCONV_OK) << testing::text_of(spec) << ' ' << kernel << '\n'
                                                             << runner.log;
            ASSERT_EQ(answer.compare(problem), "") << testing::text_of(spec) << ' ' << kernel;
        }
    }
}

TEST_P(Softmax, AlongBothAxesThroughEveryKernel) {
    for (const int32_t dtype : testing::dtypes()) {
        for (const char *axis : {"_softmax", "_softmax_last"}) {
            for (const char *residual : {"", "_resbefore", "_resafter"}) {
                for (const int32_t layout : {TCONV_NCHW, TCONV_NHWC}) {
                    tconv_spec spec = testing::layer(std::string(GetParam().layer) + axis + residual, dtype);
                    spec.layout = layout;
                    // Types beyond the first take the layouts in turn.
                    if (dtype != testing::dtypes().front() && (layout + dtype + spec.residual) % 2 == 0)
                        continue;
                    check(spec);
                    if (HasFatalFailure())
                        return;
                }
            }
        }
    }
}

INSTANTIATE_TEST_SUITE_P(Layers, Softmax, ::testing::ValuesIn(kLayers),
                         [](const auto &info) { return std::string(info.param.name); });

// Integer data as it comes: arguments in the thousands and more, whose exponentials only exist after the peak is
// subtracted.
TEST(SoftmaxValues, LargeArgumentsDoNotOverflow) {
    Runner runner;
    for (const int32_t dtype : testing::dtypes()) {
        for (const char *axis : {"_softmax", "_softmax_last"}) {
            const tconv_spec spec =
                testing::layer(std::string("n1_c64_h4_w9_o21_k4x4_s2x2_p1,1,1,1_op0,0_d1x1_g1_f32_nchw") + axis, dtype);
            const double range = dtype == TCONV_F64 ? 745 : 104;  // beyond it the smaller share is nothing
            const double least = element_type(arithmetic_of(dtype)).least() + testing::store_error(spec, 0);
            const double relative = testing::softmax_relative_error(spec, 30, range) + testing::store_error(spec, 1);
            for (const testing::Lot &lot : testing::lots_for(spec)) {
                Problem problem(spec, 5, Placement::kDense, lot.rules);
                const std::vector<double> expected = problem.expected();
                for (const std::string &kernel : lot.kernels) {
                    ASSERT_EQ(runner.run(problem, kernel), TCONV_OK) << kernel;
                    ASSERT_EQ(problem.compare(expected, least, relative), "") << kernel;
                }
            }
        }
    }
}

// A NaN spoils its own softmax and no other; the shares of the others still add up to one.
TEST(SoftmaxValues, ANanSpoilsItsOwnSliceOnly) {
    Runner runner;
    for (const std::string &kernel : testing::usable_kernels()) {
        for (const char *axis : {"_softmax", "_softmax_last"}) {
            const tconv_spec spec = testing::layer(
                std::string("n1_c3_h5_w9_o19_k1x1_s1x1_p0,0,0,0_op0,0_d1x1_g1_f32_nchw") + axis + "_strict",
                testing::dtype_of(kernel));
            testing::KernelName name;
            ASSERT_TRUE(testing::parse_kernel_name(kernel, &name));
            if (testing::may_refuse(name, spec))
                continue;
            Problem problem(spec, 5);
            problem.input.set(0, 1, 2, 4, std::nan(""));
            ASSERT_EQ(runner.run(problem, kernel), TCONV_OK) << kernel;
            const bool channels = spec.softmax_axis == TCONV_AXIS_CHANNEL;
            const int32_t slices = channels ? 9 : 19, length = channels ? 19 : 9;
            const double allowed = 1e-5 + length * testing::store_error(spec, 1);
            for (int32_t y = 0; y < 5; ++y)
                for (int32_t slice = 0; slice < slices; ++slice) {
                    double total = 0;
                    for (int32_t i = 0; i < length; ++i)
                        total += channels ? problem.output.at(0, i, y, slice) : problem.output.at(0, slice, y, i);
                    const bool spoilt = y == 2 && (!channels || slice == 4);
                    ASSERT_EQ(std::isnan(total), spoilt) << kernel << " row " << y << " slice " << slice;
                    if (!spoilt) {
                        ASSERT_NEAR(total, 1, allowed) << kernel;
                    }
                }
        }
    }
}

}  // namespace
}  // namespace tconv
