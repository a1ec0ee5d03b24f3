// The bits of a result depend on the kernel and on the values alone: not on threads or who schedules them, not on how
// a batch is split, where tensors lie, or what their strides are. On random reals, where any other order of
// summation would show.
#include <gtest/gtest.h>

#include <array>
#include <cstdio>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include "random_spec.h"
#include "runner.h"
#include "shape_classes.h"

namespace tconv {
namespace {

using testing::Block;
using testing::Placement;
using testing::Plan;
using testing::Problem;
using testing::Random;
using testing::Runner;
using testing::SpecLimits;
using testing::Tensor;
using Bits = std::vector<uint64_t>;

// Layers of several tasks: what threads and splits can only disturb there.
tconv_spec draw_spec(Random &random, uint64_t index) {
    SpecLimits limits;
    limits.dtype = testing::dtype_of_case(index);
    const double kind = random.unit();
    limits.depthwise = kind < 0.15, limits.winograd = kind > 0.8;
    limits.most_flops = random.chance(0.3) ? 10e6 : 1e6, limits.most_outputs = 40000;
    return testing::random_legal_spec(random, limits);
}

class Determinism : public ::testing::Test {
protected:
    // Calls check(problem, kernel, the bits of a serial run) for every kernel of `layers` random layers. check leaves
    // the problem as it was, its output apart.
    template<typename Check>
    void each_case(uint64_t first, uint64_t layers, Check check) {
        for (uint64_t i = first; i < first + layers && !HasFatalFailure(); ++i) {
            Random random(testing::seed_of_case(seed, i));
            const tconv_spec spec = draw_spec(random, i);
            Problem problem(spec, random.next(), Placement::kDense, testing::reals());
            for (const std::string &kernel : testing::kernels_for(spec)) {
                SCOPED_TRACE("TCONV_SEED=" + std::to_string(seed) + " case " + std::to_string(i) + " " +
                             testing::text_of(spec) + " " + kernel);
                ASSERT_EQ(runner.run(problem, kernel), TCONV_OK) << runner.log;
                check(problem, kernel, problem.output.bits(), random);
                if (HasFatalFailure())
                    return;
            }
        }
    }

