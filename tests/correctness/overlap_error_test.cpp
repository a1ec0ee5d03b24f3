// The kernels of family overlap, which add up channels first and then taps, on data on which they round: never beyond the
// bound in docs/testing.md; and math = STRICT rules them out.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <string>
#include <vector>

#include "random_spec.h"
#include "reference.h"
#include "runner.h"
#include "tolerance.h"

namespace tconv {
namespace {

using testing::adds_overlaps;
using testing::Placement;
using testing::Problem;
using testing::Random;
using testing::Runner;

constexpr uint64_t kLayers = 400;

bool any_runs_here() {
    const std::vector<std::string> usable = testing::usable_kernels();
    return std::any_of(usable.begin(), usable.end(), adds_overlaps);
}

// In turns of the types computed in float: the oracle's own sums of doubles round as those of the kernels do. Some layers of
// several blocks of channels.
tconv_spec draw_spec(Random &random, uint64_t index) {
    constexpr int32_t kDtypes[] = {TCONV_F32, TCONV_F32, TCONV_F16, TCONV_BF16};
    testing::SpecLimits limits;
    limits.dtype = kDtypes[index % 4];
    limits.activations = false, limits.winograd = true;
    limits.most_flops = 2e6, limits.most_outputs = 20000;
    tconv_spec spec = testing::random_legal_spec(random, limits);
    if (random.chance(0.3)) {
        spec = testing::layer("n1_c300_h7_w8_o5_k5x3_s2x2_p1,1,0,1_op0,0_d1x1_g1_f32_nchw", limits.dtype);
        spec.in_channels = static_cast<int32_t>(random.range(100, 1100));
        spec.layout = random.chance(0.5) ? TCONV_NCHW : TCONV_NHWC;
    }
    spec.has_bias = 0, spec.residual = TCONV_RESIDUAL_NONE;
    return spec;
}

Problem draw_problem(const tconv_spec &spec, Random &random) {
    Problem problem(spec, random.next(), random.chance(0.5) ? Placement::kDense : Placement::kShuffled, testing::reals());
    problem.strain(random.below(3), random);
    return problem;
}

TEST(OverlapAdd, StaysWithinTheDocumentedBound) {
    if (!any_runs_here())
        GTEST_SKIP() << "[SKIP] no kernel of family overlap in this library";
    const uint64_t seed = testing::seed_from_environment();
    Runner runner;
    int runs = 0;
    double worst = 0;
    for (uint64_t i = 0; i < kLayers; ++i) {
        Random random(testing::seed_of_case(seed, 80000 + i));
        const tconv_spec spec = draw_spec(random, i);
        std::vector<std::string> kernels = testing::kernels_for(spec);
        std::erase_if(kernels, [](const std::string &name) { return !adds_overlaps(name); });
        if (kernels.empty())
            continue;
        Problem problem = draw_problem(spec, random);
        const std::vector<double> expected = problem.expected(), magnitudes = problem.expected_magnitudes();
        const auto channels = static_cast<double>(spec.in_channels);
        const double taps = static_cast<double>(testing::products_of_an_output(spec)) / channels;
        for (const std::string &name : kernels) {
            ASSERT_EQ(runner.run(problem, name), TCONV_OK) << runner.log;
            const auto error_of_sum = [&](size_t at) { return testing::overlap_error(channels, taps, magnitudes[at]); };
            ASSERT_EQ(problem.compare_sums(expected, error_of_sum, &worst), "")
                << "TCONV_SEED=" << seed << " case " << i << ' ' << testing::text_of(spec) << ' ' << name;
            ++runs;
        }
    }
    std::printf("%d runs; beyond the rounding of the store, errors are up to %.0f %% of the bound\n", runs,
                100 * worst);
    EXPECT_GT(runs, 100);
}

TEST(OverlapAdd, StrictRulesThemOut) {
    const std::string text = "n1_c64_h9_w9_o2_k4x4_s2x2_p1,1,1,1_op0,0_d1x1_g1_f32_nhwc_strict";
    for (const std::string &name : testing::usable_kernels()) {
        const tconv_spec spec = testing::layer(text, testing::dtype_of(name));
        const testing::Plan chosen(spec);
        ASSERT_EQ(chosen.status, TCONV_OK);
        EXPECT_FALSE(adds_overlaps(tconv_plan_kernel(chosen.get())));
        if (!adds_overlaps(name))
            continue;
        testing::Listener listener;
        const testing::Plan refused(spec, name, &listener.hooks);
        EXPECT_EQ(refused.status, TCONV_UNSUPPORTED) << name;
        std::vector<char> explained(1 << 14);
        ASSERT_EQ(tconv_plan_explain(chosen.get(), explained.data(), explained.size()), TCONV_OK);
        EXPECT_NE(std::string(explained.data()).find("which STRICT rules out"), std::string::npos);
    }
}

}  // namespace
}  // namespace tconv
