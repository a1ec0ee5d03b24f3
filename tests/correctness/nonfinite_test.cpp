// NaN and infinity go where the definition sends them and nowhere else; and no value of memory that is not an operand
// (workspace, padding of the packed filter, gaps of views) reaches a result.
#include <gtest/gtest.h>

#include <algorithm>
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
using testing::Lot;
using testing::Placement;
using testing::Plan;
using testing::Problem;
using testing::Random;
using testing::Runner;
using testing::SpecLimits;

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr int64_t kManyStrides = 1000;  // beyond any crop: quotients are rounded down
using Bits = std::vector<uint64_t>;

tconv_spec draw_spec(Random &random, uint64_t index) {
    SpecLimits limits;
    limits.dtype = testing::dtype_of_case(index);
    limits.exact_only = true;
    const double kind = random.unit();
    limits.depthwise = kind<0.15, limits.winograd = kind> 0.8;
    limits.most_flops = 1e6, limits.most_outputs = 20000;
    return testing::random_legal_spec(random, limits);
}

// Up to three elements become NaN, +infinity or -infinity.
void spoil(testing::Tensor &tensor, Random &random) {
    const double kValues[] = {std::nan(""), kInfinity, -kInfinity};
    for (int i = 0; i < 3 && tensor.size() > 0; ++i) {
        const int64_t target = random.below(tensor.size());
        const double value = random.pick(kValues);
        tensor.change([&](int64_t index, double x) { return index == target ? value : x; });
    }
}

// The kernels whose products are the definition's. Winograd's are of sums over a tile. Where phases lie side by side,
// as merged and pixel lanes may have them, the padding weights of phases that lack a tap are multiplied too; where
// every phase has all taps there are none, and STRICT admits no others. Overlap-add multiplies no padding weights.
bool exact_reach(const KernelName &kernel, const tconv_spec &s) {
    const bool all_taps =
        s.kernel_h % s.stride_h == 0 && s.kernel_w % s.stride_w == 0 && s.dilation_h == 1 && s.dilation_w == 1;
    if (kernel.winograd_outputs() > 0)
        return false;
    return kernel.family == "overlap" || (kernel.lanes != "merged" && kernel.lanes != "pixels") || all_taps ||
           s.math == TCONV_MATH_STRICT;
}

