// The classes of shape where transposed convolutions go wrong, each by name and each through every kernel. Random
// layers meet them by chance only; here a failure says what broke.
#include <gtest/gtest.h>

#include <map>
#include <string>

#include "random_spec.h"
#include "runner.h"
#include "shape_classes.h"

namespace tconv {
namespace {

using testing::Placement;
using testing::Problem;
using testing::Runner;

// What every kernel that should compute the layer gives, in both layouts and for a strided view, and what the plan's
// choice gives, equals the oracle. Types beyond the first take one layout dense or the other strided.
void check_layer(const std::string &text, int32_t dtype) {
    Runner runner;
    for (const int32_t layout : {TCONV_NCHW, TCONV_NHWC}) {
        tconv_spec spec = testing::layer(text, dtype);
        spec.layout = layout;
        const std::string where = testing::text_of(spec);
        for (const Placement placement : {Placement::kDense, Placement::kShuffled}) {
            const bool strided = placement == Placement::kShuffled, nhwc = layout == TCONV_NHWC;
            if (dtype != testing::dtypes().front() && (strided != nhwc || strided != (dtype % 2 == 0)))
                continue;
            for (const testing::Lot &lot : testing::lots_and_choice_for(spec)) {
                Problem problem(spec, 11, placement, lot.rules);
                const std::vector<double> expected = problem.expected();
                for (const std::string &kernel : lot.kernels) {
                    ASSERT_EQ(runner.run(problem, kernel), TCONV_OK) << where << ' ' << kernel << '\n' << runner.log;
                    ASSERT_EQ(problem.compare(expected), "") << where << ' ' << runner.kernel;
                }
            }
        }
    }
}

class Shape : public ::testing::TestWithParam<testing::ShapeClass> {};

TEST_P(Shape, ThroughEveryKernel) {
    for (const int32_t dtype : testing::dtypes()) {
        check_layer(GetParam().layer, dtype);
        if (HasFatalFailure())
            return;
    }
}

INSTANTIATE_TEST_SUITE_P(Classes, Shape, ::testing::ValuesIn(testing::shape_classes()),
                         [](const auto &info) { return std::string(info.param.name); });

// A row of kernels that all refuse a layer would pass every test above: some kernel takes each of them.
TEST(Shapes, SomeVectorKernelComputesEach) {
    for (const int32_t dtype : testing::dtypes()) {
        for (const testing::ShapeClass &shape : testing::shape_classes()) {
            const testing::Plan plan(testing::layer(shape.layer, dtype));
            ASSERT_EQ(plan.status, TCONV_OK) << shape.name;
            EXPECT_EQ(std::string(tconv_plan_kernel(plan.get())).find("gather"), std::string::npos) << shape.name;
        }
    }
}

}  // namespace
}  // namespace tconv
