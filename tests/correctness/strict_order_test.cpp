// math = STRICT: on random reals every kernel of an instruction set gives the bits of one documented order, whatever
// the layout (docs/algorithm.md). The order is written out here as a second oracle, in float, or double for f64: per block
// of 256 input channels, from zero, products in the order (ky, kx, ci), each a fused multiply-add (baseline: a product
// and a sum); the totals of the blocks in order; the bias; the activation; the residual; the store.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <string>
#include <vector>

#include "random_spec.h"
#include "reference.h"
#include "runner.h"

namespace tconv {
namespace {

using testing::KernelName;
using testing::Placement;
using testing::Problem;
using testing::Random;
using testing::Runner;
using testing::SpecLimits;

constexpr int64_t kChannelBlock = 256;
using Bits = std::vector<uint64_t>;

// This file is compiled with -ffp-contract=off: the compiler must not fuse what baseline does not.
template<typename Arithmetic>
Arithmetic add_product(Arithmetic sum, Arithmetic a, Arithmetic b, bool fused) {
    if (fused)
        return std::fma(a, b, sum);
    const Arithmetic product = a * b;
    return sum + product;
}

// The tap index k for which output row or column o reads input i, or -1.
int64_t input_of(int64_t o, int64_t crop, int64_t k, int64_t dilation, int64_t stride, int64_t in) {
    const int64_t u = o + crop - k * dilation;
    return u >= 0 && u % stride == 0 && u / stride < in ? u / stride : -1;
}

template<typename Arithmetic>
Arithmetic canonical_sum(const Problem &problem, int64_t n, int64_t o, int64_t row, int64_t column, bool fused) {
    const tconv_spec &s = problem.spec;
    const int64_t ins = s.in_channels / s.groups, outs = s.out_channels / s.groups, first = o / outs * ins;
    Arithmetic sum = 0;
    for (int64_t block = 0; block < ins; block += kChannelBlock) {
        Arithmetic total = 0;
        for (int64_t ky = 0; ky < s.kernel_h; ++ky) {
            const int64_t y = input_of(row, s.pad_top, ky, s.dilation_h, s.stride_h, s.in_h);
            for (int64_t kx = 0; y >= 0 && kx < s.kernel_w; ++kx) {
                const int64_t x = input_of(column, s.pad_left, kx, s.dilation_w, s.stride_w, s.in_w);
                if (x < 0)
                    continue;
                for (int64_t c = block; c < std::min(ins, block + kChannelBlock); ++c)
                    total = add_product(total, static_cast<Arithmetic>(problem.filter.at(first + c, o % outs, ky, kx)),
                                        static_cast<Arithmetic>(problem.input.at(n, first + c, y, x)), fused);
            }
        }
        sum = block == 0 ? total : sum + total;
    }
    return sum;
}

template<typename Arithmetic>
Bits canonical_bits(const Problem &problem, bool fused) {
    const tconv_spec &s = problem.spec;
    const reference::Size out = reference::output_size(s);
    Bits bits;
    for (int64_t n = 0; n < s.batch; ++n)
        for (int64_t o = 0; o < s.out_channels; ++o)
            for (int64_t y = 0; y < out.h; ++y)
                for (int64_t x = 0; x < out.w; ++x) {
                    Arithmetic value = canonical_sum<Arithmetic>(problem, n, o, y, x, fused);
                    if (s.has_bias)
                        value += static_cast<Arithmetic>(problem.bias.at(o));
                    if (s.activation == TCONV_ACT_RELU)
                        value = value < 0 ? 0 : value;
                    if (s.activation == TCONV_ACT_PRELU && value < 0)
                        value *= static_cast<Arithmetic>(problem.slope.at(o));
                    if (s.residual == TCONV_RESIDUAL_AFTER)
                        value += static_cast<Arithmetic>(problem.residual.at(n, o, y, x));
                    store_element(s.dtype, value, &bits.emplace_back(0));
                }
    return bits;
}

std::string first_difference(const tconv_spec &spec, const Bits &a, const Bits &b) {
    const auto value = [&](uint64_t bits) { return load_element(spec.dtype, &bits); };
    size_t wrong = 0, first = a.size();
    for (size_t i = 0; i < a.size(); ++i) {
        // Zeros compare equal: a sum of no products is +0 in the order above, and may be skipped or stored as -0.
        if (a[i] == b[i] || (value(a[i]) == 0 && value(b[i]) == 0))
            continue;
        first = std::min(first, i);
        ++wrong;
    }
    if (wrong == 0)
        return "";
    char text[160];
    std::snprintf(text, sizeof text, "%zu of %zu differ, first at %zu: %.17g and %.17g", wrong, a.size(), first,
                  value(a[first]), value(b[first]));
    return text;
}

bool fused(const KernelName &kernel) {
    return kernel.isa != "baseline";
}

// Deep layers now and then: a reduction over several channel blocks.
tconv_spec draw_spec(Random &random, uint64_t index) {
    SpecLimits limits;
    limits.dtype = testing::dtype_of_case(index);
    limits.activations = false;
    limits.depthwise = random.chance(0.25), limits.woven = !limits.depthwise && random.chance(0.15);
    limits.most_flops = 1e6, limits.most_outputs = 6000;
    tconv_spec spec = testing::random_legal_spec(random, limits);
    if (random.chance(0.15)) {
        spec = testing::layer("n1_c300_h3_w4_o7_k3x3_s2x2_p1,1,0,1_op0,0_d1x1_g1_f32_nchw", limits.dtype);
        spec.in_channels = static_cast<int32_t>(random.range(255, 780));
        spec.out_channels = static_cast<int32_t>(random.range(1, 19));
        spec.stride_w = static_cast<int32_t>(random.range(1, 3));
    }
    return spec;
}

TEST(Strict, EveryKernelFollowsTheDocumentedOrder) {
    const uint64_t seed = testing::seed_from_environment();
    Runner runner;
    std::map<std::string, int> runs;
    for (uint64_t i = 0; i < 1600; ++i) {
        Random random(testing::seed_of_case(seed, i));
        tconv_spec spec = draw_spec(random, i);
        constexpr int32_t kActivations[] = {TCONV_ACT_NONE, TCONV_ACT_RELU, TCONV_ACT_PRELU};
        spec.activation = random.pick(kActivations);
        if (spec.residual == TCONV_RESIDUAL_BEFORE)
            spec.residual = TCONV_RESIDUAL_AFTER;
        spec.math = TCONV_MATH_STRICT;
        const uint64_t data = random.next();
        std::map<bool, Bits> expected;
        for (const int32_t layout : {TCONV_NCHW, TCONV_NHWC}) {
            spec.layout = layout;
            Problem problem(spec, data, Placement::kDense, testing::reals());
            if (expected.empty()) {
                for (const bool fuse : {false, true}) {
                    expected[fuse] = spec.dtype == TCONV_F64 ? canonical_bits<double>(problem, fuse)
                                                             : canonical_bits<float>(problem, fuse);
                }
            }
            for (const std::string &name : testing::kernels_for(spec)) {
                KernelName kernel;
                ASSERT_TRUE(testing::parse_kernel_name(name, &kernel));
                ASSERT_EQ(runner.run(problem, name), TCONV_OK) << runner.log;
                ASSERT_EQ(first_difference(spec, problem.output.bits(), expected[fused(kernel)]), "")
                    << "TCONV_SEED=" << seed << " case " << i << ' ' << testing::text_of(spec) << ' ' << name;
                ++runs[name];
            }
        }
    }
    for (const std::string &name : testing::usable_kernels()) {
        KernelName kernel;
        ASSERT_TRUE(testing::parse_kernel_name(name, &kernel));
        if (kernel.winograd_outputs() > 0 || testing::multiplies_pairs(name) || testing::adds_overlaps(name))
            EXPECT_EQ(runs[name], 0) << name << " has another order";
        else
            EXPECT_GE(runs[name], 20) << name;
    }
}

// Activations included, curves and softmax too, which the order above leaves out: within an instruction set the bits
// are those of any other kernel and of the other layout. Softmax along a row adds its terms in the order in which a
// kernel computes a row, phase by phase or not at all by phases (gather), so there kernels may differ by rounding.
TEST(Strict, KernelsAndLayoutsAgreeBitForBit) {
    const uint64_t seed = testing::seed_from_environment();
    Runner runner;
    for (uint64_t i = 0; i < 400; ++i) {
        Random random(testing::seed_of_case(seed, 100000 + i));
        SpecLimits limits;
        limits.dtype = testing::dtype_of_case(i);
        limits.depthwise = random.chance(0.1);
        limits.most_flops = random.chance(0.1) ? 10e6 : 1e6, limits.most_outputs = 30000;
        tconv_spec spec = testing::random_legal_spec(random, limits);
        spec.math = TCONV_MATH_STRICT;
        const bool rows = spec.activation == TCONV_ACT_SOFTMAX && spec.softmax_axis == TCONV_AXIS_LAST;
        const uint64_t data = random.next();
        std::map<std::string, Bits> by_isa;
        Bits chosen;
        for (const int32_t layout : {TCONV_NCHW, TCONV_NHWC}) {
            spec.layout = layout;
            Problem problem(spec, data, Placement::kDense, testing::reals());
            for (const std::string &name : testing::kernels_for(spec)) {
                KernelName kernel;
                ASSERT_TRUE(testing::parse_kernel_name(name, &kernel));
                ASSERT_EQ(runner.run(problem, name), TCONV_OK) << runner.log;
                const Bits bits = problem.output.bits();
                Bits &first = by_isa[kernel.isa + (rows ? kernel.family : "")];
                if (first.empty())
                    first = bits;
                ASSERT_EQ(first_difference(spec, bits, first), "")
                    << "TCONV_SEED=" << seed << " case " << i << ' ' << testing::text_of(spec) << ' ' << name;
            }
            ASSERT_EQ(runner.run(problem), TCONV_OK) << runner.log;
            const Bits bits = problem.output.bits();
            if (chosen.empty())
                chosen = bits;
            ASSERT_EQ(bits, chosen) << testing::text_of(spec) << ": the plan's choice, " << runner.kernel;
        }
    }
}

}  // namespace
}  // namespace tconv
