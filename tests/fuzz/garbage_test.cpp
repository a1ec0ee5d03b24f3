// Specs of garbage: every field a random or an extreme integer. Whatever comes in, a status comes out; what is accepted
// and small enough to compute is computed between guard words and compared with the oracle.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <limits>
#include <string>

#include "random_spec.h"
#include "reference.h"
#include "runner.h"

namespace {

using namespace tconv::testing;

int32_t draw_int(Random &random) {
    constexpr int32_t kMost = std::numeric_limits<int32_t>::max();
    // 46341 is the first integer whose square is beyond int32.
    constexpr int32_t kEdges[] = {0,     -1,    1,     2,         -7,         32768,   65536,
                                  46340, 46341, kMost, kMost - 1, -kMost - 1, 1 << 30, -(1 << 30)};
    const int64_t kind = random.below(20);
    if (kind == 0)
        return static_cast<int32_t>(random.next());
    if (kind == 1)
        return random.pick(kEdges);
    return static_cast<int32_t>(random.range(kind < 4 ? -3 : 1, kind < 12 ? 4 : 12));
}

// Dilations of up to 2^30 along both axes, of which the crop keeps a corner, with strides and channels of any size: all is
// legal, and nothing is large but what lies between.
tconv_spec draw_far_taps(Random &random, int32_t dtype) {
    tconv_spec s = random_legal_spec(random, {.dtype = dtype, .most_flops = 1e5, .most_outputs = 5000});
    const auto power = [&](int most) { return (1 << random.range(0, most)) - static_cast<int32_t>(random.below(2)); };
    s.in_h = s.in_w = s.groups = s.batch = 1;
    s.kernel_h = s.kernel_w = 2;
    s.in_channels = std::max(power(14), 1);
    s.out_channels = static_cast<int32_t>(random.range(1, 20));
    if (random.chance(0.3))
        s.groups = s.out_channels = s.in_channels = std::min(s.in_channels, 64);
    s.stride_h = std::max(power(20), 1), s.stride_w = std::max(power(20), 1);
    s.dilation_h = std::max(power(30), 1), s.dilation_w = std::max(power(30), 1);
    s.pad_top = s.dilation_h, s.pad_left = s.dilation_w;
    s.pad_bottom = s.pad_right = s.output_padding_h = s.output_padding_w = 0;
    return s;
}

// About one in a few is legal, so that both halves of the contract are tried.
tconv_spec draw_garbage(Random &random, int32_t dtype) {
    tconv_spec s = random_legal_spec(random, {.dtype = dtype, .most_flops = 1e5, .most_outputs = 5000});
    int32_t tconv_spec::*const kFields[] = {
        &tconv_spec::batch,      &tconv_spec::in_channels, &tconv_spec::out_channels,     &tconv_spec::in_h,
        &tconv_spec::in_w,       &tconv_spec::kernel_h,    &tconv_spec::kernel_w,         &tconv_spec::stride_h,
        &tconv_spec::stride_w,   &tconv_spec::dilation_h,  &tconv_spec::dilation_w,       &tconv_spec::pad_top,
        &tconv_spec::pad_left,   &tconv_spec::pad_bottom,  &tconv_spec::pad_right,        &tconv_spec::output_padding_h,
        &tconv_spec::groups,     &tconv_spec::dtype,       &tconv_spec::output_padding_w, &tconv_spec::layout,
        &tconv_spec::activation, &tconv_spec::math,        &tconv_spec::softmax_axis,     &tconv_spec::residual,
        &tconv_spec::has_bias};
    for (int64_t changes = random.below(4); changes > 0; --changes)
        s.*random.pick(kFields) = draw_int(random);
    if (random.chance(0.1))
        std::memcpy(&s.act_alpha, &s.pad_left, sizeof s.act_alpha);
    if (random.chance(0.02))
        s.struct_size = static_cast<size_t>(random.next() >> random.below(64));
    if (random.chance(0.1))
        s.max_packed_bytes = static_cast<int64_t>(random.next() >> random.below(64));
    return s;
}

bool small(const tconv_spec &s) {
    const tconv::reference::Size out = tconv::reference::output_size(s);
    const double images = std::max(s.batch, 1);  // of an empty batch too: views have room for gaps
    const double outputs = images * s.out_channels * static_cast<double>(out.h) * static_cast<double>(out.w);
    const double inputs = images * s.in_channels * s.in_h * s.in_w;
    const double taps = 1.0 * s.out_channels / s.groups * s.kernel_h * s.kernel_w;
    return outputs < 1e6 && inputs < 1e6 && taps * s.in_channels < 1e6 && inputs * taps < 1e7;
}

constexpr size_t kMostBytes = 64 << 20;

TEST(Garbage, GetsAStatusOrTheRightAnswer) {
    const uint64_t seed = seed_from_environment();
    std::printf("TCONV_SEED=%llu\n", static_cast<unsigned long long>(seed));
    int accepted = 0, computed = 0, steep = 0;
    constexpr int kCases = 60000;
    Runner runner;
    for (uint64_t i = 0; i < kCases; ++i) {
        Random random(seed_of_case(seed, 900000 + i));
        const bool far = random.chance(0.02);
        const tconv_spec spec = far ? draw_far_taps(random, dtype_of_case(i)) : draw_garbage(random, dtype_of_case(i));
        const std::string where =
            "TCONV_SEED=" + std::to_string(seed) + " case " + std::to_string(i) + " " + text_of(spec);
        char message[300];
        const tconv_status status = tconv_spec_validate(&spec, message, sizeof message);
        ASSERT_EQ(status == TCONV_OK, message[0] == '\0') << where << ": " << message;
        if (status != TCONV_OK) {
            const Plan refused(spec);
            ASSERT_EQ(refused.status, status) << where;
            continue;
        }
        ++accepted;
        char text[TCONV_LAYER_TEXT_BYTES];
        ASSERT_EQ(tconv_spec_format(&spec, text, sizeof text), TCONV_OK) << where;
        const Plan plan(spec);
        ASSERT_TRUE(plan.status == TCONV_OK || plan.status == TCONV_UNSUPPORTED || plan.status == TCONV_SIZE_OVERFLOW)
            << where << " gives " << plan.status;
        if (plan.status != TCONV_OK || !small(spec))
            continue;
        if (plan.needs.workspace_bytes > kMostBytes || plan.needs.packed_filter_bytes > kMostBytes)
            continue;
        ++computed;
        steep += std::max(spec.stride_h, spec.stride_w) > 1 << 16;
        KernelName chosen;
        ASSERT_TRUE(parse_kernel_name(tconv_plan_kernel(plan.get()), &chosen));
        Problem problem(spec, random.next(), Placement::kShuffled,
                        chosen.winograd_outputs() > 0 ? winograd_rules(spec) : DataRules());
        ASSERT_EQ(runner.run(problem), TCONV_OK) << where << runner.log;
        if (is_exact(spec) && spec.activation != TCONV_ACT_LEAKY_RELU) {
            ASSERT_EQ(problem.compare(problem.expected()), "") << where << ' ' << runner.kernel;
        }
    }
    std::printf("%d cases, %d accepted, %d computed, %d of them with a stride beyond 16 bits\n", kCases, accepted,
                computed, steep);
    EXPECT_GT(accepted, kCases / 10);
    EXPECT_GT(kCases - accepted, kCases / 10);
    EXPECT_GT(computed, kCases / 20);
    EXPECT_GT(steep, 0);
}

}  // namespace
