// The kernels for devices, run under OpenCL, against the oracle: the classes of shape where transposed convolutions go
// wrong, and random layers. Data are integers for which sums are exact, so the comparison is ==.
#include <gtest/gtest.h>

#include <cstdlib>
#include <map>

#include "opencl_runner.h"
#include "random_spec.h"
#include "runner.h"
#include "shape_classes.h"

namespace tconv {
namespace {

using testing::OpenclRunner;
using testing::Placement;
using testing::Problem;

class Device : public ::testing::Test {
protected:
    void SetUp() override {
        std::string why;
        ASSERT_TRUE(testing::opencl_usable(&why)) << "PoCL (scripts/apt-packages.txt) is not there: " << why;
    }
};

using Shapes = Device;
using RandomLayers = Device;

void check(Problem &problem, const std::vector<double> &expected, const std::string &kernel) {
    OpenclRunner runner;
    ASSERT_EQ(runner.run(problem, kernel), TCONV_OK) << runner.message;
    ASSERT_EQ(problem.compare(expected), "") << testing::text_of(problem.spec) << ' ' << runner.kernel;
}

TEST_F(Shapes, EachThroughEveryKernelOfItsLayout) {
    std::map<std::string, int> runs;
    for (const testing::ShapeClass &shape : testing::shape_classes()) {
        for (const int32_t layout : {TCONV_NCHW, TCONV_NHWC}) {
            tconv_spec spec = testing::layer(shape.layer);
            spec.layout = layout;
            // Strides by turns: views of any, in one layout dense and in the other shuffled.
            const Placement placement = layout == TCONV_NHWC ? Placement::kDense : Placement::kShuffled;
            Problem problem(spec, 11, placement);
            const std::vector<double> expected = problem.expected();
            for (const std::string &kernel : testing::device_kernels_for(spec)) {
                check(problem, expected, kernel);
                if (HasFatalFailure())
                    return;
                ++runs[kernel];
            }
        }
    }
    for (const DeviceKernel &kernel : device_kernels())
        RecordProperty(kernel.name, runs[kernel.name]);
}

// Random layers by the plan's choice, and by a kernel drawn among those that compute it. Every kernel has its runs counted.
TEST_F(RandomLayers, EqualTheOracle) {
    const char *const wanted = std::getenv("TCONV_LAYERS"), *const given = std::getenv("TCONV_SEED");
    const int layers = wanted != nullptr ? std::atoi(wanted) : 400;
    testing::Random random(given != nullptr ? std::strtoull(given, nullptr, 10) : 20);
    std::map<std::string, int> runs;
    testing::SpecLimits limits;
    limits.most_flops = 3e6;
    limits.most_outputs = 40000;
    limits.exact_only = true;
    for (int i = 0; i < layers; i++) {
        limits.depthwise = i % 5 == 0;
        tconv_spec spec = testing::random_legal_spec(random, limits);
        if (i % 3 == 0 && spec.groups == 1) {  // what aligned vectors want, which chance gives to few
            spec.layout = TCONV_NHWC;
            spec.in_channels = (spec.in_channels + 3) / 4 * 4, spec.out_channels = (spec.out_channels + 3) / 4 * 4;
        }
        const Placement placement = static_cast<Placement>(random.below(4));
        Problem problem(spec, static_cast<uint64_t>(i), i % 3 == 0 ? Placement::kDense : placement);
        const std::vector<double> expected = problem.expected();
        const std::vector<std::string> kernels = testing::device_kernels_for(spec);
        ASSERT_FALSE(kernels.empty()) << testing::text_of(spec);
        const std::string drawn = kernels[static_cast<size_t>(random.below(static_cast<int64_t>(kernels.size())))];
        for (const std::string &kernel : {std::string(), drawn}) {
            check(problem, expected, kernel);
            if (HasFatalFailure())
                return;
        }
        ++runs[drawn];
    }
    for (const DeviceKernel &kernel : device_kernels()) {
        RecordProperty(kernel.name, runs[kernel.name]);
        EXPECT_GE(runs[kernel.name], layers / 50) << kernel.name << " was hardly run";
    }
}

}  // namespace
}  // namespace tconv
