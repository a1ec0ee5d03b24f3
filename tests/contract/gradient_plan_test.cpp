// Plans of gradients: every way to refuse one, with its code and a message that names the cause; memory only from the
// hooks; what they require.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <limits>
#include <string>

#include "attempt.h"
#include "gradient_runner.h"
#include "random_spec.h"
#include "reference.h"

namespace {

using namespace tconv::testing;

constexpr auto gradient_test_name = [](const auto &info) { return std::string(gradient_text(info.param)); };

// tconv_gradient_plan_create with a log, and a plan pointer that must stay as it was on failure.
Attempt attempt(const tconv_spec *spec, int32_t which, const char *kernel = nullptr) {
    Attempt result;
    const tconv_hooks hooks = listening(&result.said);
    auto *const untouched = reinterpret_cast<tconv_gradient_plan *>(&result);
    tconv_gradient_plan *plan = untouched;
    result.status = tconv_gradient_plan_create(spec, which, kernel, &hooks, &plan);
    if (result.status == TCONV_OK) {
        result.kernel = tconv_gradient_plan_kernel(plan);
        tconv_gradient_plan_destroy(plan);
    } else {
        EXPECT_EQ(plan, untouched) << "a failure leaves the pointer as it was";
    }
    return result;
}

class GradientPlanTest : public ::testing::TestWithParam<int32_t> {
protected:
    void SetUp() override {
        const char *const isa = std::getenv("TCONV_ISA");
        isa_ = isa != nullptr ? isa : "";
    }
    void TearDown() override { isa_.empty() ? unsetenv("TCONV_ISA") : setenv("TCONV_ISA", isa_.c_str(), 1); }

