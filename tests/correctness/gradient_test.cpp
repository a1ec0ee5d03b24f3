// Gradients of random layers and of every class of shape, by each kernel that computes them and by the plan's own
// choice: on integer data the result must equal the oracle's bit for bit, rounded to the storage type. TCONV_LAYERS
// sets how many random layers for each gradient, TCONV_SEED where they start.
#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>
#include <map>
#include <string>

#include "gradient_runner.h"
#include "random_spec.h"
#include "shape_classes.h"

namespace tconv {
namespace {

using testing::GradientProblem;
using testing::GradientRunner;
using testing::KernelName;
using testing::Placement;
using testing::Random;
using testing::SpecLimits;

constexpr int kEnough = 50, kEnoughOfAKind = 5;
constexpr auto gradient_test_name = [](const auto &info) { return std::string(testing::gradient_text(info.param)); };

struct Counts {
    int runs, ragged, strided_view, asymmetric, chosen;
};

// Whether neither channel count fills whole tiles of the kernel, whichever of them lies along its lanes.
bool is_ragged(const KernelName &kernel, const tconv_spec &s, int32_t which) {
    const int a = kernel.tile_a > 0 ? kernel.tile_a : 2, m = kernel.tile_m > 0 ? kernel.tile_m : 2;
    const int32_t in = s.in_channels / s.groups, out = s.out_channels / s.groups;
    if (which == TCONV_GRADIENT_BIAS)
        return s.out_channels % 2 != 0;
    if (kernel.lanes == "depthwise")
        return (which == TCONV_GRADIENT_INPUT ? s.in_channels : s.groups) % a != 0;
    if (which == TCONV_GRADIENT_INPUT)
        return (a == 1 || in % a != 0) && s.in_w % m != 0;
    return in % a != 0 && out % a != 0 && in % m != 0 && out % m != 0;
}

class Gradient : public ::testing::TestWithParam<int32_t> {
protected:
    static uint64_t layers() {
        const char *const text = std::getenv("TCONV_LAYERS");
        return text != nullptr && *text != '\0' ? std::strtoull(text, nullptr, 0) : 2000;
    }

    // Through each kernel that should compute it, and through the plan's choice.
    void run(GradientProblem &problem, Placement placement, const std::string &where) {
        const tconv_spec &spec = problem.spec;
        const std::vector<double> expected = problem.expected();
        std::vector<std::string> kernels = testing::kernels_for(spec, which);
        kernels.emplace_back("");
        for (const std::string &name : kernels) {
            const std::string failed = where + " " + testing::text_of(spec) + " placement " +
                                       std::to_string(static_cast<int>(placement)) + " kernel ";
            ASSERT_EQ(runner.run(problem, name), TCONV_OK) << failed << name << '\n' << runner.log;
            ASSERT_EQ(problem.compare(expected), "") << failed << runner.kernel;
            Counts &count = counts[runner.kernel];
            if (name.empty()) {
                ++count.chosen;
                continue;
            }
            KernelName parsed;
            ASSERT_TRUE(testing::parse_kernel_name(name, &parsed));
            const testing::CaseKind kind = testing::kind_of(parsed, spec, placement);
            ++count.runs;
            count.ragged += is_ragged(parsed, spec, which);
            count.strided_view += kind.strided_view;
            count.asymmetric += kind.asymmetric;
        }
    }

