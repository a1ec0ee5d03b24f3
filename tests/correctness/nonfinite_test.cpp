// NaN and infinity go where the definition sends them and nowhere else; and no value of memory that is not an operand
// (workspace, padding of the packed filter, gaps of views) reaches a result.
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <string>
#include <vector>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

#include "random_spec.h"
#include "reference.h"
#include "runner.h"

namespace tconv {
namespace {

using testing::Block;
using testing::KernelName;
using testing::Placement;
using testing::Plan;
using testing::Problem;
using testing::Random;
using testing::Runner;
using testing::SpecLimits;

constexpr float kInfinity = std::numeric_limits<float>::infinity();

tconv_spec draw_spec(Random &random) {
    SpecLimits limits;
    limits.exact_only = true;
    limits.depthwise = random.chance(0.15);
    limits.most_flops = 1e6, limits.most_outputs = 20000;
    return testing::random_legal_spec(random, limits);
}

// Up to three elements become NaN, +infinity or -infinity.
void spoil(testing::Tensor &tensor, Random &random) {
    const float kValues[] = {std::nanf(""), kInfinity, -kInfinity};
    for (int i = 0; i < 3 && tensor.size() > 0; ++i) {
        const int64_t target = random.below(tensor.size());
        const float value = random.pick(kValues);
        tensor.each([&](int64_t index, float &x) { x = index == target ? value : x; });
    }
}

// The kernels whose products are the definition's. Merged ones multiply the padding weights of phases that lack a tap;
// where every phase has all taps there are none, and STRICT admits no others.
bool exact_reach(const KernelName &kernel, const tconv_spec &s) {
    return kernel.lanes != "merged" || s.math == TCONV_MATH_STRICT;
}

// The oracle's sums carry NaN and infinity to exactly the outputs whose taps touch them, so equality says it all.
TEST(NonFinite, InputsReachExactlyTheOutputsWhoseTapsTouchThem) {
    const uint64_t seed = testing::seed_from_environment();
    Runner runner;
    int reached = 0, spared = 0;
    for (uint64_t i = 0; i < 400; ++i) {
        Random random(testing::seed_of_case(seed, i));
        const tconv_spec spec = draw_spec(random);
        Problem problem(spec, random.next(), random.chance(0.5) ? Placement::kDense : Placement::kShuffled);
        spoil(problem.input, random);
        const std::vector<double> expected = problem.expected();
        for (const double y : expected)
            ++(std::isfinite(y) ? spared : reached);
        for (const std::string &name : testing::kernels_for(spec)) {
            KernelName kernel;
            ASSERT_TRUE(testing::parse_kernel_name(name, &kernel));
            if (!exact_reach(kernel, spec))
                continue;
            ASSERT_EQ(runner.run(problem, name), TCONV_OK) << runner.log;
            ASSERT_EQ(problem.compare(expected), "")
                << "TCONV_SEED=" << seed << " case " << i << ' ' << testing::text_of(spec) << ' ' << name;
        }
    }
    EXPECT_GT(reached, 1000);
    EXPECT_GT(spared, 1000);
}

// What FAST allows merged kernels: a NaN spreads to the other phases of the quotients that read it, not further.
TEST(NonFinite, InMergedKernelsTheySpreadWithinTheirQuotients) {
    Runner runner;
    const tconv_spec spec = testing::layer("n1_c5_h6_w20_o19_k3x5_s2x3_p1,2,1,2_op0,0_d1x1_g1_f32_nchw");
    const reference::Size out = reference::output_size(spec);
    Problem problem(spec, 3);
    const std::vector<double> finite = problem.expected();
    problem.input.at(0, 2, 3, 11) = std::nanf("");
    const std::vector<double> expected = problem.expected();
    for (const std::string &name : testing::kernels_for(spec)) {
        if (name.find("merged") == std::string::npos)
            continue;
        ASSERT_EQ(runner.run(problem, name), TCONV_OK) << runner.log;
        int64_t index = 0, wrong = 0;
        problem.output.each([&](int64_t i, float &y) {
            const auto at = static_cast<size_t>(i);
            const int64_t column = index++ % out.w, quotient = (column + spec.pad_left) / spec.stride_w;
            const bool near = quotient >= 11 && quotient <= 11 + (spec.kernel_w - 1) / spec.stride_w;
            wrong += std::isnan(expected[at]) ? !std::isnan(y) : !near && y != static_cast<float>(finite[at]);
        });
        EXPECT_EQ(wrong, 0) << name;
    }
}

// Infinities in bias and residual stay in their channel and place; NaN weights are any kernel's to spread, but a run
// with them succeeds and writes every output.
TEST(NonFinite, InTheOtherOperands) {
    Runner runner;
    tconv_spec spec = testing::layer("n2_c5_h5_w6_o19_k3x3_s2x2_p1,1,1,1_op0,0_d1x1_g1_f32_nchw_resafter");
    Problem problem(spec, 3);
    problem.bias[4] = -kInfinity;
    problem.bias[18] = std::nanf("");
    problem.residual.at(1, 7, 2, 3) = kInfinity;
    const std::vector<double> expected = problem.expected();
    for (const std::string &name : testing::kernels_for(spec)) {
        ASSERT_EQ(runner.run(problem, name), TCONV_OK) << runner.log;
        EXPECT_EQ(problem.compare(expected), "") << name;
    }
    problem.filter.each([](int64_t, float &w) { w = std::nanf(""); });
    for (const std::string &name : testing::kernels_for(spec)) {
        ASSERT_EQ(runner.run(problem, name), TCONV_OK) << runner.log;
        EXPECT_TRUE(std::isnan(problem.output.at(0, 0, 4, 4))) << name;
        EXPECT_TRUE(problem.output.surroundings_intact()) << name;
    }
}

// Workspace and packed filter hold NaN in the first run, all ones in the second and large finite numbers in the third.
TEST(Poison, WorkspaceAndPackedPaddingDoNotMatter) {
    constexpr uint32_t kLargeFinite = 0x7f000000;
    const uint64_t seed = testing::seed_from_environment();
    Runner runner;
    for (uint64_t i = 0; i < 150; ++i) {
        Random random(testing::seed_of_case(seed, 5000 + i));
        SpecLimits limits;  // with curves and softmax: they keep statistics in the workspace
        limits.depthwise = random.chance(0.15);
        limits.most_flops = 1e6, limits.most_outputs = 20000;
        const tconv_spec spec = testing::random_legal_spec(random, limits);
        Problem problem(spec, random.next());
        for (const std::string &name : testing::kernels_for(spec)) {
            std::vector<uint32_t> first;
            for (const uint32_t pattern : {testing::kQuietNan, testing::kAllOnes, kLargeFinite}) {
                runner.pattern = pattern;
                ASSERT_EQ(runner.run(problem, name), TCONV_OK) << runner.log;
                const std::vector<uint32_t> bits = testing::bits_of(problem.output);
                if (first.empty())
                    first = bits;
                ASSERT_EQ(bits, first) << "TCONV_SEED=" << seed << " case " << i << ' ' << testing::text_of(spec) << ' '
                                       << name << " pattern " << pattern;
            }
        }
    }
}

// The blob can be stored, compared and hashed: packing twice gives the same bytes, whatever was there before.
TEST(Poison, PackingWritesEveryByte) {
    const uint64_t seed = testing::seed_from_environment();
    for (uint64_t i = 0; i < 100; ++i) {
        Random random(testing::seed_of_case(seed, 6000 + i));
        const tconv_spec spec = draw_spec(random);
        const Problem problem(spec, random.next());
        const tconv_view filter = problem.filter.view();
        for (const std::string &name : testing::kernels_for(spec)) {
            const Plan plan(spec, name);
            Block a(plan.needs.packed_filter_bytes, testing::kQuietNan), b(a.size(), testing::kAllOnes);
            ASSERT_EQ(tconv_pack_filter(plan.get(), &filter, a.data(), a.size()), TCONV_OK);
            ASSERT_EQ(tconv_pack_filter(plan.get(), &filter, b.data(), b.size()), TCONV_OK);
            ASSERT_EQ(std::memcmp(a.bytes(), b.bytes(), a.size()), 0) << testing::text_of(spec) << ' ' << name;
        }
    }
}

#if defined(__x86_64__)
// Rounding, exceptions and flush-to-zero are the caller's.
TEST(Poison, TheControlRegisterStaysAsItWas) {
    Runner runner;
    const tconv_spec spec = testing::layer("n1_c5_h5_w6_o19_k3x3_s2x2_p1,1,1,1_op0,0_d1x1_g1_f32_nchw_gelu");
    Problem problem(spec, 3);
    const unsigned before = _mm_getcsr();
    for (const unsigned flags : {0x0000u, 0x8040u, 0x6000u}) {  // default; flush and denormals-are-zero; toward zero
        for (const std::string &name : testing::kernels_for(spec)) {
            constexpr unsigned kStatus = 0x3f;  // sticky exception flags, which any arithmetic sets
            const unsigned set = (before & ~(0xe040u | kStatus)) | flags;
            _mm_setcsr(set);
            const tconv_status status = runner.run(problem, name);
            const unsigned after = _mm_getcsr() & ~kStatus;
            _mm_setcsr(before);
            ASSERT_EQ(status, TCONV_OK) << runner.log;
            EXPECT_EQ(after, set) << name;
        }
    }
}
#endif

}  // namespace
}  // namespace tconv