    const int32_t which = GetParam();
    tconv_spec spec = layer("n3_c6_h5_w7_o20_k4x3_s2x2_p1,1,1,1_op0,0_d1x1_g2_f32_nhwc", dtypes().front());

private:
    std::string isa_;
};

INSTANTIATE_TEST_SUITE_P(Of, GradientPlanTest, ::testing::ValuesIn(kGradients), gradient_test_name);

TEST_P(GradientPlanTest, NullAndStructs) {
    tconv_gradient_plan *plan = nullptr;
    EXPECT_EQ(tconv_gradient_plan_create(nullptr, which, nullptr, nullptr, &plan), TCONV_INVALID_ARGUMENT);
    EXPECT_EQ(tconv_gradient_plan_create(&spec, which, nullptr, nullptr, nullptr), TCONV_INVALID_ARGUMENT);
    EXPECT_REFUSED(attempt(nullptr, which), TCONV_INVALID_ARGUMENT, "spec is NULL");
    std::string said;
    tconv_hooks hooks = listening(&said);
    EXPECT_EQ(tconv_gradient_plan_create(&spec, which, nullptr, &hooks, nullptr), TCONV_INVALID_ARGUMENT);
    EXPECT_EQ(said, "plan is NULL\n");
    hooks.struct_size = 3;
    EXPECT_EQ(tconv_gradient_plan_create(&spec, which, nullptr, &hooks, &plan), TCONV_INVALID_STRUCT);
    hooks = listening(&said);
    hooks.allocate = [](void *, size_t, size_t) -> void * { return nullptr; };
    EXPECT_EQ(tconv_gradient_plan_create(&spec, which, nullptr, &hooks, &plan), TCONV_INVALID_ARGUMENT)
        << "without release";
    EXPECT_EQ(plan, nullptr);
    tconv_gradient_plan_destroy(nullptr);
    EXPECT_EQ(tconv_gradient_plan_kernel(nullptr), nullptr);
}

TEST_P(GradientPlanTest, IllegalSpecsAreRefusedByName) {
    const uint64_t seed = seed_from_environment();
    for (uint64_t i = 0; i < 1000; ++i) {
        Random random(seed_of_case(seed, 310000 + i));
        IllegalSpec bad = random_illegal_spec(random);
        if (bad.status == TCONV_INVALID_SHAPE || bad.status == TCONV_SIZE_OVERFLOW)  // an activation would be told first
            bad.spec.activation = TCONV_ACT_NONE, bad.spec.residual = TCONV_RESIDUAL_NONE;
        const Attempt result = attempt(&bad.spec, which);
        ASSERT_EQ(result.status, bad.status)
            << "TCONV_SEED=" << seed << " case " << i << ' ' << text_of(bad.spec) << '\n'
            << result.said;
        ASSERT_NE(result.said.find(bad.field), std::string::npos) << bad.field << " in: " << result.said;
        ASSERT_NE(result.said.find(bad.value), std::string::npos) << bad.value << " in: " << result.said;
    }
}

TEST(GradientPlan, WhichIsOneOfThree) {
    const tconv_spec spec = layer("n1_c6_h5_w7_o20_k4x3_s2x2_p1,1,1,1_op0,0_d1x1_g2_f32_nchw", dtypes().front());
    for (const int32_t which : {-1, 3, 1000, std::numeric_limits<int32_t>::min()})
        EXPECT_REFUSED(attempt(&spec, which), TCONV_INVALID_ARGUMENT, "which = " + std::to_string(which));
}

TEST(GradientPlan, TheBiasOfAsManyChannelsAsMayBe) {
    const tconv_spec spec =
        layer("n1_c1_h1_w1_o2147483647_k1x1_s1x1_p0,0,0,0_op0,0_d1x1_g1_f32_nchw", dtypes().front());
    EXPECT_REFUSED(attempt(&spec, TCONV_GRADIENT_BIAS), TCONV_SIZE_OVERFLOW, "2^31-1 elements");
}

TEST_P(GradientPlanTest, OnlyOfTheLayerWithoutActivationAndResidual) {
    for (int32_t activation = TCONV_ACT_RELU; activation <= TCONV_ACT_SOFTMAX; ++activation) {
        tconv_spec s = spec;
        s.activation = activation;
        EXPECT_REFUSED(attempt(&s, which), TCONV_INVALID_ARGUMENT, "activation = " + std::to_string(activation));
    }
    for (const int32_t residual : {TCONV_RESIDUAL_BEFORE, TCONV_RESIDUAL_AFTER}) {
        tconv_spec s = spec;
        s.residual = residual;
        EXPECT_REFUSED(attempt(&s, which), TCONV_INVALID_ARGUMENT, "residual = " + std::to_string(residual));
    }
    for (const int32_t has_bias : {0, 1}) {
        tconv_spec s = spec;
        s.has_bias = has_bias;
        EXPECT_EQ(attempt(&s, which).status, TCONV_OK) << "has_bias is ignored";
    }
}

TEST_P(GradientPlanTest, WhatNoKernelComputesIsUnsupported) {
    for (int32_t dtype = TCONV_F32; dtype <= TCONV_S32; ++dtype) {
        tconv_spec other = spec;
        other.dtype = dtype;
        if (std::find(dtypes().begin(), dtypes().end(), dtype) != dtypes().end())
            EXPECT_EQ(attempt(&other, which).status, TCONV_OK) << dtype;
        else
            EXPECT_REFUSED(attempt(&other, which), TCONV_UNSUPPORTED, "dtype " + dtype_text(dtype));
        for (const std::string &kernel : usable_kernels()) {
            if (dtype_of(kernel) != dtype)
                EXPECT_REFUSED(attempt(&other, which, kernel.c_str()), TCONV_UNSUPPORTED,
                               "dtype " + dtype_text(dtype));
        }
    }
    tconv_spec rounded = spec;
    rounded.math = TCONV_MATH_TF32;
    EXPECT_REFUSED(attempt(&rounded, which), TCONV_UNSUPPORTED, "math tf32");
}

TEST_P(GradientPlanTest, NamedKernels) {
    EXPECT_REFUSED(attempt(&spec, which, "tconv_f32_magic_avx2"), TCONV_UNSUPPORTED, "'tconv_f32_magic_avx2'");
    EXPECT_EQ(attempt(&spec, which, "").status, TCONV_UNSUPPORTED);
    int refused = 0, computed = 0;
    for (const char *const text : {"n1_c6_h5_w7_o20_k4x3_s2x2_p1,1,1,1_op0,0_d1x1_g1_f32_nchw",
                                   "n1_c6_h5_w7_o20_k4x3_s2x2_p1,1,1,1_op0,0_d1x1_g2_f32_nchw",
                                   "n1_c6_h5_w7_o6_k4x3_s2x2_p1,1,1,1_op0,0_d1x1_g6_f32_nchw"}) {
        for (const std::string &name : usable_kernels()) {
            KernelName kernel;
            ASSERT_TRUE(parse_kernel_name(name, &kernel));
            const tconv_spec s = layer(text, dtype_of(name));
            const Attempt result = attempt(&s, which, name.c_str());
            const bool refuses = may_refuse_gradient(kernel, s, which);
            EXPECT_EQ(result.status, refuses ? TCONV_UNSUPPORTED : TCONV_OK) << name << ' ' << result.said;
            EXPECT_EQ(result.kernel, refuses ? "" : name);
            EXPECT_EQ(result.said.empty(), !refuses);
            ++(refuses ? refused : computed);
        }
    }
    EXPECT_GT(computed, 0);
    EXPECT_EQ(refused > 0, which != TCONV_GRADIENT_BIAS);
}

#if defined(__x86_64__)
TEST_P(GradientPlanTest, TheEnvironmentLowersTheInstructionSet) {
    setenv("TCONV_ISA", "baseline", 1);
    for (const std::string &name : all_kernels()) {
        if (name.find("_baseline") != std::string::npos)
            continue;
        spec.dtype = dtype_of(name);
        EXPECT_REFUSED(attempt(&spec, which, name.c_str()), TCONV_UNSUPPORTED_CPU, "TCONV_ISA");
    }
    setenv("TCONV_ISA", "sse4", 1);
    EXPECT_REFUSED(attempt(&spec, which), TCONV_INVALID_ARGUMENT, "sse4");
}
#endif

TEST_P(GradientPlanTest, RequirementsOfEveryType) {
    for (const int32_t dtype : dtypes()) {
        spec.dtype = dtype;
        const size_t element = static_cast<size_t>(tconv::element_type(dtype).bytes);
        const tconv::reference::Size out = tconv::reference::output_size(spec);
        for (const int32_t has_bias : {0, 1}) {
            spec.has_bias = has_bias;
            const GradientPlan plan(spec, which);
            EXPECT_EQ(plan.needs.input_bytes, element * 3 * 6 * 5 * 7);
            EXPECT_EQ(plan.needs.filter_bytes, element * 6 * 10 * 4 * 3);
            EXPECT_EQ(plan.needs.bias_bytes, element * 20);
            EXPECT_EQ(plan.needs.output_bytes, element * 3 * 20 * static_cast<size_t>(out.h * out.w));
            EXPECT_EQ(plan.needs.alignment, 64u);
            if (which == TCONV_GRADIENT_INPUT)
                EXPECT_GE(plan.needs.packed_filter_bytes, plan.needs.filter_bytes);
            else
                EXPECT_EQ(plan.needs.packed_filter_bytes, 0u);
            EXPECT_GT(plan.needs.workspace_bytes, 0u);
        }
    }
    const GradientPlan plan(spec, which);
    tconv_requirements needs;
    tconv_requirements_init(&needs, sizeof needs);
    EXPECT_EQ(tconv_gradient_plan_requirements(nullptr, &needs), TCONV_INVALID_ARGUMENT);
    EXPECT_EQ(tconv_gradient_plan_requirements(plan.get(), nullptr), TCONV_INVALID_ARGUMENT);
    needs.struct_size = sizeof needs + 8;
    EXPECT_EQ(tconv_gradient_plan_requirements(plan.get(), &needs), TCONV_INVALID_STRUCT);
}

TEST_P(GradientPlanTest, RunningOutOfMemory) {
    struct Ration {
        int left, live;
        std::string said;
    } ration = {0, 0, ""};
    tconv_hooks hooks;
    tconv_hooks_init(&hooks, sizeof hooks);
    hooks.user = &ration;
    hooks.allocate = [](void *user, size_t alignment, size_t bytes) -> void * {
        auto *const from = static_cast<Ration *>(user);
        if (from->left-- <= 0)
            return nullptr;
        ++from->live;
        return std::aligned_alloc(alignment, (bytes + alignment - 1) / alignment * alignment);
    };
    hooks.release = [](void *user, void *block) {
        --static_cast<Ration *>(user)->live;
        std::free(block);
    };
    hooks.log = [](void *user, tconv_status, const char *message) { static_cast<Ration *>(user)->said += message; };
    int needed = 0;
    for (tconv_status status = TCONV_OUT_OF_MEMORY; status != TCONV_OK; ++needed) {
        ASSERT_LT(needed, 100);
        ration = {needed, 0, ""};
        tconv_gradient_plan *plan = nullptr;
        status = tconv_gradient_plan_create(&spec, which, nullptr, &hooks, &plan);
        if (status == TCONV_OK) {
            EXPECT_EQ(ration.left, 0);
            EXPECT_GT(ration.live, 0);
            tconv_gradient_plan_destroy(plan);
        } else {
            ASSERT_EQ(status, TCONV_OUT_OF_MEMORY);
            EXPECT_EQ(plan, nullptr);
            EXPECT_NE(ration.said.find("hooks.allocate"), std::string::npos) << ration.said;
        }
        EXPECT_EQ(ration.live, 0);
    }
    EXPECT_GT(needed, 1);
}

TEST(GradientPlan, MaxPackedBytesIsABound) {
    for (uint64_t i = 0; i < 100; ++i) {
        Random random(seed_of_case(seed_from_environment(), 410000 + i));
        SpecLimits limits;
        limits.dtype = dtype_of_case(i);
        tconv_spec s = linear(random_legal_spec(random, limits));
        size_t smallest = SIZE_MAX;
        for (const std::string &kernel : kernels_for(s, TCONV_GRADIENT_INPUT))
            smallest = std::min(smallest, GradientPlan(s, TCONV_GRADIENT_INPUT, kernel).needs.packed_filter_bytes);
        for (const size_t bound : {size_t{0}, smallest - 1, smallest, smallest + smallest / 2}) {
            s.max_packed_bytes = static_cast<int64_t>(bound);
            const GradientPlan plan(s, TCONV_GRADIENT_INPUT);
            ASSERT_EQ(plan.status, TCONV_OK) << "something always fits";
            EXPECT_LE(plan.needs.packed_filter_bytes, std::max(bound, smallest)) << text_of(s);
        }
    }
}

}  // namespace
