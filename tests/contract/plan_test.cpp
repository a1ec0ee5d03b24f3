// tconv_plan_create and what a plan tells: every way to refuse a layer, with its code and a message that names the
// cause; memory only from the hooks; the choice within the caller's bounds.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <set>
#include <string>

#include "attempt.h"
#include "random_spec.h"
#include "reference.h"
#include "runner.h"

namespace {

using namespace tconv::testing;

// tconv_plan_create with a log, and a plan pointer that must stay as it was on failure.
Attempt attempt(const tconv_spec *spec, const char *kernel = nullptr) {
    Attempt result;
    const tconv_hooks hooks = listening(&result.said);
    auto *const untouched = reinterpret_cast<tconv_plan *>(&result);
    tconv_plan *plan = untouched;
    result.status = tconv_plan_create(spec, kernel, &hooks, &plan);
    if (result.status == TCONV_OK) {
        result.kernel = tconv_plan_kernel(plan);
        tconv_plan_destroy(plan);
    } else {
        EXPECT_EQ(plan, untouched) << "a failure leaves the pointer as it was";
    }
    return result;
}

const char *const kLayer = "n1_c6_h5_w7_o20_k4x4_s2x2_p1,1,1,1_op0,0_d1x1_g1_f32_nchw";

class PlanTest : public ::testing::Test {
protected:
    void SetUp() override {
        const char *const isa = std::getenv("TCONV_ISA");
        isa_ = isa != nullptr ? isa : "";
    }
    void TearDown() override {
        isa_.empty() ? unsetenv("TCONV_ISA") : setenv("TCONV_ISA", isa_.c_str(), 1);
        unsetenv("TCONV_VERBOSE");
    }
    tconv_spec spec = layer(kLayer, dtypes().front());

