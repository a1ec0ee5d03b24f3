// The gradients' kernels for devices, run under OpenCL, against the oracle: the classes of shape where transposed convolutions
// go wrong, and random layers. Data are integers for which sums are exact, so the comparison is ==.
#include <gtest/gtest.h>

#include <cstdlib>
#include <map>
#include <string>
#include <vector>

#include "opencl_runner.h"
#include "random_spec.h"
#include "runner.h"
#include "shape_classes.h"

namespace tconv {
namespace {

using testing::GradientProblem;
using testing::OpenclGradientRunner;
using testing::Placement;

void check(GradientProblem &problem, const std::vector<double> &expected, const std::string &kernel, bool aligned = true) {
    OpenclGradientRunner runner;
    runner.aligned = aligned;
    ASSERT_EQ(runner.run(problem, kernel), TCONV_OK) << testing::text_of(problem.spec) << '\n' << runner.message;
    ASSERT_EQ(problem.compare(expected), "") << testing::text_of(problem.spec) << ' ' << runner.kernel;
}

const char *const kNames[] = {"Input", "Filter", "Bias"};

class Gradients : public ::testing::TestWithParam<int32_t> {};

INSTANTIATE_TEST_SUITE_P(Of, Gradients, ::testing::ValuesIn(testing::kGradients),
                         [](const auto &info) { return std::string(kNames[info.param]); });

// By the plan's choice, types by turns; those of which a processor makes seconds are left to random_layers' sizes.
TEST_P(Gradients, OfEveryClassOfShape) {
    ASSERT_EQ(testing::opencl_missing(), "");
    const std::vector<int32_t> dtypes = testing::device_dtypes();
    size_t turn = 0;
    for (const testing::ShapeClass &shape : testing::shape_classes()) {
        for (const int32_t layout : {TCONV_NCHW, TCONV_NHWC}) {
            tconv_spec spec = testing::linear(testing::layer(shape.layer));
            if (work_of(spec).flops_nominal > 3e6 || spec.groups >= 500)
                continue;
            spec.layout = layout, spec.dtype = dtypes[turn++ % dtypes.size()];
            GradientProblem problem(spec, GetParam(), turn,
                                    layout == TCONV_NHWC ? Placement::kDense : Placement::kShuffled);
            SCOPED_TRACE(shape.name);
            check(problem, problem.expected(), "");
            if (HasFatalFailure())
                return;
        }
    }
}

// By the plan's choice and the kernel that was run the least of those that compute it.
TEST_P(Gradients, OfRandomLayersEqualTheOracle) {
    ASSERT_EQ(testing::opencl_missing(), "");
    const char *const wanted = std::getenv("TCONV_LAYERS"), *const given = std::getenv("TCONV_SEED");
    const std::vector<int32_t> dtypes = testing::device_dtypes();
    const int layers = wanted != nullptr ? std::atoi(wanted) : 160;
    testing::Random random((given != nullptr ? std::strtoull(given, nullptr, 10) : 30) + static_cast<uint64_t>(GetParam()));
    std::map<std::string, int> runs;
    testing::SpecLimits limits;
    limits.most_flops = 2e6;
    limits.most_outputs = 20000;
    limits.activations = false;
    for (int i = 0; i < layers; i++) {
        limits.dtype = dtypes[static_cast<size_t>(i / 6) % dtypes.size()];
        limits.depthwise = i % 6 == 0;
        tconv_spec spec = testing::linear(testing::random_legal_spec(random, limits));
        if (spec.dtype == TCONV_F32 && i % 2 == 1)
            spec.math = TCONV_MATH_TF32;
        const bool depthwise = spec.groups > 1 && spec.groups == spec.in_channels && spec.groups == spec.out_channels;
        if (i % 3 == 0 && (spec.groups == 1 || depthwise)) {  // what aligned vectors want, which chance gives to few
            spec.layout = TCONV_NHWC;
            spec.math = spec.math == TCONV_MATH_STRICT ? TCONV_MATH_FAST : spec.math;
            spec.in_channels = (spec.in_channels + 7) / 8 * 8, spec.out_channels = (spec.out_channels + 7) / 8 * 8;
            spec.groups = depthwise ? spec.in_channels : 1;
        }
        const Placement placement = static_cast<Placement>(random.below(4));
        GradientProblem problem(spec, GetParam(), random.next(), i % 3 == 0 ? Placement::kDense : placement);
        const std::vector<double> expected = problem.expected();
        const std::vector<std::string> kernels = testing::device_kernels_for(spec, GetParam());
        ASSERT_FALSE(kernels.empty()) << testing::text_of(spec);
        const std::string drawn = testing::least_run(kernels, runs);
        for (const std::string &kernel : {std::string(), drawn}) {
            check(problem, expected, kernel, i % 7 != 0);
            if (HasFatalFailure())
                return;
        }
        ++runs[drawn];
    }
    if (GetParam() == TCONV_GRADIENT_INPUT) {
        for (const DeviceKernel &kernel : device_kernels())
            EXPECT_TRUE(kernel.direction == Direction::output || runs[kernel.name] > 0) << kernel.name << " was never run";
    }
    if (GetParam() == TCONV_GRADIENT_FILTER) {
        for (const DeviceGradientKernel &kernel : device_gradient_kernels())
            EXPECT_GE(runs[kernel.name], 1) << kernel.name << " was never run";
    }
}

}  // namespace
}  // namespace tconv
