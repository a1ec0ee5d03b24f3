// Transposed convolution is the adjoint of strided convolution: <u, T x> = <T* u, x> for all x and u. T* is written
// here in double as a forward convolution with its own index arithmetic; it knows no phases and no scatter. On integer
// data both sides are exact, so they must be equal.
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "random_spec.h"
#include "reference.h"
#include "runner.h"

namespace tconv {
namespace {

using testing::DataRules;
using testing::Placement;
using testing::Problem;
using testing::Random;
using testing::Runner;
using testing::SpecLimits;

// The forward convolution that has the layer as its gradient: (T* u)[n, c, i] is the correlation of u, padded by the
// crop, with the taps of channel c, at every stride-th position.
std::vector<double> strided_convolution(const Problem &problem, const std::vector<double> &u) {
    const tconv_spec &s = problem.spec;
    const reference::Size out = reference::output_size(s);
    const int64_t ins = s.in_channels / s.groups, outs = s.out_channels / s.groups;
    std::vector<double> result;
    for (int64_t n = 0; n < s.batch; ++n)
        for (int64_t c = 0; c < s.in_channels; ++c)
            for (int64_t row = 0; row < s.in_h; ++row)
                for (int64_t column = 0; column < s.in_w; ++column) {
                    double sum = 0;
                    for (int64_t o = 0; o < outs; ++o)
                        for (int64_t ky = 0; ky < s.kernel_h; ++ky)
                            for (int64_t kx = 0; kx < s.kernel_w; ++kx) {
                                const int64_t y = row * s.stride_h - s.pad_top + ky * s.dilation_h;
                                const int64_t x = column * s.stride_w - s.pad_left + kx * s.dilation_w;
                                if (y < 0 || y >= out.h || x < 0 || x >= out.w)
                                    continue;
                                const int64_t channel = c / ins * outs + o;
                                sum += problem.filter.at(c, o, ky, kx) *
                                       u[static_cast<size_t>(((n * s.out_channels + channel) * out.h + y) * out.w + x)];
                            }
                    result.push_back(sum);
                }
    return result;
}

double inner_product(const std::vector<double> &a, const std::vector<double> &b) {
    double sum = 0;
    for (size_t i = 0; i < a.size(); ++i)
        sum += a[i] * b[i];
    return sum;
}

TEST(Adjoint, InnerProductsAgreeExactly) {
    const uint64_t seed = testing::seed_from_environment();
    Runner runner;
    int compared = 0, compared_winograd = 0, nonzero = 0;
    for (uint64_t i = 0; i < 400; ++i) {
        Random random(testing::seed_of_case(seed, i));
        SpecLimits limits;
        limits.dtype = testing::dtype_of_case(i);
        limits.activations = false;
        const double kind = random.unit();
        limits.depthwise = kind < 0.15, limits.winograd = kind > 0.8;
        limits.most_flops = 1e6, limits.most_outputs = 20000;
        tconv_spec spec = testing::random_legal_spec(random, limits);
        spec.has_bias = 0, spec.residual = TCONV_RESIDUAL_NONE;  // what is left is linear
        // Few distinct values, so that most results are numbers of the type and nothing is rounded on the store.
        DataRules rules;
        rules.largest = element_type(spec.dtype).bytes == 2 ? 1 : 4;
        const uint64_t data = random.next();
        const Placement placement = random.chance(0.5) ? Placement::kDense : Placement::kShuffled;
        for (const testing::Lot &lot : testing::lots_for(spec, rules)) {
            Problem problem(spec, data, placement, lot.rules);
            const std::vector<double> results = problem.expected();
            if (std::any_of(results.begin(), results.end(), [&](double y) { return y != rounded_to(spec.dtype, y); }))
                continue;
            const bool direct = lot.rules.filter_multiple == 1;
            (direct ? compared : compared_winograd) += 1;
            std::vector<double> u(static_cast<size_t>(problem.output.size()));
            for (double &value : u)
                value = static_cast<double>(random.range(-4, 4));
            // |T x| < 2^20 and |u| <= 4 over fewer than 2^20 outputs: products and sums stay below 2^53.
            const double expected = inner_product(strided_convolution(problem, u), problem.input.logical());
            nonzero += expected != 0;
            for (const std::string &kernel : lot.kernels) {
                ASSERT_EQ(runner.run(problem, kernel), TCONV_OK) << runner.log;
                ASSERT_EQ(inner_product(u, problem.output.logical()), expected)
                    << "TCONV_SEED=" << seed << " case " << i << ' ' << testing::text_of(spec) << ' ' << kernel;
            }
        }
    }
    EXPECT_GT(compared, 350) << "else too many results were rounded";
    EXPECT_GT(compared_winograd, 20);
    EXPECT_GT(nonzero, 300);
}

}  // namespace
}  // namespace tconv