    const int32_t which = GetParam();
    std::map<std::string, Counts> counts;
    GradientRunner runner;
};

INSTANTIATE_TEST_SUITE_P(Of, Gradient, ::testing::ValuesIn(testing::kGradients), gradient_test_name);

TEST_P(Gradient, OfRandomLayersEqualsTheOracleBitForBit) {
    const uint64_t seed = testing::seed_from_environment(), count = layers();
    std::printf("TCONV_SEED=%llu TCONV_LAYERS=%llu\n", static_cast<unsigned long long>(seed),
                static_cast<unsigned long long>(count));
    for (uint64_t i = 0; i < count; ++i) {
        Random random(testing::seed_of_case(seed, 10000 * (1 + static_cast<uint64_t>(which)) + i));
        SpecLimits limits;
        limits.dtype = testing::dtype_of_case(i);
        limits.activations = false;
        limits.depthwise = random.chance(0.125);
        limits.most_flops = random.chance(0.05) ? 20e6 : 1e6;
        limits.most_outputs = random.chance(0.1) ? 200000 : 20000;
        const tconv_spec spec = testing::linear(testing::random_legal_spec(random, limits));
        constexpr Placement kPlacements[] = {Placement::kDense, Placement::kOther, Placement::kSlice,
                                             Placement::kShuffled};
        const Placement placement = random.pick(kPlacements);
        GradientProblem problem(spec, which, random.next(), placement);
        run(problem, placement, "TCONV_SEED=" + std::to_string(seed) + " case " + std::to_string(i));
        if (HasFatalFailure())
            return;
    }
    std::printf("%-44s %6s %6s %8s %10s %6s\n", "kernel", "runs", "ragged", "strided", "asymmetric", "chosen");
    for (const std::string &name : testing::usable_kernels()) {
        KernelName parsed;
        ASSERT_TRUE(testing::parse_kernel_name(name, &parsed));
        tconv_spec one = testing::layer("n1_c1_h1_w1_o1_k2x2_s2x2_p0,0,0,0_op0,0_d1x1_g1_f32_nchw");
        if (testing::may_refuse_gradient(parsed, one, which))
            continue;  // computes this gradient of no layer
        const Counts &n = counts[name];
        std::printf("%-44s %6d %6d %8d %10d %6d\n", name.c_str(), n.runs, n.ragged, n.strided_view, n.asymmetric,
                    n.chosen);
        EXPECT_GE(n.runs, kEnough) << name;
        EXPECT_GE(n.ragged, kEnoughOfAKind) << name;
        EXPECT_GE(n.strided_view, kEnoughOfAKind) << name;
        EXPECT_GE(n.asymmetric, kEnoughOfAKind) << name;
    }
}

// The filter's gradient is stored by squares of 16 x 16, of which the last overlaps the one before: taps past whole squares,
// by every number, and outputs too.
TEST_P(Gradient, OfEveryNumberOfTapsPastASquare) {
    if (which != TCONV_GRADIENT_FILTER)
        return;
    for (int32_t taps = 16; taps <= 33; ++taps) {
        tconv_spec spec = testing::linear(testing::layer("n1_c1_h1_w20_o16_k1x1_s1x1_p0,0,0,0_op0,0_d1x1_g1_f32_nchw"));
        spec.kernel_w = taps;
        spec.out_channels = 16 + taps % 4;
        spec.dtype = testing::dtype_of_case(static_cast<uint64_t>(taps));
        GradientProblem problem(spec, which, static_cast<uint64_t>(taps));
        run(problem, Placement::kDense, "taps past a square");
        if (HasFatalFailure())
            return;
    }
}

// In both layouts, dense and with shuffled strides; types beyond the first take one layout dense, the other strided.
TEST_P(Gradient, OfEveryClassOfShape) {
    for (const testing::ShapeClass &shape : testing::shape_classes()) {
        for (const int32_t dtype : testing::dtypes()) {
            for (const int32_t layout : {TCONV_NCHW, TCONV_NHWC}) {
                tconv_spec spec = testing::linear(testing::layer(shape.layer, dtype));
                spec.layout = layout;
                for (const Placement placement : {Placement::kDense, Placement::kShuffled}) {
                    const bool strided = placement == Placement::kShuffled;
                    if (dtype != testing::dtypes().front() && strided != ((layout + dtype) % 2 == 0))
                        continue;
                    GradientProblem problem(spec, which, 11, placement);
                    run(problem, placement, shape.name);
                    if (HasFatalFailure())
                        return;
                }
            }
        }
    }
}

// What the shape classes of the layer do not reach: sums over so many positions that they are cut into splits and
// blocks, a row of more positions than a block, filters of many more taps than positions, blocks of many images, and so
// many channels that they are staged block by block.
TEST_P(Gradient, OfManyPositionsAndManyTaps) {
    for (const char *const text : {
             "n5_c3_h40_w41_o5_k3x3_s2x2_p1,1,1,1_op1,1_d1x1_g1_f32_nchw",
             "n2_c33_h2_w700_o9_k1x7_s1x3_p0,2,0,3_op0,0_d1x2_g1_f32_nchw",
             "n3_c7_h300_w3_o18_k7x2_s3x2_p2,0,1,0_op0,1_d2x1_g1_f32_nchw",
             "n1_c270_h3_w3_o300_k3x2_s2x2_p1,0,1,0_op0,0_d1x1_g1_f32_nchw",
             "n2_c2_h1_w1_o3_k31x29_s1x1_p3,4,5,6_op0,0_d1x1_g1_f32_nchw",
             "n7_c6_h1_w1_o4_k1x1_s1x1_p0,0,0,0_op0,0_d1x1_g2_f32_nchw",
             "n4_c70_h17_w19_o70_k3x3_s2x2_p1,1,1,1_op1,1_d1x1_g70_f32_nchw",
             "n1_c2_h3_w70_o2_k2x90_s1x40_p0,11,0,7_op0,0_d1x3_g1_f32_nchw",
             // Images of which several make a block; channels of which a few positions fill the cache.
             "n40_c20_h3_w2_o18_k3x3_s2x2_p0,0,0,0_op0,0_d1x1_g1_f32_nchw",
             "n1_c8_h13_w13_o700_k3x3_s1x1_p12,12,12,12_op0,0_d12x12_g1_f32_nchw",
             "n1_c70_h3_w9_o530_k3x3_s2x2_p20,20,20,20_op0,0_d31x31_g1_f32_nchw",
             // A stride that, times that of the output's rows, is beyond int32.
             "n1_c5_h2_w2_o60_k3x3_s30000000x7_p29999998,3,0,3_op0,0_d1x1_g1_f32_nchw",
         }) {
        for (const int32_t dtype : testing::dtypes()) {
            for (const int32_t layout : {TCONV_NCHW, TCONV_NHWC}) {
                tconv_spec spec = testing::layer(text, dtype);
                spec.layout = layout;
                GradientProblem problem(spec, which, 12);
                run(problem, Placement::kDense, "");
                if (HasFatalFailure())
                    return;
            }
        }
    }
}

// Images that lie over one another are read as often as they come. (The gradient of the input writes images of its own.)
TEST(GradientSums, OfABatchWithoutStride) {
    for (const int32_t which : {TCONV_GRADIENT_FILTER, TCONV_GRADIENT_BIAS}) {
        const tconv_spec spec =
            testing::layer("n3_c5_h4_w6_o6_k3x3_s2x2_p1,1,1,1_op0,0_d1x1_g1_f32_nchw", testing::dtypes().front());
        tconv_spec one = spec;
        one.batch = 1;
        GradientProblem problem(one, which, 4);
        std::vector<double> expected = problem.expected();
        for (double &value : expected)
            value *= 3;
        const testing::GradientPlan plan(spec, which);
        testing::Block workspace(plan.needs.workspace_bytes);
        tconv_gradient_tensors tensors = problem.tensors();
        tensors.input.stride[0] = tensors.output_gradient.stride[0] = 0;
        tensors.workspace = workspace.data(), tensors.workspace_bytes = workspace.size();
        ASSERT_EQ(tconv_gradient_run(plan.get(), &tensors), TCONV_OK);
        EXPECT_EQ(problem.compare(expected), "") << testing::gradient_text(which);
    }
}

TEST_P(Gradient, OfAnEmptyBatchIsZero) {
    for (const int32_t dtype : testing::dtypes()) {
        const tconv_spec spec = testing::layer("n0_c5_h4_w6_o6_k3x3_s2x2_p1,1,1,1_op0,0_d1x1_g1_f32_nchw", dtype);
        for (const Placement placement : {Placement::kDense, Placement::kShuffled}) {
            GradientProblem problem(spec, which, 1, placement);
            const std::vector<double> zeros(static_cast<size_t>(problem.result().size()), 0.0);
            ASSERT_EQ(zeros.empty(), which == TCONV_GRADIENT_INPUT);
            for (const std::string &kernel : testing::kernels_for(spec, which)) {
                ASSERT_EQ(runner.run(problem, kernel), TCONV_OK) << runner.log;
                ASSERT_EQ(problem.compare(zeros), "") << kernel;
            }
        }
    }
}

}  // namespace
}  // namespace tconv
