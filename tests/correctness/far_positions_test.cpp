// Layers at the ends of int32: small tensors whose pads, strides and dilations put positions billions apart. Every kernel
// computes them bit for bit, or says that it does not; the plan's choice and the gradients do. TCONV_SEED sets where they
// start.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "gradient_runner.h"
#include "random_spec.h"
#include "runner.h"

namespace {

using namespace tconv::testing;

constexpr int64_t kMost = 2147483647;
constexpr int kLayers = 150;
// As far as kernels other than gather count, and any gradient stages.
constexpr int64_t kFar = 1 << 25;

struct Axis {
    int32_t in, kernel, stride, dilation, begin, end;  // pads

    int64_t reach() const { return int64_t{dilation} * (kernel - 1); }
    int64_t full() const { return int64_t{stride} * (in - 1) + reach() + 1; }
};

// Valid, of at most 40 outputs.
Axis random_axis(Random &random, bool far) {
    const auto near = [&](int64_t value) { return value + random.range(-2, 2); };
    Axis axis = {};
    axis.in = static_cast<int32_t>(random.range(1, 6)), axis.kernel = static_cast<int32_t>(random.range(1, 4));
    axis.stride = static_cast<int32_t>(random.range(1, 4)), axis.dilation = static_cast<int32_t>(random.range(1, 3));
    // One of the two as large as the full scatter's bound allows, or of the order where kernels stop.
    const int64_t kind = far ? random.below(6) : 5;
    const auto widest = [&](int64_t others, int32_t steps) {
        return (kMost - 1 - others) / std::max(steps - 1, 1) - random.below(3);
    };
    if (kind == 0)
        axis.stride = static_cast<int32_t>(widest(axis.reach(), axis.in));
    if (kind == 1)
        axis.dilation = static_cast<int32_t>(widest(int64_t{axis.stride} * (axis.in - 1), axis.kernel));
    if (kind == 2)
        axis.stride = static_cast<int32_t>(near(kFar));
    if (kind == 3)
        axis.dilation = static_cast<int32_t>(near(kFar / std::max(axis.kernel - 1, 1)));
    const int64_t out = random.range(1, 40);
    const int64_t lowest = std::max(axis.reach() + 1, axis.full() - out) - kMost, highest = kMost - out;
    const int64_t product = axis.stride * random.below(axis.in) + axis.dilation * random.below(axis.kernel);
    const int64_t crops[] = {near(lowest),
                             near(highest),
                             near(-kFar),
                             near(0),
                             near(kMost - 8 * kFar - out),
                             near(axis.full() - out),
                             product - random.below(out),
                             product - random.below(out)};
    const int64_t crop = far ? std::clamp(random.pick(crops), lowest, highest) : random.range(-3, 3);
    axis.begin = static_cast<int32_t>(crop), axis.end = static_cast<int32_t>(axis.full() - crop - out);
    return axis;
}

tconv_spec random_far_layer(Random &random, uint64_t index) {
    tconv_spec spec = layer("n1_c1_h1_w1_o1_k1x1_s1x1_p0,0,0,0_op0,0_d1x1_g1_f32_nchw", dtype_of_case(index));
    const bool both = random.chance(0.2), only_h = random.chance(0.5);
    const Axis h = random_axis(random, both || only_h), w = random_axis(random, both || !only_h);
    spec.in_h = h.in, spec.kernel_h = h.kernel, spec.stride_h = h.stride, spec.dilation_h = h.dilation;
    spec.pad_top = h.begin, spec.pad_bottom = h.end;
    spec.in_w = w.in, spec.kernel_w = w.kernel, spec.stride_w = w.stride, spec.dilation_w = w.dilation;
    spec.pad_left = w.begin, spec.pad_right = w.end;
    constexpr int32_t kChannels[] = {1, 2, 3, 16, 17};
    spec.in_channels = random.pick(kChannels), spec.out_channels = random.pick(kChannels);
    if (random.chance(0.2))
        spec.groups = spec.out_channels = spec.in_channels;
    spec.layout = random.chance(0.5) ? TCONV_NCHW : TCONV_NHWC;
    spec.math = random.chance(0.3) ? TCONV_MATH_STRICT : TCONV_MATH_FAST;
    spec.has_bias = random.chance(0.5);
    return spec;
}

// Windows between taps millions apart are staged as they are, with zeros for what lies between: planned, but not run.
bool too_large(const tconv_requirements &needs) {
    return needs.workspace_bytes > 16 << 20;
}

// By the kernel, or as the plan chooses; whether it computed the layer.
bool run(const tconv_spec &spec, const std::string &name) {
    const Plan plan(spec, name);
    const bool may_refuse = name.empty() ? !has_gather() : !is_gather(name);
    if ((may_refuse && plan.status == TCONV_UNSUPPORTED) || (plan.status == TCONV_OK && too_large(plan.needs)))
        return false;
    Problem problem(spec, 1, Placement::kDense, winograd_rules(spec));
    Runner runner;
    EXPECT_EQ(runner.run(problem, name), TCONV_OK) << text_of(spec) << ' ' << name << '\n' << runner.log;
    EXPECT_EQ(problem.compare(problem.expected()), "") << text_of(spec) << ' ' << runner.kernel;
    return true;
}

// The same; taps too far apart to be staged together may be refused.
bool run_gradient(const tconv_spec &layer, int32_t which) {
    const tconv_spec spec = linear(layer);
    if (const GradientPlan plan(spec, which); plan.status == TCONV_OK && too_large(plan.needs))
        return false;
    GradientProblem problem(spec, which, 1);
    GradientRunner runner;
    const tconv_status status = runner.run(problem);
    const bool far = std::max(int64_t{spec.dilation_h} * (spec.kernel_h - 1),
                              int64_t{spec.dilation_w} * (spec.kernel_w - 1)) > kFar / 2;
    if (far && which != TCONV_GRADIENT_BIAS && (status == TCONV_SIZE_OVERFLOW || status == TCONV_UNSUPPORTED))
        return false;
    EXPECT_EQ(status, TCONV_OK) << text_of(spec) << ' ' << gradient_text(which) << '\n' << runner.log;
    EXPECT_EQ(problem.compare(problem.expected()), "")
        << text_of(spec) << ' ' << gradient_text(which) << ' ' << runner.kernel;
    return true;
}

TEST(FarPositions, LayersThatWrapped) {
    for (const char *text : {// crop + stride
                             "n1_c1_h2_w1_o1_k1x1_s1900000000x1_p1899999999,0,0,0_op0,0_d1x1_g1_f32_nchw",
                             // the last row's block end
                             "n1_c16_h1_w1_o16_k1x1_s1x1_p2147383644,0,-2147483646,0_op0,0_d1x1_g1_f32_nhwc",
                             // in_w * stride
                             "n1_c1_h1_w8192_o1_k1x1_s1x262144_p0,0,0,2147220505_op0,0_d1x1_g1_f32_nchw"}) {
        const tconv_spec spec = layer(text);
        run(spec, "");
        for (const std::string &name : usable_kernels()) {
            if (dtype_of(name) == spec.dtype)
                run(spec, name);
        }
        for (const int32_t which : kGradients)
            run_gradient(spec, which);
    }
}

TEST(FarPositions, RandomLayers) {
    const uint64_t seed = seed_from_environment();
    std::printf("TCONV_SEED=%llu\n", static_cast<unsigned long long>(seed));
    int refused = 0, by_others = 0, gradients = 0;
    for (uint64_t i = 0; i < kLayers && !HasFailure(); ++i) {
        Random random(seed_of_case(seed, i));
        const tconv_spec spec = random_far_layer(random, i);
        run(spec, "");
        for (const std::string &name : usable_kernels()) {
            if (dtype_of(name) != spec.dtype)
                continue;
            const bool computed = run(spec, name);
            refused += !computed;
            by_others += computed && !is_gather(name);
        }
        for (const int32_t which : kGradients)
            gradients += run_gradient(spec, which);
    }
    std::printf("%d runs of kernels other than gather, %d refused or too large, %d gradients\n", by_others, refused,
                gradients);
    EXPECT_GT(by_others, 0);
    EXPECT_GT(refused, 0);
    EXPECT_GT(gradients, kLayers);
}

// More inputs than memory holds, all of them one number.
TEST(FarPositions, AsManyInputsAsMayBe) {
    tconv_spec spec = layer("n1_c1_h1_w2147483647_o1_k1x1_s1x1_p0,-1,0,2147482648_op0,0_d1x1_g1_f32_nchw");
    spec.has_bias = 0;
    if (!has_gather())
        GTEST_SKIP() << "[SKIP] this library has no kernel for so many inputs";
    std::string said;
    const tconv_hooks hooks = listening(&said);
    const Plan plan(spec, "", &hooks);
    ASSERT_EQ(plan.status, TCONV_OK);
    float input = 3, weight = 5;
    std::vector<float> output(1000, -1);
    Block packed(plan.needs.packed_filter_bytes), workspace(plan.needs.workspace_bytes);
    const tconv_view filter = {&weight, {1, 1, 1, 1}};
    ASSERT_EQ(tconv_pack_filter(plan.get(), &filter, packed.data(), packed.size()), TCONV_OK);
    tconv_tensors tensors;
    tconv_tensors_init(&tensors, sizeof tensors);
    tensors.input = {&input, {0, 0, 0, 0}};
    tensors.output = {output.data(), {1000, 1000, 1000, 1}};
    tensors.packed_filter = packed.data();
    tensors.workspace = workspace.data(), tensors.workspace_bytes = workspace.size();
    ASSERT_EQ(tconv_run(plan.get(), &tensors), TCONV_OK) << said;
    EXPECT_EQ(output[0], 0);  // before the first input
    EXPECT_EQ(std::ranges::count(output, 15.0f), 999);
}

// A minute of zeros but for the last block.
TEST(FarPositions, TheFiltersGradientOfAsManyInputs) {
    if (std::getenv("TCONV_FULL") == nullptr)
        GTEST_SKIP() << "[SKIP] 2^31 inputs take a minute: make test-full";
    const tconv_spec spec = linear(layer("n1_c1_h2147483647_w1_o1_k1x1_s1x1_p2147483640,0,0,0_op0,0_d1x1_g1_f32_nchw"));
    std::string said;
    const tconv_hooks hooks = listening(&said);
    const GradientPlan plan(spec, TCONV_GRADIENT_FILTER, "", &hooks);
    ASSERT_EQ(plan.status, TCONV_OK) << said;
    float input = 3, gradient = -1, output_gradient[] = {1, 2, 3, 4, 5, 6, 7};
    Block workspace(plan.needs.workspace_bytes);
    tconv_gradient_tensors tensors;
    tconv_gradient_tensors_init(&tensors, sizeof tensors);
    tensors.input = {&input, {0, 0, 0, 0}};
    tensors.output_gradient = {output_gradient, {7, 7, 1, 1}};
    tensors.filter_gradient = {&gradient, {1, 1, 1, 1}};
    tensors.workspace = workspace.data(), tensors.workspace_bytes = workspace.size();
    ASSERT_EQ(tconv_gradient_run(plan.get(), &tensors), TCONV_OK) << said;
    EXPECT_EQ(gradient, 3 * 28);  // the last seven inputs
}

}  // namespace