    // What a plan may choose among.
    std::vector<std::string> candidates() const {
        std::vector<std::string> names = all_kernels();
        std::erase_if(names, [&](const std::string &name) { return dtype_of(name) != spec.dtype; });
        return names;
    }

private:
    std::string isa_;
};

TEST_F(PlanTest, NullAndStructs) {
    tconv_plan *plan = nullptr;
    EXPECT_EQ(tconv_plan_create(nullptr, nullptr, nullptr, &plan), TCONV_INVALID_ARGUMENT);
    EXPECT_EQ(tconv_plan_create(&spec, nullptr, nullptr, nullptr), TCONV_INVALID_ARGUMENT);
    EXPECT_REFUSED(attempt(nullptr), TCONV_INVALID_ARGUMENT, "spec");
    tconv_hooks hooks;
    tconv_hooks_init(&hooks, sizeof hooks);
    hooks.struct_size = 3;
    EXPECT_EQ(tconv_plan_create(&spec, nullptr, &hooks, &plan), TCONV_INVALID_STRUCT);
    tconv_hooks_init(&hooks, sizeof hooks);
    hooks.allocate = [](void *, size_t, size_t) -> void * { return nullptr; };
    EXPECT_EQ(tconv_plan_create(&spec, nullptr, &hooks, &plan), TCONV_INVALID_ARGUMENT) << "without release";
    EXPECT_EQ(plan, nullptr);
    tconv_plan_destroy(nullptr);
    EXPECT_EQ(tconv_plan_kernel(nullptr), nullptr);
    tconv_requirements needs;
    tconv_requirements_init(&needs, sizeof needs);
    EXPECT_EQ(tconv_plan_requirements(nullptr, &needs), TCONV_INVALID_ARGUMENT);
    char text[8];
    EXPECT_EQ(tconv_plan_explain(nullptr, text, sizeof text), TCONV_INVALID_ARGUMENT);
}

// Of two mistakes the one that interfaces name first is told: structs, then values, the environment's too, then the shape.
TEST_F(PlanTest, TheFirstMistakeIsTold) {
    tconv_plan *plan = nullptr;
    tconv_hooks hooks;
    tconv_hooks_init(&hooks, sizeof hooks);
    hooks.concurrency = -1;
    tconv_spec bad = spec;
    bad.struct_size = 0;
    EXPECT_EQ(tconv_plan_create(&bad, nullptr, &hooks, &plan), TCONV_INVALID_STRUCT);
    EXPECT_EQ(tconv_plan_create(&bad, nullptr, &hooks, nullptr), TCONV_INVALID_STRUCT);
    setenv("TCONV_VERBOSE", "2", 1);
    EXPECT_REFUSED(attempt(&bad), TCONV_INVALID_STRUCT, "struct_size");
    unsetenv("TCONV_VERBOSE");

    tconv_spec shapeless = spec, large = spec;
    shapeless.output_padding_h = spec.stride_h;
    large.in_h = large.in_w = 1 << 16;
    EXPECT_REFUSED(attempt(&shapeless, "no such kernel"), TCONV_INVALID_SHAPE, "output_padding_h");
    for (const tconv_spec *wrong : {&shapeless, &large}) {
        setenv("TCONV_ISA", "sse9", 1);
        EXPECT_REFUSED(attempt(wrong), TCONV_INVALID_ARGUMENT, "TCONV_ISA");
        unsetenv("TCONV_ISA");
        setenv("TCONV_VERBOSE", "2", 1);
        EXPECT_REFUSED(attempt(wrong), TCONV_INVALID_ARGUMENT, "TCONV_VERBOSE");
        unsetenv("TCONV_VERBOSE");
    }
}

TEST_F(PlanTest, IllegalSpecsAreRefusedByName) {
    const uint64_t seed = seed_from_environment();
    for (uint64_t i = 0; i < 5000; ++i) {
        Random random(seed_of_case(seed, 300000 + i));
        const IllegalSpec bad = random_illegal_spec(random);
        const Attempt result = attempt(&bad.spec);
        ASSERT_EQ(result.status, bad.status) << "TCONV_SEED=" << seed << " case " << i << ' ' << text_of(bad.spec)
                                             << '\n' << result.said;
        ASSERT_NE(result.said.find(bad.field), std::string::npos) << bad.field << " in: " << result.said;
        ASSERT_NE(result.said.find(bad.value), std::string::npos) << bad.value << " in: " << result.said;
    }
}

TEST_F(PlanTest, WhatNoKernelComputesIsUnsupported) {
    for (int32_t dtype = TCONV_F32; dtype <= TCONV_S32; ++dtype) {
        tconv_spec other = spec;
        other.dtype = dtype;
        const bool supported = std::find(dtypes().begin(), dtypes().end(), dtype) != dtypes().end();
        if (supported)
            EXPECT_EQ(attempt(&other).status, TCONV_OK) << dtype;
        else
            EXPECT_REFUSED(attempt(&other), TCONV_UNSUPPORTED, "dtype " + dtype_text(dtype));
        for (const std::string &kernel : usable_kernels()) {
            if (dtype_of(kernel) != dtype)
                EXPECT_REFUSED(attempt(&other, kernel.c_str()), TCONV_UNSUPPORTED, "dtype " + dtype_text(dtype));
        }
    }
    tconv_spec rounded = spec;
    rounded.math = TCONV_MATH_TF32;
    EXPECT_REFUSED(attempt(&rounded), TCONV_UNSUPPORTED, "math tf32");
}

TEST_F(PlanTest, NamedKernels) {
    EXPECT_REFUSED(attempt(&spec, "tconv_f32_magic_avx2"), TCONV_UNSUPPORTED, "'tconv_f32_magic_avx2'");
    EXPECT_EQ(attempt(&spec, "").status, TCONV_UNSUPPORTED);
    for (const char *const text :
         {kLayer, "n1_c6_h5_w7_o20_k2x2_s2x2_p1,1,1,1_op0,0_d1x1_g1_f32_nchw",
          "n1_c6_h5_w7_o20_k7x2_s2x2_p1,1,1,1_op0,0_d1x1_g1_f32_nchw",
          "n1_c6_h5_w7_o20_k4x1_s2x2_p1,1,0,0_op0,1_d1x1_g1_f32_nchw",
          "n1_c6_h5_w7_o20_k4x4_s2x2_p1,1,1,1_op0,0_d1x1_g2_f32_nchw",
          "n1_c6_h5_w7_o20_k4x4_s2x2_p1,1,1,1_op0,0_d1x3_g1_f32_nchw",
          "n1_c6_h5_w7_o20_k4x4_s2x2_p1,1,1,1_op0,0_d1x1_g1_f32_nchw_softmax_last",
          "n1_c6_h5_w7_o20_k4x4_s2x2_p1,1,1,1_op0,0_d1x1_g1_f32_nchw_softmax",
          "n1_c6_h5_w7_o20_k4x4_s2x2_p1,1,1,1_op0,0_d1x1_g1_f32_nchw_strict"}) {
        for (const std::string &name : usable_kernels()) {
            KernelName kernel;
            ASSERT_TRUE(parse_kernel_name(name, &kernel));
            const tconv_spec s = layer(text, dtype_of(name));
            const Attempt result = attempt(&s, name.c_str());
            EXPECT_EQ(result.status, may_refuse(kernel, s) ? TCONV_UNSUPPORTED : TCONV_OK)
                << text << ' ' << name << ' ' << result.said;
            EXPECT_EQ(result.kernel, result.status == TCONV_OK ? name : "");
            const bool says = result.said.find("kernel = '" + name + "' does not compute this layer: ") != std::string::npos;
            EXPECT_EQ(says, result.status != TCONV_OK) << result.said;
        }
    }
    EXPECT_REFUSED(attempt(&spec, "tconv_f64_gather_baseline"), TCONV_UNSUPPORTED, "does not compute this layer: it computes f64, not dtype f32");
    EXPECT_EQ(tconv_kernel_name(-1), nullptr);
    EXPECT_EQ(tconv_kernel_name(tconv_kernel_count()), nullptr);
}

#if defined(__x86_64__)
TEST_F(PlanTest, TheEnvironmentLowersTheInstructionSet) {
    setenv("TCONV_ISA", "baseline", 1);
    int refused = 0;
    for (const std::string &name : all_kernels()) {
        const bool baseline = name.find("_baseline") != std::string::npos;
        if (baseline)
            continue;
        spec.dtype = dtype_of(name);
        EXPECT_REFUSED(attempt(&spec, name.c_str()), TCONV_UNSUPPORTED_CPU, "TCONV_ISA");
        ++refused;
    }
    EXPECT_GT(refused, 0);
    spec.dtype = dtypes().front();
    const Attempt chosen = attempt(&spec);
    EXPECT_EQ(chosen.status, TCONV_OK);
    EXPECT_NE(chosen.kernel.find("_baseline"), std::string::npos) << chosen.kernel;
    for (const char *unknown : {"AVX2", "sse4", "avx2 ", "neon", "0"}) {
        setenv("TCONV_ISA", unknown, 1);
        EXPECT_REFUSED(attempt(&spec), TCONV_INVALID_ARGUMENT, unknown);
    }
}
#endif

TEST_F(PlanTest, VerboseTellsWhyAndWhyNot) {
    setenv("TCONV_VERBOSE", "1", 1);
    const Attempt result = attempt(&spec);
    ASSERT_EQ(result.status, TCONV_OK);
    for (const std::string &name : candidates())
        EXPECT_NE(result.said.find(name), std::string::npos) << name << " is not mentioned";
    EXPECT_NE(result.said.find(std::string("kernel     ") + result.kernel), std::string::npos) << result.said;
    EXPECT_NE(result.said.find("only for groups"), std::string::npos) << "why not depthwise: " << result.said;
    setenv("TCONV_VERBOSE", "yes", 1);
    EXPECT_REFUSED(attempt(&spec), TCONV_INVALID_ARGUMENT, "TCONV_VERBOSE");
    unsetenv("TCONV_VERBOSE");
    EXPECT_EQ(attempt(&spec).said, "") << "silent unless asked";
}

TEST_F(PlanTest, ExplainFitsItsBuffer) {
    const Plan plan(spec);
    char text[8192];
    ASSERT_EQ(tconv_plan_explain(plan.get(), text, sizeof text), TCONV_OK);
    const std::string whole = text;
    for (const std::string &name : candidates())
        EXPECT_NE(whole.find(name), std::string::npos) << name;
    EXPECT_NE(whole.find(text_of(spec)), std::string::npos) << whole;
    for (const size_t capacity : {size_t{1}, size_t{2}, size_t{50}, whole.size(), whole.size() + 1}) {
        std::memset(text, '#', sizeof text);
        ASSERT_EQ(tconv_plan_explain(plan.get(), text, capacity), TCONV_OK);
        EXPECT_EQ(std::strlen(text), std::min(capacity - 1, whole.size()));
        EXPECT_EQ(text[capacity], '#') << "nothing past the capacity";
    }
    EXPECT_EQ(tconv_plan_explain(plan.get(), nullptr, 10), TCONV_INVALID_ARGUMENT);
    EXPECT_EQ(tconv_plan_explain(plan.get(), text, 0), TCONV_INVALID_ARGUMENT);
}

// The environment counts when a plan is created, not when it is explained.
TEST_F(PlanTest, ExplainDoesNotAskTheEnvironment) {
    const Plan plan(spec);
    ASSERT_EQ(plan.status, TCONV_OK);
    char before[16384], after[16384];
    ASSERT_EQ(tconv_plan_explain(plan.get(), before, sizeof before), TCONV_OK);
    for (const char *isa : {"baseline", "sse9"}) {
        setenv("TCONV_ISA", isa, 1);
        EXPECT_EQ(tconv_plan_explain(plan.get(), after, sizeof after), TCONV_OK) << isa;
        EXPECT_STREQ(before, after) << isa;
    }
}

TEST_F(PlanTest, RequirementsOfEveryType) {
    for (const int32_t dtype : dtypes()) {
        spec = layer("n3_c6_h5_w7_o20_k4x3_s2x2_p1,1,1,1_op0,0_d1x1_g2_f32_nhwc", dtype);
        const size_t element = static_cast<size_t>(tconv::element_type(dtype).bytes);
        const Plan plan(spec);
        const tconv::reference::Size out = tconv::reference::output_size(spec);
        EXPECT_EQ(plan.needs.input_bytes, element * 3 * 6 * 5 * 7);
        EXPECT_EQ(plan.needs.filter_bytes, element * 6 * 10 * 4 * 3);
        EXPECT_EQ(plan.needs.bias_bytes, element * 20);
        EXPECT_EQ(plan.needs.output_bytes, element * 3 * 20 * static_cast<size_t>(out.h * out.w));
        EXPECT_GE(plan.needs.packed_filter_bytes, plan.needs.filter_bytes);
        EXPECT_EQ(plan.needs.alignment, 64u);
        spec.has_bias = 0;
        EXPECT_EQ(Plan(spec).needs.bias_bytes, 0u);
    }
}

TEST_F(PlanTest, RequirementsRefuse) {
    const Plan plan(spec);
    tconv_requirements needs;
    EXPECT_EQ(tconv_plan_requirements(plan.get(), nullptr), TCONV_INVALID_ARGUMENT);
    tconv_requirements_init(&needs, sizeof needs);
    needs.struct_size = sizeof needs + 8;
    EXPECT_EQ(tconv_plan_requirements(plan.get(), &needs), TCONV_INVALID_STRUCT);
}

// What each allocation would be is a detail; that each may fail, one after another, is not.
struct Ration {
    int left;
    std::set<void *> live;
};

TEST_F(PlanTest, RunningOutOfMemoryAtEachAllocation) {
    tconv_hooks hooks;
    tconv_hooks_init(&hooks, sizeof hooks);
    hooks.allocate = [](void *user, size_t alignment, size_t bytes) -> void * {
        auto *const ration = static_cast<Ration *>(user);
        if (ration->left-- <= 0)
            return nullptr;
        void *const block = std::aligned_alloc(alignment, (bytes + alignment - 1) / alignment * alignment);
        ration->live.insert(block);
        return block;
    };
    hooks.release = [](void *user, void *block) {
        EXPECT_EQ(static_cast<Ration *>(user)->live.erase(block), 1u);
        std::free(block);
    };
    int needed = 0;
    for (;; ++needed) {
        Ration ration = {needed, {}};
        hooks.user = &ration;
        tconv_plan *plan = nullptr;
        const tconv_status status = tconv_plan_create(&spec, nullptr, &hooks, &plan);
        if (status == TCONV_OK) {
            EXPECT_EQ(ration.left, 0);
            tconv_plan_destroy(plan);
            EXPECT_TRUE(ration.live.empty());
            break;
        }
        ASSERT_EQ(status, TCONV_OUT_OF_MEMORY);
        EXPECT_EQ(plan, nullptr);
        EXPECT_TRUE(ration.live.empty()) << "what was allocated before the failure is released";
        ASSERT_LT(needed, 100);
    }
    EXPECT_GE(needed, 1);
}

// What is planned does not grow with the number of phases: these would take minutes.
TEST_F(PlanTest, StridesOfBillions) {
    for (const char *text : {"n1_c1_h2_w2_o1_k3x3_s100000000x1_p0,0,0,0_op0,0_d1x1_g1_f32_nchw",
                             "n1_c1_h2_w1_o1_k3x1_s1000000000x1_p0,0,0,0_op0,0_d1x1_g1_f32_nchw",
                             "n1_c1_h1_w1_o1_k1x3_s1x400000000_p0,0,0,-1000000000_op0,0_d1x1_g1_f32_nhwc"}) {
        tconv_spec steep = layer(text, spec.dtype);
        const Plan plan(steep);
        ASSERT_TRUE(plan.status == TCONV_OK || (plan.status == TCONV_UNSUPPORTED && !has_gather())) << text;
        char explained[16384];
        if (plan.status != TCONV_OK)
            continue;
        EXPECT_EQ(tconv_plan_explain(plan.get(), explained, sizeof explained), TCONV_OK) << text;
    }
}

TEST_F(PlanTest, WorkspacesOfTooManyThreads) {
    const tconv_spec wide = layer("n1_c1_h1_w1_o400000000_k1x1_s1x1_p0,0,0,0_op0,0_d1x1_g1_f32_nchw_softmax", spec.dtype);
    std::string said;
    tconv_hooks hooks = listening(&said);
    hooks.parallel_for = [](void *, int32_t, int (*)(void *, int32_t), void *) { return 0; };
    const Plan one(wide, "", &hooks);
    ASSERT_EQ(one.status, TCONV_OK) << said;
    hooks.concurrency = std::numeric_limits<int32_t>::max();
    if (static_cast<double>(one.needs.workspace_bytes) * hooks.concurrency < 0x1p63)
        GTEST_SKIP() << "[SKIP] these kernels need less scratch";
    const Plan many(wide, "", &hooks);
    EXPECT_EQ(many.status, TCONV_SIZE_OVERFLOW);
    EXPECT_NE(said.find("hooks.concurrency is 2147483647"), std::string::npos) << said;
}

TEST_F(PlanTest, MaxPackedBytesIsABoundOnWhatTheCallerAllocates) {
    const uint64_t seed = seed_from_environment();
    int bounded = 0;
    for (uint64_t i = 0; i < 200; ++i) {
        Random random(seed_of_case(seed, 400000 + i));
        SpecLimits limits;
        limits.dtype = dtype_of_case(i);
        const double kind = random.unit();
        limits.depthwise = kind < 0.15, limits.winograd = kind > 0.8;
        tconv_spec s = random_legal_spec(random, limits);
        size_t smallest = SIZE_MAX, largest = 0;
        for (const std::string &kernel : kernels_for(s)) {
            const Plan plan(s, kernel);
            ASSERT_EQ(plan.status, TCONV_OK);
            smallest = std::min(smallest, plan.needs.packed_filter_bytes);
            largest = std::max(largest, plan.needs.packed_filter_bytes);
        }
        for (const size_t bound : {size_t{0}, smallest - 1, smallest, (smallest + largest) / 2, largest}) {
            s.max_packed_bytes = static_cast<int64_t>(bound);
            const Plan plan(s);
            ASSERT_EQ(plan.status, TCONV_OK) << "something always fits";
            if (bound < smallest)
                EXPECT_EQ(plan.needs.packed_filter_bytes, smallest) << text_of(s);
            else
                EXPECT_LE(plan.needs.packed_filter_bytes, bound) << text_of(s);
        }
        bounded += smallest < largest;
    }
    EXPECT_GT(bounded, 100) << "else the bound decided nothing";
}

}  // namespace