// The oracle's sums carry NaN and infinity to exactly the outputs whose taps touch them, so equality says it all.
TEST(NonFinite, InputsReachExactlyTheOutputsWhoseTapsTouchThem) {
    const uint64_t seed = testing::seed_from_environment();
    Runner runner;
    int reached = 0, spared = 0;
    for (uint64_t i = 0; i < 400; ++i) {
        Random random(testing::seed_of_case(seed, i));
        const tconv_spec spec = draw_spec(random, i);
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

// What FAST allows where phases are merged: a NaN spreads to the other phases of the quotients that read it, not
// further.
TEST(NonFinite, OfMergedPhasesTheySpreadWithinTheirQuotients) {
    Runner runner;
    for (const int32_t dtype : testing::dtypes()) {
        const tconv_spec spec = testing::layer("n1_c5_h6_w20_o19_k3x5_s2x3_p1,2,1,2_op0,0_d1x1_g1_f32_nchw", dtype);
        const reference::Size out = reference::output_size(spec);
        Problem problem(spec, 3);
        const std::vector<double> finite = problem.expected();
        problem.input.set(0, 2, 3, 11, std::nan(""));
        const std::vector<double> expected = problem.expected();
        for (const std::string &name : testing::kernels_for(spec)) {
            if (name.find("merged") == std::string::npos && name.find("pixels") == std::string::npos)
                continue;
            ASSERT_EQ(runner.run(problem, name), TCONV_OK) << runner.log;
            const std::vector<double> actual = problem.output.logical();
            int64_t wrong = 0;
            for (size_t i = 0; i < actual.size(); ++i) {
                const int64_t column = static_cast<int64_t>(i) % out.w;
                const int64_t quotient = (column + spec.pad_left) / spec.stride_w;
                const bool near = quotient >= 11 && quotient <= 11 + (spec.kernel_w - 1) / spec.stride_w;
                wrong += std::isnan(expected[i]) ? !std::isnan(actual[i])
                                                 : !near && actual[i] != rounded_to(dtype, finite[i]);
            }
            EXPECT_EQ(wrong, 0) << name;
        }
    }
}

// Whether an output may be another than the definition's: whether one with the same phases that lies less than a tile
// away reads, or may, a value that is not finite.
bool in_a_spoilt_tile(const Problem &problem, const std::vector<double> &input, int64_t image, int64_t y, int64_t x,
                      int outputs) {
    const tconv_spec &s = problem.spec;
    const int64_t quotient_y = (y + s.pad_top + kManyStrides * s.stride_h) / s.stride_h - kManyStrides;
    const int64_t quotient_x = (x + s.pad_left + kManyStrides * s.stride_w) / s.stride_w - kManyStrides;
    const int64_t before_y = (s.kernel_h - 1) / s.stride_h + outputs - 1;
    const int64_t before_x = (s.kernel_w - 1) / s.stride_w + outputs - 1;
    const auto inside = [](int64_t at, int64_t size) { return at >= 0 && at < size; };
    for (int64_t c = 0; c < s.in_channels; ++c) {
        for (int64_t y_from = -before_y; y_from < outputs; ++y_from) {
            for (int64_t x_from = -before_x; x_from < outputs; ++x_from) {
                const int64_t row = quotient_y + y_from * s.dilation_h, column = quotient_x + x_from * s.dilation_w;
                if (!inside(row, s.in_h) || !inside(column, s.in_w))
                    continue;
                const int64_t index = ((image * s.in_channels + c) * s.in_h + row) * s.in_w + column;
                if (!std::isfinite(input[static_cast<size_t>(index)]))
                    return true;
            }
        }
    }
    return false;
}

// What FAST allows Winograd's kernels: outputs that the definition spoils are not finite; the others of their tiles need
// not be what they are without; all else is exact.
TEST(NonFinite, OfWinogradsTilesTheySpreadWithinThem) {
    const uint64_t seed = testing::seed_from_environment();
    Runner runner;
    int spared = 0, reached = 0;
    for (uint64_t i = 0; i < 200; ++i) {
        Random random(testing::seed_of_case(seed, 20000 + i));
        SpecLimits limits;
        limits.dtype = testing::dtype_of_case(i);
        limits.activations = false, limits.winograd = true;
        limits.most_flops = 1e6, limits.most_outputs = 20000;
        const tconv_spec spec = testing::random_legal_spec(random, limits);
        const std::vector<Lot> lots = testing::lots_for(spec);
        if (lots.size() == 1)
            continue;
        Problem problem(spec, random.next(), Placement::kDense, lots.back().rules);
        const std::vector<double> finite = problem.expected();
        spoil(problem.input, random);
        const std::vector<double> expected = problem.expected(), input = problem.input.logical();
        const reference::Size out = reference::output_size(spec);
        for (const std::string &name : lots.back().kernels) {
            KernelName kernel;
            ASSERT_TRUE(testing::parse_kernel_name(name, &kernel));
            ASSERT_EQ(runner.run(problem, name), TCONV_OK) << runner.log;
            const std::vector<double> actual = problem.output.logical();
            int64_t wrong = 0;
            for (size_t at = 0; at < actual.size(); ++at) {
                const auto index = static_cast<int64_t>(at);
                const int64_t image = index / (out.h * out.w * spec.out_channels);
                if (!std::isfinite(expected[at])) {
                    wrong += std::isfinite(actual[at]);
                    ++reached;
                } else if (actual[at] != rounded_to(spec.dtype, finite[at])) {
                    wrong += !in_a_spoilt_tile(problem, input, image, index / out.w % out.h, index % out.w,
                                               kernel.winograd_outputs());
                } else {
                    ++spared;
                }
            }
            ASSERT_EQ(wrong, 0) << "TCONV_SEED=" << seed << " case " << i << ' ' << testing::text_of(spec) << ' '
                                << name;
        }
    }
    EXPECT_GT(reached, 1000);
    EXPECT_GT(spared, 1000);
}

// Infinities in bias and residual stay in their channel and place; NaN weights are any kernel's to spread, but a run
// with them succeeds and writes every output.
TEST(NonFinite, InTheOtherOperands) {
    Runner runner;
    for (const int32_t dtype : testing::dtypes()) {
        const tconv_spec spec =
            testing::layer("n2_c5_h5_w6_o19_k3x3_s2x2_p1,1,1,1_op0,0_d1x1_g1_f32_nchw_resafter", dtype);
        for (const Lot &lot : testing::lots_for(spec)) {
            Problem problem(spec, 3, Placement::kDense, lot.rules);
            problem.bias.set(4, -kInfinity);
            problem.bias.set(18, std::nan(""));
            problem.residual.set(1, 7, 2, 3, kInfinity);
            const std::vector<double> expected = problem.expected();
            for (const std::string &name : lot.kernels) {
                ASSERT_EQ(runner.run(problem, name), TCONV_OK) << runner.log;
                EXPECT_EQ(problem.compare(expected), "") << name;
            }
            problem.filter.change([](int64_t, double) { return std::nan(""); });
            for (const std::string &name : lot.kernels) {
                ASSERT_EQ(runner.run(problem, name), TCONV_OK) << runner.log;
                EXPECT_TRUE(std::isnan(problem.output.at(0, 0, 4, 4))) << name;
                EXPECT_TRUE(problem.output.surroundings_intact()) << name;
            }
        }
    }
}

// The largest number, and half a step more: what is nearer to it than that is rounded to it, all else to infinity. In
// f16 and bf16 the sums are floats within range, so it is the store that must say so.
TEST(NonFinite, SumsBeyondTheLargestNumberAreInfinite) {
    Runner runner;
    for (const int32_t dtype : testing::dtypes()) {
        const tconv_spec spec =
            testing::layer("n1_c1_h1_w6_o1_k1x1_s1x1_p0,0,0,0_op0,0_d1x1_g1_f32_nchw_nobias_resafter", dtype);
        const ElementType &type = element_type(dtype);
        const double most = type.most(), half_step = std::ldexp(type.epsilon(), type.end_exponent - 2);
        const double less = half_step * (1 - type.epsilon() / 2);
        Problem problem(spec, 1);
        problem.filter.set(0, 0, 0, 0, 1);
        problem.input.assign({most, most, most, -most, -most, most});
        problem.residual.assign({0, less, half_step, -less, -half_step, most});
        const std::vector<double> expected = {most, most, kInfinity, -most, -kInfinity, kInfinity};
        for (const std::string &name : testing::kernels_for(spec)) {
            ASSERT_EQ(runner.run(problem, name), TCONV_OK) << runner.log;
            EXPECT_EQ(problem.output.logical(), expected) << name;
        }
    }
}

// Workspace and packed filter hold NaN in the first run, all ones in the second and large finite numbers in the third.
TEST(Poison, WorkspaceAndPackedPaddingDoNotMatter) {
    constexpr uint64_t kLargeFinite = 0x7f0000007f000000;  // as a double and as two floats
    const uint64_t seed = testing::seed_from_environment();
    Runner runner;
    for (uint64_t i = 0; i < 150; ++i) {
        Random random(testing::seed_of_case(seed, 5000 + i));
        SpecLimits limits;  // with curves and softmax: they keep statistics in the workspace
        limits.dtype = testing::dtype_of_case(i);
        const double kind = random.unit();
        limits.depthwise = kind<0.15, limits.winograd = kind> 0.8;
        limits.most_flops = 1e6, limits.most_outputs = 20000;
        const tconv_spec spec = testing::random_legal_spec(random, limits);
        Problem problem(spec, random.next());
        for (const std::string &name : testing::kernels_for(spec)) {
            Bits first;
            for (const uint64_t pattern : {testing::kQuietNan, testing::kAllOnes, kLargeFinite}) {
                runner.pattern = pattern;
                ASSERT_EQ(runner.run(problem, name), TCONV_OK) << runner.log;
                const Bits bits = problem.output.bits();
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
        const tconv_spec spec = draw_spec(random, i);
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
    const unsigned before = _mm_getcsr();
    for (const int32_t dtype : testing::dtypes()) {
        const tconv_spec spec = testing::layer("n1_c5_h5_w6_o19_k3x3_s2x2_p1,1,1,1_op0,0_d1x1_g1_f32_nchw_gelu", dtype);
        Problem problem(spec, 3);
        for (const unsigned flags :
             {0x0000u, 0x8040u, 0x6000u}) {  // default; flush and denormals-are-zero; toward zero
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
}
#endif

}  // namespace
}  // namespace tconv
