// Blocks for several threads: enough tasks where one had been fastest for one thread, and nothing else changed.
#include "thread_cut.h"

#include <gtest/gtest.h>

#include <string>

#include "geometry.h"
#include "image_groups.h"
#include "random.h"
#include "random_spec.h"
#include "runner.h"

namespace tconv {
namespace {

int64_t tasks_of(const tconv_spec &spec, const Choice &choice) {
    return ImageGroups(choice.blocking.params, spec.batch).count() * choice.blocking.tasks;
}

// Cycles until the last thread is done.
double cycles_of(const tconv_spec &spec, const Choice &choice, int32_t threads) {
    const int64_t tasks = tasks_of(spec, choice), turns = (tasks + threads - 1) / threads;
    return choice.cost.cycles * static_cast<double>(turns) / static_cast<double>(tasks);
}

bool choose(const tconv_spec &spec, const Kernel &kernel, const Cut &cut, Choice *choice) {
    Message ignored(nullptr, 0);
    *choice = {&kernel, {}, {}, Basis::estimate, cut};
    if (block_layer(spec, Direction::output, kernel, &choice->blocking, ignored, cut) != TCONV_OK)
        return false;
    choice->cost = cost_of(spec, kernel, choice->blocking, 1);
    return true;
}

// As tuned rows have them: all lanes and positions of an image, which one thread is fastest by, in one task.
TEST(ThreadCut, OneTaskBecomesSeveral) {
    const std::string text = "n1_c512_h8_w8_o512_k4x4_s1x1_p1,1,2,2_op0,0_d1x1_g1_f32_nhwc";
    int seen = 0;
    for (const Kernel &kernel : kernels()) {
        const tconv_spec spec = testing::layer(text, kernel.dtype);
        Choice choice;
        if (kernel.family == Family::gather || !choose(spec, kernel, {8, 8, 8}, &choice) || tasks_of(spec, choice) > 1)
            continue;
        seen++;
        const int64_t packed = choice.blocking.packed_bytes;
        Choice serial = choice;
        cut_for_threads(spec, 1, 1, &serial);
        EXPECT_EQ(tasks_of(spec, serial), 1) << kernel.name;
        for (const int threads : {2, 4}) {
            Choice shared = choice;
            cut_for_threads(spec, threads, 1, &shared);
            EXPECT_GE(tasks_of(spec, shared), threads) << kernel.name;
            EXPECT_EQ(shared.blocking.packed_bytes, packed) << kernel.name;
            EXPECT_EQ(shared.kernel, &kernel);
        }
    }
    if (seen == 0)
        GTEST_SKIP() << "[SKIP] no kernel of this library makes one task of this layer";
}

TEST(ThreadCut, TinyLayersStayWhole) {
    for (const Kernel &kernel : kernels()) {
        const tconv_spec spec = testing::layer("n1_c4_h3_w3_o4_k4x4_s2x2_p1,1,1,1_op0,0_d1x1_g1_f32_nchw", kernel.dtype);
        Choice choice;
        if (kernel.family == Family::gather || !choose(spec, kernel, {}, &choice))
            continue;
        const int64_t before = tasks_of(spec, choice);
        cut_for_threads(spec, 16, 1, &choice);
        EXPECT_EQ(tasks_of(spec, choice), before) << kernel.name;
    }
}

// Whatever the layer: finished no later by the cost model, the same packed filter, no more scratch.
TEST(ThreadCut, RandomLayersKeepTheirFilter) {
    const uint64_t seed = testing::seed_from_environment();
    int cut_again = 0;
    for (uint64_t i = 0; i < 300; i++) {
        testing::Random random(testing::seed_of_case(seed, i));
        testing::SpecLimits limits;
        limits.dtype = testing::dtype_of_case(i);
        limits.winograd = random.chance(0.3);
        tconv_spec spec = testing::random_legal_spec(random, limits);
        spec.batch = static_cast<int32_t>(random.range(1, 3));
        const auto threads = static_cast<int32_t>(random.range(2, 64));
        for (const Kernel &kernel : kernels()) {
            Choice before;
            if (kernel.dtype != spec.dtype || !choose(spec, kernel, {}, &before))
                continue;
            Choice after = before;
            cut_for_threads(spec, threads, 1, &after);
            const std::string where = "TCONV_SEED=" + std::to_string(seed) + " case " + std::to_string(i) + " " +
                                      testing::text_of(spec) + " " + kernel.name;
            EXPECT_EQ(after.blocking.packed_bytes, before.blocking.packed_bytes) << where;
            EXPECT_LE(after.blocking.scratch_bytes, before.blocking.scratch_bytes) << where;
            // 18 tasks may suit 18 threads better than 20 do.
            EXPECT_LE(cycles_of(spec, after, threads), cycles_of(spec, before, threads)) << where;
            cut_again += tasks_of(spec, after) != tasks_of(spec, before);
        }
    }
    EXPECT_GT(cut_again, 50);
}

}  // namespace
}  // namespace tconv