    const uint64_t seed = testing::seed_from_environment();
    Runner runner;
};

// As the plan explains itself: "tasks      12 an image, ..." or "tasks      12 for 7 images, ..."
int tasks_of(const tconv_spec &spec, const std::string &kernel) {
    const Plan plan(spec, kernel);
    char text[8192];
    int tasks = 0, images = 1;
    if (plan.status == TCONV_OK && tconv_plan_explain(plan.get(), text, sizeof text) == TCONV_OK) {
        const char *const line = std::strstr(text, "\ntasks ");
        if (line != nullptr)
            std::sscanf(line + 7, "%d for %d images", &tasks, &images);
    }
    return tasks * ((spec.batch + images - 1) / images);
}

TEST_F(Determinism, ThreadsDoNotMatter) {
    int with_several_tasks = 0;
    constexpr int32_t kThreads[] = {1, 2, 3, 7};
    tconv_pool *pools[4];
    for (int i = 0; i < 4; ++i)
        ASSERT_EQ(tconv_pool_create(kThreads[i], &pools[i]), TCONV_OK);
    each_case(1000, 40, [&](Problem &problem, const std::string &kernel, const Bits &serial, Random &) {
        with_several_tasks += tasks_of(problem.spec, kernel) > 1;
        for (int i = 0; i < 4; ++i) {
            Runner threaded;
            threaded.hooks.log = nullptr;  // the pool's user is not the log's
            ASSERT_EQ(tconv_pool_hooks(pools[i], &threaded.hooks), TCONV_OK);
            ASSERT_EQ(threaded.run(problem, kernel), TCONV_OK);
            ASSERT_EQ(problem.output.bits(), serial) << kThreads[i] << " threads";
        }
    });
    EXPECT_GE(with_several_tasks, 50) << "of the cases above, else threads had nothing to disturb";
    for (tconv_pool *pool : pools)
        tconv_pool_destroy(pool);
}

// Other people's pools: tasks in any order.
TEST_F(Determinism, TheOrderOfTasksDoesNotMatter) {
    const auto backwards = [](void *, int32_t count, int (*task)(void *, int32_t), void *arg) {
        int result = 0;
        for (int32_t i = count - 1; i >= 0 && result == 0; --i)
            result = task(arg, i);
        return result;
    };
    each_case(2000, 30, [&](Problem &problem, const std::string &kernel, const Bits &serial, Random &) {
        Runner other;
        other.hooks.parallel_for = backwards;
        other.hooks.concurrency = 5;
        ASSERT_EQ(other.run(problem, kernel), TCONV_OK) << other.log;
        ASSERT_EQ(problem.output.bits(), serial);
    });
}

TEST_F(Determinism, RepeatedRunsAgree) {
    each_case(3000, 20, [&](Problem &problem, const std::string &kernel, const Bits &first, Random &) {
        for (int i = 0; i < 2; ++i) {
            ASSERT_EQ(runner.run(problem, kernel), TCONV_OK) << runner.log;
            ASSERT_EQ(problem.output.bits(), first);
        }
    });
}

// Each image by a plan for one image, from the middle of the batch's tensors.
TEST_F(Determinism, SplittingTheBatchDoesNotMatter) {
    std::vector<tconv_spec> specs;
    for (const testing::ShapeClass &shape : testing::shape_classes()) {
        for (const int32_t dtype : testing::dtypes()) {
            if (std::strstr(shape.name, "ImagesShareWeights") != nullptr)
                specs.push_back(testing::layer(shape.layer, dtype));
        }
    }
    ASSERT_FALSE(specs.empty());
    for (uint64_t i = 0; i < 40; ++i) {
        Random random(testing::seed_of_case(seed, 4000 + i));
        specs.push_back(draw_spec(random, i));
        specs.back().batch = 3;
    }
    for (uint64_t i = 0; i < specs.size(); ++i) {
        Random random(testing::seed_of_case(seed, 4500 + i));
        const tconv_spec spec = specs[i];
        Problem problem(spec, random.next(), Placement::kSlice, testing::reals());
        for (const std::string &kernel : testing::kernels_for(spec)) {
            ASSERT_EQ(runner.run(problem, kernel), TCONV_OK) << runner.log;
            const Bits whole = problem.output.bits();
            problem.output.poison();
            tconv_spec single = spec;
            single.batch = 1;
            const Plan plan(single, kernel);
            ASSERT_EQ(plan.status, TCONV_OK) << testing::text_of(single) << ' ' << kernel;
            Block packed(plan.needs.packed_filter_bytes), workspace(plan.needs.workspace_bytes);
            const tconv_view filter = problem.filter.view();
            ASSERT_EQ(tconv_pack_filter(plan.get(), &filter, packed.data(), packed.size()), TCONV_OK);
            for (int32_t image = 0; image < spec.batch; ++image) {
                tconv_tensors tensors = problem.tensors();
                for (tconv_view *view : {&tensors.input, &tensors.output, &tensors.residual})
                    view->data = static_cast<char *>(view->data) +
                                 image * view->stride[0] * element_type(spec.dtype).bytes;
                tensors.packed_filter = packed.data();
                tensors.workspace = workspace.data(), tensors.workspace_bytes = workspace.size();
                ASSERT_EQ(tconv_run(plan.get(), &tensors), TCONV_OK);
            }
            ASSERT_EQ(problem.output.bits(), whole)
                << "TCONV_SEED=" << seed << " case " << i << ' ' << testing::text_of(spec) << ' ' << kernel;
        }
    }
}

// The same values elsewhere: another order of dimensions, gaps, and distance from a vector's alignment.
Tensor moved(const Tensor &from, const std::array<int, 4> &order, const std::array<int64_t, 4> &gap, int64_t offset) {
    Tensor to(from.dtype(), from.extents(), order, gap, {false, false, false, false}, offset);
    to.assign(from.logical());
    return to;
}

TEST_F(Determinism, AlignmentDoesNotMatter) {
    each_case(5000, 25, [&](Problem &problem, const std::string &kernel, const Bits &bits,
                            Random &random) {
        constexpr std::array<int, 4> kNchw = {0, 1, 2, 3}, kNhwc = {0, 2, 3, 1};
        const std::array<int, 4> &order = problem.spec.layout == TCONV_NCHW ? kNchw : kNhwc;
        const std::pair<Tensor, Tensor> kept = {problem.input, problem.residual};
        for (int i = 0; i < 3; ++i) {
            problem.input = moved(kept.first, order, {0, 0, 0, 0}, 16 + random.below(16));
            problem.residual = moved(kept.second, order, {0, 0, 0, 0}, 16 + random.below(16));
            problem.output = moved(problem.output, order, {0, 0, 0, 0}, 16 + random.below(16));
            ASSERT_EQ(runner.run(problem, kernel), TCONV_OK) << runner.log;
            ASSERT_EQ(problem.output.bits(), bits);
        }
    });
}

TEST_F(Determinism, StridesDoNotMatter) {
    each_case(6000, 40, [&](Problem &problem, const std::string &kernel, const Bits &bits,
                            Random &random) {
        constexpr std::array<int, 4> kOrders[] = {
            {0, 1, 2, 3}, {0, 2, 3, 1}, {3, 0, 2, 1}, {1, 3, 0, 2}, {0, 3, 1, 2}, {2, 1, 0, 3}};
        const auto anywhere = [&](const Tensor &tensor) {
            return moved(tensor, random.pick(kOrders),
                         {random.below(3), random.below(3), random.below(3), random.below(3)}, 16 + random.below(16));
        };
        const std::pair<Tensor, Tensor> kept = {problem.input, problem.residual};
        const Tensor filter = problem.filter;
        problem.input = anywhere(kept.first), problem.residual = anywhere(kept.second);
        problem.output = anywhere(problem.output), problem.filter = anywhere(filter);
        ASSERT_EQ(runner.run(problem, kernel), TCONV_OK) << runner.log;
        ASSERT_EQ(problem.output.bits(), bits);
        ASSERT_TRUE(problem.output.surroundings_intact());
        problem.input = kept.first, problem.residual = kept.second, problem.filter = filter;
    });
}

// The choice is the layer's, not the machine's load: the number of threads does not enter it.
TEST_F(Determinism, TheChoiceDoesNotDependOnThreads) {
    for (uint64_t i = 0; i < 300; ++i) {
        Random random(testing::seed_of_case(seed, 7000 + i));
        const tconv_spec spec = testing::random_legal_spec(random, {.dtype = testing::dtype_of_case(i)});
        const Plan serial(spec);
        ASSERT_EQ(serial.status, TCONV_OK);
        tconv_hooks hooks;
        tconv_hooks_init(&hooks, sizeof hooks);
        hooks.parallel_for = [](void *, int32_t, int (*)(void *, int32_t), void *) { return 1; };
        hooks.concurrency = 64;
        const Plan parallel(spec, "", &hooks);
        ASSERT_EQ(parallel.status, TCONV_OK);
        ASSERT_STREQ(tconv_plan_kernel(serial.get()), tconv_plan_kernel(parallel.get()));
        ASSERT_EQ(parallel.needs.packed_filter_bytes, serial.needs.packed_filter_bytes);
    }
}

}  // namespace
}  // namespace tconv
