// How far Winograd's kernels are from the definition on data on which they round: never beyond the documented bound
// (tolerance.h), on random reals of either sign, on positive ones, whose partial sums grow, and on such with a few
// large ones among them. That weights which add up to nothing give exactly nothing on an even image. And that math =
// STRICT rules them out: it gives the bits of the direct sum. TCONV_ERROR_LAYERS sets how many layers, TCONV_SEED where
// they start.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <string>
#include <tuple>
#include <vector>

#include "random_spec.h"
#include "reference.h"
#include "runner.h"
#include "tolerance.h"

namespace tconv {
namespace {

using testing::KernelName;
using testing::Placement;
using testing::Problem;
using testing::Random;
using testing::Runner;

constexpr uint64_t kDefaultLayers = 1000;
constexpr int kEnough = 3;  // layers for every form of tile

uint64_t layers() {
    const char *const text = std::getenv("TCONV_ERROR_LAYERS");
    return text != nullptr && *text != '\0' ? std::strtoull(text, nullptr, 0) : kDefaultLayers;
}

// Of the types that are tested here; float64 has no such kernels.
bool any_type_has_them() {
    return std::any_of(testing::dtypes().begin(), testing::dtypes().end(),
                       [](int32_t dtype) { return dtype != TCONV_F64; });
}

// One layer in five has channels of many blocks.
tconv_spec draw_spec(Random &random, uint64_t index) {
    testing::SpecLimits limits;
    limits.dtype = testing::dtype_of_case(index);
    limits.activations = false, limits.winograd = true, limits.winograd_taps = 5;
    limits.largest_stride = 3;
    limits.most_flops = 2e6, limits.most_outputs = 20000;
    tconv_spec spec = testing::random_legal_spec(random, limits);
    if (random.chance(0.2)) {
        spec = testing::layer("n1_c300_h7_w8_o5_k3x3_s1x1_p1,1,0,1_op0,0_d1x1_g1_f32_nchw", limits.dtype);
        spec.in_channels = static_cast<int32_t>(random.range(200, 800));
        spec.kernel_h = static_cast<int32_t>(random.range(1, 5));
        spec.kernel_w = static_cast<int32_t>(random.range(2, 5));
        spec.layout = random.chance(0.5) ? TCONV_NCHW : TCONV_NHWC;
    }
    spec.has_bias = 0, spec.residual = TCONV_RESIDUAL_NONE;
    return spec;
}

Problem draw_problem(const tconv_spec &spec, Random &random) {
    Problem problem(spec, random.next(), Placement::kDense, testing::reals());
    problem.strain(random.below(3), random);
    return problem;
}

// For each phase of a row and column the taps that a Winograd tile of it has, and the sum that the bound is relative
// to.
struct Phases {
    explicit Phases(const Problem &problem) : spec(problem.spec) {
        std::vector<double> largest(static_cast<size_t>(spec.batch * spec.in_channels), 0);
        const std::vector<double> input = problem.input.logical();
        const size_t plane = static_cast<size_t>(spec.in_h) * static_cast<size_t>(spec.in_w);
        for (size_t i = 0; i < input.size(); ++i)
            largest[i / plane] = std::max(largest[i / plane], std::fabs(input[i]));
        magnitudes.resize(static_cast<size_t>(spec.batch * spec.out_channels * spec.stride_h * spec.stride_w), 0);
        for (int64_t n = 0; n < spec.batch; ++n)
            for (int64_t o = 0; o < spec.out_channels; ++o)
                for (int64_t c = 0; c < spec.in_channels; ++c)
                    for (int64_t ky = 0; ky < spec.kernel_h; ++ky)
                        for (int64_t kx = 0; kx < spec.kernel_w; ++kx)
                            magnitudes[index(n, o, ky, kx)] += largest[static_cast<size_t>(n * spec.in_channels + c)] *
                                                               std::fabs(problem.filter.at(c, o, ky, kx));
    }

    size_t index(int64_t n, int64_t o, int64_t y, int64_t x) const {
        return static_cast<size_t>(((n * spec.out_channels + o) * spec.stride_h + y % spec.stride_h) * spec.stride_w +
                                   x % spec.stride_w);
    }
    static int taps(int64_t kernel, int64_t stride, int64_t at) {
        return static_cast<int>((kernel - 1 - at % stride) / stride + 1);
    }

