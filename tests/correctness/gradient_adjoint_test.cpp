// The identities that make a gradient one, on random reals and between results of the library alone: the layer without
// bias is linear in x and in w, so <T(x, w), gy> = <x, INPUT(gy, w)> = <w, FILTER(x, gy)>; and BIAS sums each channel.
// No oracle takes part.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "gradient_runner.h"
#include "random_spec.h"
#include "runner.h"

namespace tconv {
namespace {

using testing::GradientProblem;
using testing::GradientRunner;
using testing::Placement;
using testing::Problem;
using testing::Random;
using testing::Runner;
using Values = std::vector<double>;

double inner_product(const Values &a, const Values &b) {
    double sum = 0;
    for (size_t i = 0; i < a.size(); ++i)
        sum += a[i] * b[i];
    return sum;
}
double norm(const Values &a) {
    return std::sqrt(inner_product(a, a));
}

// Sums of at most `terms` products, each off by an ULP of the arithmetic, then stored: relative to the norms.
double relative_error(int32_t dtype, int64_t terms) {
    return std::sqrt(static_cast<double>(terms)) * element_type(arithmetic_of(dtype)).epsilon() +
           element_type(dtype).epsilon();
}

TEST(GradientAdjoint, InnerProductsAgree) {
    const uint64_t seed = testing::seed_from_environment();
    testing::DataRules rules;
    rules.integers = false;
    Runner runner;
    GradientRunner gradients;
    int compared = 0;
    for (uint64_t i = 0; i < 240; ++i) {
        Random random(testing::seed_of_case(seed, 31000 + i));
        testing::SpecLimits limits;
        limits.dtype = testing::dtype_of_case(i);
        limits.depthwise = random.chance(0.15);
        limits.most_flops = 1e6, limits.most_outputs = 20000;
        tconv_spec spec = testing::linear(testing::random_legal_spec(random, limits));
        spec.has_bias = 0;
        const Placement placement = random.chance(0.5) ? Placement::kDense : Placement::kShuffled;
        Problem layer(spec, random.next(), placement, rules);
        const Values x = layer.input.logical(), w = layer.filter.logical();
        ASSERT_EQ(runner.run(layer), TCONV_OK) << runner.log;
        const Values y = layer.output.logical();
        Values gy;
        const int64_t terms = int64_t{1} * std::max(spec.in_channels, spec.out_channels) * spec.kernel_h *
                              spec.kernel_w * std::max(spec.batch, 1) * spec.in_h * spec.in_w;
        for (const int32_t which : testing::kGradients) {
            GradientProblem problem(spec, which, seed + i, placement, rules);
            problem.input.assign(x);
            problem.filter.assign(w);
            gy = problem.output_gradient.logical();  // of the same seed, the same for all three
            const double expected = inner_product(y, gy);
            for (const std::string &kernel : testing::kernels_for(spec, which)) {
                const std::string where = "TCONV_SEED=" + std::to_string(seed) + " case " + std::to_string(i) + " " +
                                          testing::text_of(spec) + " " + kernel;
                ASSERT_EQ(gradients.run(problem, kernel), TCONV_OK) << where << gradients.log;
                const Values result = problem.result().logical();
                if (which == TCONV_GRADIENT_BIAS) {
                    const size_t plane =
                        gy.empty() ? 0 : gy.size() / static_cast<size_t>(spec.batch * spec.out_channels);
                    for (size_t o = 0; o < result.size(); ++o) {
                        double sum = 0, magnitudes = 0;
                        for (size_t at = 0; at < gy.size(); ++at) {
                            if (at / plane % result.size() != o)
                                continue;
                            sum += gy[at];
                            magnitudes += std::fabs(gy[at]);
                        }
                        const double error = relative_error(spec.dtype, static_cast<int64_t>(gy.size())) * magnitudes;
                        ASSERT_NEAR(result[o], sum, error) << where << " channel " << o;
                    }
                } else {
                    const Values &operand = which == TCONV_GRADIENT_INPUT ? x : w;
                    const double error =
                        relative_error(spec.dtype, terms) * (norm(y) * norm(gy) + norm(operand) * norm(result));
                    ASSERT_NEAR(inner_product(operand, result), expected, error) << where;
                    compared += std::fabs(expected) > 10 * error;
                }
            }
        }
    }
    EXPECT_GT(compared, 200) << "else the bound was too wide to tell anything";
}

}  // namespace
}  // namespace tconv
