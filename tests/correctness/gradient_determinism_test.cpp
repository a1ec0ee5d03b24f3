// The bits of a gradient depend on the kernel and on the values alone: not on threads or who schedules them, nor on
// alignment or strides, and those of the input's gradient not on the batch. On random reals, where any other order of
// summation would show.
#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

#include "gradient_runner.h"
#include "random_spec.h"

namespace tconv {
namespace {

using testing::Block;
using testing::GradientPlan;
using testing::GradientProblem;
using testing::GradientRunner;
using testing::Placement;
using testing::Random;
using testing::SpecLimits;
using testing::Tensor;
using Bits = std::vector<uint64_t>;

// Half of them with enough positions, of several images, for many blocks and splits.
tconv_spec draw_spec(Random &random, uint64_t index) {
    SpecLimits limits;
    limits.dtype = testing::dtype_of_case(index);
    limits.activations = false;
    limits.depthwise = random.chance(0.15);
    limits.most_flops = random.chance(0.5) ? 4e6 : 1e6, limits.most_outputs = 100000;
    tconv_spec spec = testing::linear(testing::random_legal_spec(random, limits));
    if (random.chance(0.5))
        spec.batch = static_cast<int32_t>(random.range(2, 5));
    return spec;
}

class GradientBits : public ::testing::TestWithParam<int32_t> {
protected:
    // Calls check(problem, kernel, the bits of a serial run) for every kernel that computes this gradient. check leaves
    // the problem as it was, its result apart.
    template<typename Check>
    void each_case(uint64_t first, uint64_t layers, Check check) {
        for (uint64_t i = first; i < first + layers && !HasFatalFailure(); ++i) {
            Random random(testing::seed_of_case(seed, i));
            const tconv_spec spec = draw_spec(random, i);
            GradientProblem problem(spec, which, random.next(), Placement::kDense, testing::reals());
            for (const std::string &kernel : testing::kernels_for(spec, which)) {
                SCOPED_TRACE("TCONV_SEED=" + std::to_string(seed) + " case " + std::to_string(i) + " " +
                             testing::text_of(spec) + " " + kernel);
                ASSERT_EQ(runner.run(problem, kernel), TCONV_OK) << runner.log;
                check(problem, kernel, problem.result().bits(), random);
                if (HasFatalFailure())
                    return;
            }
        }
    }