    const tconv_spec &spec;
    std::vector<double> magnitudes;
};

struct Form {
    int outputs, taps_h, taps_w;
    auto operator<=>(const Form &) const = default;
};
struct Worst {
    int layers = 0;
    double error = 0, share = 0;  // in units of the bound's, and of the bound
};

class WinogradError : public ::testing::Test {
protected:
    void compare(const Problem &problem, const Phases &phases, const std::vector<double> &expected, int outputs) {
        const tconv_spec &spec = problem.spec;
        const reference::Size out = reference::output_size(spec);
        const std::vector<double> actual = problem.output.logical();
        std::map<Form, int> met;
        for (size_t i = 0; i < actual.size(); ++i) {
            const auto at = static_cast<int64_t>(i);
            // Crops are less than 2^20 strides.
            const int64_t far = int64_t{1} << 20, x = at % out.w + spec.pad_left + far * spec.stride_w,
                          y = at / out.w % out.h + spec.pad_top + far * spec.stride_h, o = at / out.w / out.h;
            const Form form = {outputs, Phases::taps(spec.kernel_h, spec.stride_h, y),
                               Phases::taps(spec.kernel_w, spec.stride_w, x)};
            const double unit = phases.magnitudes[phases.index(o / spec.out_channels, o % spec.out_channels, y, x)] *
                                element_type(arithmetic_of(spec.dtype)).epsilon() / 2;
            const double bound =
                testing::winograd_error(form.outputs, std::max(form.taps_h, form.taps_w), spec.in_channels);
            const double error = std::fabs(actual[i] - expected[i]), stored = testing::store_error(spec, expected[i]);
            ASSERT_LE(error, bound * unit + stored * (1 + 1e-6))
                << "output " << i << ": " << actual[i] << ", expected " << expected[i];
            Worst &worst = all[form];
            worst.layers += met[form]++ == 0;
            if (unit > 0 && stored == 0) {
                worst.error = std::max(worst.error, error / unit);
                worst.share = std::max(worst.share, error / unit / bound);
            }
        }
    }

