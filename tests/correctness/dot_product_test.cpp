// The kernels that multiply pairs of bfloat16 (isa avx512bf16), on data on which they round: never beyond the bound in
// docs/testing.md, small and subnormal numbers among the data; and math = STRICT rules them out.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <string>
#include <vector>

#include "random_spec.h"
#include "reference.h"
#include "runner.h"
#include "tolerance.h"

namespace tconv {
namespace {

using testing::multiplies_pairs;
using testing::Placement;
using testing::Problem;
using testing::Random;
using testing::Runner;

constexpr uint64_t kLayers = 400;

bool any_runs_here() {
    const std::vector<std::string> usable = testing::usable_kernels();
    return std::any_of(usable.begin(), usable.end(), multiplies_pairs);
}

// Channels of all residues modulo pairs and panels, few and many; some layers of several blocks of channels.
tconv_spec draw_spec(Random &random) {
    testing::SpecLimits limits;
    limits.dtype = TCONV_BF16;
    limits.activations = false;
    limits.most_flops = 2e6, limits.most_outputs = 20000;
    tconv_spec spec = testing::random_legal_spec(random, limits);
    if (random.chance(0.3)) {
        spec = testing::layer("n1_c300_h7_w8_o5_k3x3_s1x1_p1,1,0,1_op0,0_d1x1_g1_f32_nchw", TCONV_BF16);
        spec.in_channels = static_cast<int32_t>(random.range(15, 1100));
        spec.layout = random.chance(0.5) ? TCONV_NCHW : TCONV_NHWC;
    }
    spec.has_bias = 0, spec.residual = TCONV_RESIDUAL_NONE;
    return spec;
}

Problem draw_problem(const tconv_spec &spec, Random &random) {
    Problem problem(spec, random.next(), random.chance(0.5) ? Placement::kDense : Placement::kShuffled, testing::reals());
    const int64_t kind = random.below(4);
    problem.strain(kind, random);
    if (kind == 3)  // down to the subnormals, which are taken for zero
        problem.input.change([](int64_t, double value) { return std::ldexp(value, -124); });
    return problem;
}

TEST(DotProduct, StaysWithinTheDocumentedBound) {
    if (!any_runs_here())
        GTEST_SKIP() << "[SKIP] no kernel of this library multiplies pairs of bfloat16 here";
    const uint64_t seed = testing::seed_from_environment();
    Runner runner;
    int runs = 0;
    double worst = 0;
    for (uint64_t i = 0; i < kLayers; ++i) {
        Random random(testing::seed_of_case(seed, 70000 + i));
        const tconv_spec spec = draw_spec(random);
        Problem problem = draw_problem(spec, random);
        const std::vector<double> expected = problem.expected(), magnitudes = problem.expected_magnitudes();
        const auto products = static_cast<double>(testing::products_of_an_output(spec));
        for (const std::string &name : testing::kernels_for(spec)) {
            if (!multiplies_pairs(name))
                continue;
            ASSERT_EQ(runner.run(problem, name), TCONV_OK) << runner.log;
            const auto error_of_sum = [&](size_t at) { return testing::dot_product_error(products, magnitudes[at]); };
            ASSERT_EQ(problem.compare_sums(expected, error_of_sum, &worst), "")
                << "TCONV_SEED=" << seed << " case " << i << ' ' << testing::text_of(spec) << ' ' << name;
            ++runs;
        }
    }
    std::printf("%d runs; beyond the rounding of the store, errors are up to %.0f %% of the bound\n", runs,
                100 * worst);
    EXPECT_GT(runs, 300);
}

TEST(DotProduct, SubnormalNumbersAreZero) {
    Runner runner;
    for (const char *text : {"n1_c2_h1_w1_o1_k1x1_s1x1_p0,0,0,0_op0,0_d1x1_g1_f32_nchw_nobias",
                             "n1_c2_h1_w1_o1_k1x1_s1x1_p0,0,0,0_op0,0_d1x1_g1_f32_nhwc_nobias"}) {
        const tconv_spec spec = testing::layer(text, TCONV_BF16);
        for (const std::string &name : testing::kernels_for(spec)) {
            if (!multiplies_pairs(name))
                continue;
            Problem problem(spec, 1);
            const auto result = [&](double x, double w) {
                problem.input.set(0, 0, 0, 0, x);
                problem.input.set(0, 1, 0, 0, 0);
                problem.filter.set(0, 0, 0, 0, w);
                EXPECT_EQ(runner.run(problem, name), TCONV_OK) << runner.log;
                return problem.output.at(0, 0, 0, 0);
            };
            const double least = std::ldexp(1, -126);
            EXPECT_EQ(result(least, 1), least) << name;
            EXPECT_EQ(result(least / 2, 4), 0) << name << ": a subnormal input";
            EXPECT_EQ(result(4, least / 2), 0) << name << ": a subnormal weight";
            EXPECT_EQ(result(least, 0.5), 0) << name << ": a subnormal sum";
        }
    }
}

TEST(DotProduct, StrictRulesThemOut) {
    tconv_spec spec = testing::layer("n1_c64_h9_w9_o64_k4x4_s2x2_p1,1,1,1_op0,0_d1x1_g1_f32_nhwc_strict", TCONV_BF16);
    const testing::Plan chosen(spec);
    if (chosen.status == TCONV_OK) {
        EXPECT_FALSE(multiplies_pairs(tconv_plan_kernel(chosen.get())));
    }
    for (const std::string &name : testing::usable_kernels()) {
        if (!multiplies_pairs(name))
            continue;
        testing::Listener listener;
        const testing::Plan refused(spec, name, &listener.hooks);
        EXPECT_EQ(refused.status, TCONV_UNSUPPORTED) << name;
        EXPECT_NE(listener.log.find("math"), std::string::npos) << listener.log;
    }
}

}  // namespace
}  // namespace tconv