    const int32_t which = GetParam();
    const uint64_t seed = testing::seed_from_environment();
    GradientRunner runner;
};

INSTANTIATE_TEST_SUITE_P(Of, GradientBits, ::testing::ValuesIn(testing::kGradients),
                         [](const auto &info) { return std::string(testing::gradient_text(info.param)); });

TEST_P(GradientBits, ThreadsDoNotMatter) {
    constexpr int32_t kThreads[] = {1, 2, 3, 7};
    tconv_pool *pools[4];
    for (int i = 0; i < 4; ++i)
        ASSERT_EQ(tconv_pool_create(kThreads[i], &pools[i]), TCONV_OK);
    each_case(21000, 40, [&](GradientProblem &problem, const std::string &kernel, const Bits &serial, Random &) {
        for (int i = 0; i < 4; ++i) {
            GradientRunner threaded;
            threaded.hooks.log = nullptr;  // the pool's user is not the log's
            ASSERT_EQ(tconv_pool_hooks(pools[i], &threaded.hooks), TCONV_OK);
            ASSERT_EQ(threaded.run(problem, kernel), TCONV_OK);
            ASSERT_EQ(problem.result().bits(), serial) << kThreads[i] << " threads";
        }
    });
    for (tconv_pool *pool : pools)
        tconv_pool_destroy(pool);
}

// Other people's pools: the last slot takes all tasks, or each call of the pool runs them in another order.
TEST_P(GradientBits, PoolsDoNotMatter) {
    const auto backwards = [](void *, int32_t count, int (*task)(void *, int32_t), void *arg) {
        int result = 0;
        for (int32_t i = count - 1; i >= 0 && result == 0; --i)
            result = task(arg, i);
        return result;
    };
    each_case(22000, 30, [&](GradientProblem &problem, const std::string &kernel, const Bits &serial, Random &) {
        for (const int32_t concurrency : {1, 2, 3, 7}) {
            GradientRunner other;
            other.hooks.parallel_for = backwards;
            other.hooks.concurrency = concurrency;
            ASSERT_EQ(other.run(problem, kernel), TCONV_OK) << other.log;
            ASSERT_EQ(problem.result().bits(), serial) << concurrency;
        }
    });
}

TEST_P(GradientBits, WhatMemoryHeldDoesNotMatter) {
    each_case(23000, 20, [&](GradientProblem &problem, const std::string &kernel, const Bits &first, Random &) {
        for (const uint64_t pattern : {uint64_t{0}, testing::kAllOnes, uint64_t{0x3ff0000041100000}}) {
            GradientRunner other;
            other.pattern = pattern;
            ASSERT_EQ(other.run(problem, kernel), TCONV_OK) << other.log;
            ASSERT_EQ(problem.result().bits(), first) << std::hex << pattern;
        }
    });
}

// The same values elsewhere: dimensions in any order, gaps, flips of the filter, another distance from alignment.
TEST_P(GradientBits, StridesAndAlignmentDoNotMatter) {
    each_case(24000, 40, [&](GradientProblem &problem, const std::string &kernel, const Bits &bits, Random &random) {
        constexpr Placement kPlacements[] = {Placement::kDense, Placement::kOther, Placement::kSlice,
                                             Placement::kShuffled};
        for (int i = 0; i < 3; ++i) {
            GradientProblem moved(problem.spec, which, random.next(), random.pick(kPlacements));
            moved.input.assign(problem.input.logical());
            moved.filter.assign(problem.filter.logical());
            moved.output_gradient.assign(problem.output_gradient.logical());
            ASSERT_EQ(runner.run(moved, kernel), TCONV_OK) << runner.log;
            ASSERT_EQ(moved.result().bits(), bits);
        }
    });
}

// One order of summation for every kernel of an instruction set, so that a plan's choice, and with it the layout it was
// made for, does not show in the bits.
TEST(InputGradientBits, TheKernelDoesNotMatter) {
    const uint64_t seed = testing::seed_from_environment();
    GradientRunner runner;
    for (uint64_t i = 0; i < 100; ++i) {
        Random random(testing::seed_of_case(seed, 26000 + i));
        const tconv_spec spec = draw_spec(random, i);
        GradientProblem problem(spec, TCONV_GRADIENT_INPUT, random.next(), Placement::kDense, testing::reals());
        std::map<std::string, Bits> of_isa;
        for (const std::string &kernel : testing::kernels_for(spec, TCONV_GRADIENT_INPUT)) {
            testing::KernelName parsed;
            ASSERT_TRUE(testing::parse_kernel_name(kernel, &parsed));
            ASSERT_EQ(runner.run(problem, kernel), TCONV_OK) << runner.log;
            const Bits bits = problem.input_gradient.bits();
            const Bits &first = of_isa.emplace(parsed.isa, bits).first->second;
            ASSERT_EQ(bits, first) << "TCONV_SEED=" << seed << " case " << i << ' ' << testing::text_of(spec) << ' '
                                   << kernel;
        }
    }
}

// Each image by a plan for one image, from the middle of the batch's tensors.
TEST(InputGradientBits, TheBatchDoesNotMatter) {
    const uint64_t seed = testing::seed_from_environment();
    GradientRunner runner;
    for (uint64_t i = 0; i < 40; ++i) {
        Random random(testing::seed_of_case(seed, 25000 + i));
        tconv_spec spec = draw_spec(random, i), single = spec;
        spec.batch = 3, single.batch = 1;
        GradientProblem problem(spec, TCONV_GRADIENT_INPUT, random.next(), Placement::kSlice, testing::reals());
        for (const std::string &kernel : testing::kernels_for(spec, TCONV_GRADIENT_INPUT)) {
            ASSERT_EQ(runner.run(problem, kernel), TCONV_OK) << runner.log;
            const Bits whole = problem.input_gradient.bits();
            problem.input_gradient.poison();
            const GradientPlan plan(single, TCONV_GRADIENT_INPUT, kernel);
            ASSERT_EQ(plan.status, TCONV_OK) << testing::text_of(single) << ' ' << kernel;
            Block packed(plan.needs.packed_filter_bytes), workspace(plan.needs.workspace_bytes);
            const tconv_view filter = problem.filter.view();
            ASSERT_EQ(tconv_gradient_pack_filter(plan.get(), &filter, packed.data(), packed.size()), TCONV_OK);
            for (int32_t image = 0; image < 3; ++image) {
                tconv_gradient_tensors tensors = problem.tensors();
                for (tconv_view *view : {&tensors.output_gradient, &tensors.input_gradient})
                    view->data =
                        static_cast<char *>(view->data) + image * view->stride[0] * element_type(spec.dtype).bytes;
                tensors.packed_filter = packed.data();
                tensors.workspace = workspace.data(), tensors.workspace_bytes = workspace.size();
                ASSERT_EQ(tconv_gradient_run(plan.get(), &tensors), TCONV_OK);
            }
            ASSERT_EQ(problem.input_gradient.bits(), whole)
                << "TCONV_SEED=" << seed << " case " << i << ' ' << testing::text_of(spec) << ' ' << kernel;
        }
    }
}

}  // namespace
}  // namespace tconv
