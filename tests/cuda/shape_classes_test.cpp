// The kernels for devices, run under OpenCL, against the oracle: the classes of shape where transposed convolutions go
// wrong, and random layers. Data are integers for which sums are exact, so the comparison is ==.
#include <gtest/gtest.h>

#include <cstdlib>
#include <map>
#include <utility>
#include <vector>

#include "opencl_runner.h"
#include "random_spec.h"
#include "runner.h"
#include "shape_classes.h"

namespace tconv {
namespace {

using testing::OpenclRunner;
using testing::Placement;
using testing::Problem;

void check(Problem &problem, const std::vector<double> &expected, const std::string &kernel, bool aligned = true) {
    OpenclRunner runner;
    runner.aligned = aligned;
    ASSERT_EQ(runner.run(problem, kernel), TCONV_OK) << runner.message;
    ASSERT_EQ(problem.compare(expected), "") << testing::text_of(problem.spec) << ' ' << runner.kernel;
}

class Shapes : public ::testing::TestWithParam<testing::ShapeClass> {};

// A processor takes seconds for some layers and kernels: where a tile holds one output of each of many phases, and where
// channels or products are many. Those run by the plan's choice, and float32 by one more where it is the products.
bool has_many_tiles(const tconv_spec &spec) {
    return spec.stride_h >= 100 || spec.stride_w >= 100 || spec.groups >= 500;
}
bool has_many_products(const tconv_spec &spec) {
    return work_of(spec).flops_nominal > 1e6;
}

struct Kind {
    int32_t dtype, math, layout;
};
std::vector<Kind> kinds() {
    std::vector<Kind> all;
    for (const int32_t layout : {TCONV_NCHW, TCONV_NHWC}) {
        for (const int32_t dtype : testing::device_dtypes())
            all.push_back({dtype, TCONV_MATH_FAST, layout});
        all.push_back({TCONV_F32, TCONV_MATH_TF32, layout});
    }
    return all;
}

// The layer's kernels; of TF32 those that round to it, for the others are float32's.
std::vector<std::string> kernels_of(const tconv_spec &spec) {
    std::vector<std::string> kernels = testing::device_kernels_for(spec);
    if (spec.math == TCONV_MATH_TF32)
        std::erase_if(kernels, [](const std::string &name) { return name.find("_tf32_") == std::string::npos; });
    return kernels;
}

// Through every kernel of float32; of the other types through the plan's choice and one more, which takes turns.
TEST_P(Shapes, ThroughKernelsOfItsLayoutAndEveryType) {
    ASSERT_EQ(testing::opencl_missing(), "");
    static size_t turn = 0;
    for (const auto &[dtype, math, layout] : kinds()) {
        tconv_spec spec = testing::layer(GetParam().layer);
        spec.dtype = dtype, spec.layout = layout, spec.math = math;
        // Views of any strides by turns, dense in the other layout.
        const Placement placement = layout == TCONV_NHWC ? Placement::kDense : Placement::kShuffled;
        Problem problem(spec, 11, placement);
        const std::vector<double> expected = problem.expected();
        std::vector<std::string> kernels = kernels_of(spec);
        const bool is_float32 = dtype == TCONV_F32 && math == TCONV_MATH_FAST;
        ASSERT_TRUE(!kernels.empty() || math == TCONV_MATH_TF32);
        if (kernels.empty())
            continue;
        if (has_many_tiles(spec) || (!is_float32 && has_many_products(spec)))
            kernels = {""};
        else if (has_many_products(spec))
            kernels = {"", layout == TCONV_NCHW ? kernels.front() : kernels.back()};
        else if (!is_float32)
            kernels = {"", kernels[turn++ % kernels.size()]};
        for (const std::string &kernel : kernels) {
            check(problem, expected, kernel);
            if (HasFatalFailure())
                return;
        }
    }
}

INSTANTIATE_TEST_SUITE_P(Classes, Shapes, ::testing::ValuesIn(testing::shape_classes()),
                         [](const auto &info) { return std::string(info.param.name); });

// Random layers by the plan's choice, and by the kernel among those that compute it that was run the least.
TEST(RandomLayers, EqualTheOracle) {
    ASSERT_EQ(testing::opencl_missing(), "");
    const char *const wanted = std::getenv("TCONV_LAYERS"), *const given = std::getenv("TCONV_SEED");
    const std::vector<int32_t> dtypes = testing::device_dtypes();
    const int layers = wanted != nullptr ? std::atoi(wanted) : 100 * static_cast<int>(dtypes.size());
    testing::Random random(given != nullptr ? std::strtoull(given, nullptr, 10) : 20);
    std::map<std::string, int> runs;
    testing::SpecLimits limits;
    limits.most_flops = 3e6;
    limits.most_outputs = 40000;
    limits.exact_only = true;
    for (int i = 0; i < layers; i++) {
        // Types by turns of twelve layers, in which the other turns below go round.
        limits.dtype = dtypes[static_cast<size_t>(i / 12) % dtypes.size()];
        limits.depthwise = i % 4 == 0;
        tconv_spec spec;
        bool depthwise;
        do {
            spec = testing::random_legal_spec(random, limits);
            depthwise = spec.groups == spec.in_channels && spec.groups == spec.out_channels;
        } while (i % 3 == 0 && spec.groups != 1 && !depthwise);
        if (spec.dtype == TCONV_F32 && i % 2 == 1)
            spec.math = TCONV_MATH_TF32;
        if (i % 3 == 0) {  // what aligned vectors want, which chance gives to few
            spec.layout = TCONV_NHWC;
            spec.math = spec.math == TCONV_MATH_STRICT ? TCONV_MATH_FAST : spec.math;
            // Of numbers, or of fragments, which are half types' above all.
            const int32_t vector = i % (dtype_bytes(spec.dtype) == 2 ? 12 : 6) == 0 ? 4 : 8;
            spec.in_channels = (spec.in_channels + vector - 1) / vector * vector;
            spec.out_channels = (spec.out_channels + vector - 1) / vector * vector;
            spec.groups = depthwise && spec.groups > 1 ? spec.in_channels : 1;
        }
        const Placement placement = static_cast<Placement>(random.below(4));
        Problem problem(spec, static_cast<uint64_t>(i), i % 3 == 0 ? Placement::kDense : placement);
        const std::vector<double> expected = problem.expected();
        const std::vector<std::string> kernels = testing::device_kernels_for(spec);
        ASSERT_FALSE(kernels.empty()) << testing::text_of(spec);
        const std::string drawn = testing::least_run(kernels, runs);
        for (const std::string &kernel : {std::string(), drawn}) {
            check(problem, expected, kernel, i % 7 != 0);
            if (HasFatalFailure())
                return;
        }
        ++runs[drawn];
    }
    for (const DeviceKernel &kernel : device_kernels()) {
        if (kernel.form == Form::sums || kernel.direction != Direction::output)
            continue;  // of activations that are not exact: activations_test.cpp; of gradients: gradients_test.cpp
        RecordProperty(kernel.name, runs[kernel.name]);
        EXPECT_GE(runs[kernel.name], layers / (50 * static_cast<int>(dtypes.size()))) << kernel.name << " was hardly run";
    }
}

}  // namespace
}  // namespace tconv