    std::map<Form, Worst> all;
};

TEST_F(WinogradError, StaysWithinTheDocumentedBound) {
    const uint64_t seed = testing::seed_from_environment(), count = layers();
    std::printf("TCONV_SEED=%llu TCONV_ERROR_LAYERS=%llu\n", static_cast<unsigned long long>(seed),
                static_cast<unsigned long long>(count));
    Runner runner;
    for (uint64_t i = 0; i < count; ++i) {
        Random random(testing::seed_of_case(seed, 40000 + i));
        const tconv_spec spec = draw_spec(random, i);
        Problem problem = draw_problem(spec, random);
        const Phases phases(problem);
        const std::vector<double> expected = problem.expected();
        for (const std::string &name : testing::kernels_for(spec)) {
            KernelName kernel;
            ASSERT_TRUE(testing::parse_kernel_name(name, &kernel));
            if (kernel.winograd_outputs() == 0)
                continue;
            SCOPED_TRACE("TCONV_SEED=" + std::to_string(seed) + " case " + std::to_string(i) + " " +
                         testing::text_of(spec) + " " + name);
            ASSERT_EQ(runner.run(problem, name), TCONV_OK) << runner.log;
            compare(problem, phases, expected, kernel.winograd_outputs());
            if (HasFatalFailure())
                return;
        }
    }
    std::printf("%-8s %6s %8s %8s\n", "tile", "runs", "error", "of bound");
    for (const auto &[form, worst] : all) {
        std::printf("%d: %dx%d   %6d %8.2f %7.0f%%\n", form.outputs, form.taps_h, form.taps_w, worst.layers,
                    worst.error, 100 * worst.share);
        EXPECT_GE(worst.layers, kEnough);
    }
    EXPECT_EQ(all.size(), any_type_has_them() ? 25u + 16 + 9 : 0u) << "tiles of 2, 3 and 4 outputs for up to five, four and three taps";
}

// An edge filter on an even image: what a tile computes at the point 1 is the sum of the weights along an axis, and all
// else is 0. Divided before they are added, thirds of 1, 1 and -2 would leave some 1e-16.
TEST(Winograd, WeightsThatCancelGiveExactlyNothing) {
    constexpr int kLayers = 60;
    const uint64_t seed = testing::seed_from_environment();
    Runner runner;
    int compared = 0;
    for (uint64_t i = 0; i < kLayers; ++i) {
        Random random(testing::seed_of_case(seed, 50000 + i));
        tconv_spec spec =
            testing::layer("n1_c2_h1_w1_o5_k1x1_s1x1_p0,0,0,0_op0,0_d1x1_g1_f32_nhwc_nobias", testing::dtype_of_case(i));
        const auto taps_h = static_cast<int32_t>(random.range(2, 5)), taps_w = static_cast<int32_t>(random.range(2, 5));
        spec.kernel_h = taps_h, spec.kernel_w = taps_w;
        // Outputs that have all taps, and as many as fill tiles of 2, 3 and 4: a tile past the image's end sees zeros there.
        spec.in_h = 11 + taps_h, spec.in_w = 11 + taps_w;
        spec.pad_top = spec.pad_bottom = taps_h - 1, spec.pad_left = spec.pad_right = taps_w - 1;
        Problem problem(spec, random.next());
        problem.input.change([](int64_t, double) { return 1.0; });
        const bool along_rows = random.chance(0.5);
        for (int64_t c = 0; c < spec.in_channels; ++c)
            for (int64_t o = 0; o < spec.out_channels; ++o)
                for (int64_t line = 0; line < (along_rows ? taps_h : taps_w); ++line) {
                    const int64_t last = (along_rows ? taps_w : taps_h) - 1;
                    const auto set = [&](int64_t tap, double weight) {
                        problem.filter.set(c, o, along_rows ? line : tap, along_rows ? tap : line, weight);
                    };
                    int64_t sum = 0;
                    for (int64_t tap = 0; tap < last; ++tap) {
                        const int64_t weight = random.range(-50, 50);
                        set(tap, static_cast<double>(weight));
                        sum += weight;
                    }
                    set(last, static_cast<double>(-sum));
                }
        const std::vector<double> nothing(static_cast<size_t>(problem.output.size()), 0);
        ASSERT_EQ(problem.expected(), nothing);
        for (const std::string &name : testing::kernels_for(spec)) {
            KernelName kernel;
            ASSERT_TRUE(testing::parse_kernel_name(name, &kernel));
            if (kernel.winograd_outputs() == 0)
                continue;
            ASSERT_EQ(runner.run(problem, name), TCONV_OK) << runner.log;
            ASSERT_EQ(problem.compare(nothing), "")
                << "TCONV_SEED=" << seed << " case " << i << ' ' << testing::text_of(spec) << ' ' << name;
            ++compared;
        }
    }
    std::printf("%d runs of Winograd's kernels\n", compared);
    EXPECT_EQ(compared > 0, any_type_has_them());
}

// The layers on which FAST may choose them, on data on which they would show.
TEST(Winograd, StrictGivesTheDirectSumsBits) {
    const uint64_t seed = testing::seed_from_environment(), count = layers();
    Runner runner, direct;
    int chosen = 0, compared = 0;
    for (uint64_t i = 0; i < count; ++i) {
        Random random(testing::seed_of_case(seed, 40000 + i));
        const tconv_spec fast = draw_spec(random, i);
        const testing::Plan plan(fast);
        ASSERT_EQ(plan.status, TCONV_OK);
        chosen += std::string(tconv_plan_kernel(plan.get())).find("winograd") != std::string::npos;
        tconv_spec spec = fast;
        spec.math = TCONV_MATH_STRICT;
        Problem problem = draw_problem(spec, random);
        ASSERT_EQ(runner.run(problem), TCONV_OK) << runner.log;
        const std::vector<double> result = problem.output.logical();
        KernelName kernel;
        ASSERT_TRUE(testing::parse_kernel_name(runner.kernel, &kernel));
        ASSERT_EQ(kernel.winograd_outputs(), 0) << testing::text_of(spec) << ' ' << runner.kernel;
        // The instruction set's kernels of channels, whose order is the documented one (strict_order_test.cpp).
        for (const std::string &name : testing::kernels_for(spec)) {
            KernelName other;
            ASSERT_TRUE(testing::parse_kernel_name(name, &other));
            if (other.isa != kernel.isa || other.lanes != "channels" || name == runner.kernel)
                continue;
            ASSERT_EQ(direct.run(problem, name), TCONV_OK) << direct.log;
            ASSERT_EQ(result, problem.output.logical())
                << "TCONV_SEED=" << seed << " case " << i << ' ' << testing::text_of(spec) << ' ' << runner.kernel
                << ' ' << name;
            ++compared;
        }
    }
    // Not all instruction sets have two such kernels for each type.
    EXPECT_GT(compared, static_cast<int>(count) / 20);
    std::printf("FAST chooses one for %d of %llu layers\n", chosen, static_cast<unsigned long long>(count));
}

}  // namespace
}  // namespace tconv
