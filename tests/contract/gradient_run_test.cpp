// tconv_gradient_run: every way to refuse a call, with nothing written; what may and may not alias; what it leaves
// alone; and one plan in the hands of many threads.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <functional>
#include <limits>
#include <string>
#include <thread>
#include <tuple>
#include <vector>

#include "gradient_runner.h"
#include "random_spec.h"

namespace {

using namespace tconv::testing;
using Change = std::function<void(tconv_gradient_tensors *)>;

// One gradient of a layer, ready to run, in each element type.
class GradientRunTest : public ::testing::TestWithParam<std::tuple<int32_t, int32_t>> {
protected:
    void SetUp() override {
        ASSERT_EQ(plan.status, TCONV_OK);
        good = problem.tensors();
        if (which == TCONV_GRADIENT_INPUT) {
            const tconv_view filter = problem.filter.view();
            ASSERT_EQ(tconv_gradient_pack_filter(plan.get(), &filter, packed.data(), packed.size()), TCONV_OK);
            good.packed_filter = packed.data();
        }
        good.workspace = workspace.data();
        good.workspace_bytes = workspace.size();
        said.clear();
    }

    // Runs with tensors changed by `change`; a failure must say `names` and leave result and workspace as they were.
    tconv_status run(const Change &change, const std::string &names) {
        said.clear();
        problem.result().poison();
        workspace.fill(kAllOnes);
        tconv_gradient_tensors tensors = good;
        change(&tensors);
        const std::vector<uint64_t> result = problem.result().bits();
        const std::vector<unsigned char> scratch(workspace.bytes(), workspace.bytes() + workspace.size());
        const tconv_status status = tconv_gradient_run(plan.get(), &tensors);
        if (status != TCONV_OK) {
            EXPECT_NE(said.find(names), std::string::npos) << '"' << said << "\" should name " << names;
            EXPECT_EQ(problem.result().bits(), result) << "a failure writes nothing";
            EXPECT_EQ(std::memcmp(scratch.data(), workspace.bytes(), scratch.size()), 0) << "nor in the workspace";
        }
        return status;
    }

    // The views that this gradient uses, by name; the result first, unless that is the bias's.
    struct Named {
        const char *name;
        tconv_view tconv_gradient_tensors::*view;
    };
    std::vector<Named> views() const {
        switch (which) {
            case TCONV_GRADIENT_INPUT:
                return {{"input_gradient", &tconv_gradient_tensors::input_gradient},
                        {"output_gradient", &tconv_gradient_tensors::output_gradient}};
            case TCONV_GRADIENT_FILTER:
                return {{"filter_gradient", &tconv_gradient_tensors::filter_gradient},
                        {"output_gradient", &tconv_gradient_tensors::output_gradient},
                        {"input", &tconv_gradient_tensors::input}};
            default:
                return {{"output_gradient", &tconv_gradient_tensors::output_gradient}};
        }
    }

    static void *moved(const void *p, int64_t bytes) { return static_cast<char *>(const_cast<void *>(p)) + bytes; }

    const int32_t which = std::get<0>(GetParam()), dtype = std::get<1>(GetParam());
    std::string said;
    const tconv_hooks hooks = listening(&said);
    const tconv_spec spec = layer("n2_c6_h5_w7_o20_k4x3_s2x2_p1,1,1,1_op0,0_d1x1_g2_f32_nchw", dtype);
    const int element = tconv::element_type(dtype).bytes;
    GradientProblem problem{spec, which, 1};
    const GradientPlan plan{spec, which, "", &hooks};
    Block packed{plan.needs.packed_filter_bytes}, workspace{plan.needs.workspace_bytes};
    tconv_gradient_tensors good;
};

INSTANTIATE_TEST_SUITE_P(Of, GradientRunTest,
                         ::testing::Combine(::testing::ValuesIn(kGradients), ::testing::ValuesIn(dtypes())),
                         [](const auto &info) {
                             return std::string(gradient_text(std::get<0>(info.param))) + "_" +
                                    dtype_text(std::get<1>(info.param));
                         });

TEST_P(GradientRunTest, ARunThatIsRight) {
    ASSERT_EQ(run([](tconv_gradient_tensors *) {}, ""), TCONV_OK) << said;
    EXPECT_EQ(problem.compare(problem.expected()), "");
    EXPECT_EQ(said, "");
    EXPECT_TRUE(workspace.guards_intact() && packed.guards_intact());
}

TEST_P(GradientRunTest, NullAndStructSize) {
    EXPECT_EQ(tconv_gradient_run(nullptr, &good), TCONV_INVALID_ARGUMENT);
    EXPECT_EQ(tconv_gradient_run(plan.get(), nullptr), TCONV_INVALID_ARGUMENT);
    EXPECT_EQ(said, "tensors is NULL\n");
    for (const size_t size : {size_t{0}, sizeof good - 8, sizeof good + 8})
        EXPECT_EQ(run([&](auto *t) { t->struct_size = size; }, "struct_size"), TCONV_INVALID_STRUCT) << size;
    for (const Named &view : views())
        EXPECT_EQ(run([&](auto *t) { (t->*view.view).data = nullptr; }, view.name), TCONV_INVALID_ARGUMENT);
    EXPECT_EQ(run([](auto *t) { t->workspace = nullptr; }, "workspace = NULL"), TCONV_INVALID_ARGUMENT);
    if (which == TCONV_GRADIENT_INPUT) {
        EXPECT_EQ(run([](auto *t) { t->packed_filter = nullptr; }, "packed_filter = NULL"), TCONV_INVALID_ARGUMENT);
    }
    if (which == TCONV_GRADIENT_BIAS) {
        EXPECT_EQ(run([](auto *t) { t->bias_gradient = nullptr; }, "bias_gradient = NULL"), TCONV_INVALID_ARGUMENT);
    }
}

TEST_P(GradientRunTest, WorkspaceTooSmall) {
    for (const size_t bytes : {size_t{0}, size_t{64}, workspace.size() - 1}) {
        EXPECT_EQ(run([&](auto *t) { t->workspace_bytes = std::min(bytes, workspace.size() - 1); },
                      std::to_string(workspace.size())),
                  TCONV_WORKSPACE_TOO_SMALL);
    }
    EXPECT_EQ(run([](auto *t) { t->workspace_bytes = SIZE_MAX; }, ""), TCONV_OK);
}

TEST_P(GradientRunTest, Misaligned) {
    for (const int bytes : {4, 16, 32}) {
        EXPECT_EQ(run([&](auto *t) { t->workspace = moved(t->workspace, bytes); }, "workspace"), TCONV_MISALIGNED);
        if (which == TCONV_GRADIENT_INPUT) {
            EXPECT_EQ(run([&](auto *t) { t->packed_filter = moved(t->packed_filter, bytes); }, "packed_filter"),
                      TCONV_MISALIGNED);
        }
    }
    for (int bytes = 1; bytes < element; ++bytes) {
        for (const Named &view : views()) {
            EXPECT_EQ(run([&](auto *t) { (t->*view.view).data = moved((t->*view.view).data, bytes); }, view.name),
                      TCONV_MISALIGNED);
        }
        if (which == TCONV_GRADIENT_BIAS) {
            EXPECT_EQ(run([&](auto *t) { t->bias_gradient = moved(t->bias_gradient, bytes); }, "bias_gradient"),
                      TCONV_MISALIGNED);
        }
    }
}

TEST_P(GradientRunTest, TheFirstMistakeIsTold) {
    const auto odd = [](const void *p) { return static_cast<char *>(const_cast<void *>(p)) + 1; };
    EXPECT_EQ(run(
                  [&](tconv_gradient_tensors *t) {
                      t->output_gradient.data = odd(t->output_gradient.data), t->workspace = nullptr;
                  },
                  "workspace"),
              TCONV_INVALID_ARGUMENT);
    EXPECT_EQ(run(
                  [&](tconv_gradient_tensors *t) {
                      t->output_gradient.stride[1] = int64_t{1} << 40, t->workspace_bytes = 0;
                  },
                  "output_gradient"),
              TCONV_SIZE_OVERFLOW);
    EXPECT_EQ(run([&](tconv_gradient_tensors *t) { t->workspace = odd(t->workspace), t->workspace_bytes = 0; },
                  "workspace_bytes"),
              TCONV_WORKSPACE_TOO_SMALL);
}

TEST_P(GradientRunTest, StridesThatCannotBe) {
    for (const Named &view : views()) {
        const bool filter = std::string(view.name) == "filter_gradient";
        const auto stride = [&](int d, int64_t value) {
            return run([&](auto *t) { (t->*view.view).stride[d] = value; }, view.name);
        };
        if (!filter) {
            EXPECT_EQ(stride(3, -1), TCONV_INVALID_ARGUMENT) << view.name;
        }
        EXPECT_EQ(stride(2, int64_t{1} << 30), TCONV_SIZE_OVERFLOW) << view.name;
        EXPECT_EQ(stride(0, std::numeric_limits<int64_t>::max() / 2), TCONV_SIZE_OVERFLOW) << view.name;
        EXPECT_EQ(stride(0, std::numeric_limits<int64_t>::min()), filter ? TCONV_SIZE_OVERFLOW : TCONV_INVALID_ARGUMENT)
            << view.name;
    }
    if (which == TCONV_GRADIENT_BIAS)
        return;
    // What is written has distinct elements, also where a filter's strides are negative.
    const Named written = views().front();
    for (int d = 0; d < 4; ++d) {
        EXPECT_EQ(run([&](auto *t) { (t->*written.view).stride[d] = 0; }, "overlap"), TCONV_INVALID_ARGUMENT) << d;
    }
    EXPECT_EQ(run([&](auto *t) { (t->*written.view).stride[2] = 1; }, "overlap"), TCONV_INVALID_ARGUMENT);
    if (which == TCONV_GRADIENT_FILTER) {
        EXPECT_EQ(run([](auto *t) { t->filter_gradient.stride[2] = -1; }, "overlap"), TCONV_INVALID_ARGUMENT);
        EXPECT_EQ(run([](auto *t) { t->filter_gradient.stride[0] *= -1, t->filter_gradient.stride[1] = 0; }, "overlap"),
                  TCONV_INVALID_ARGUMENT);
    }
}

TEST_P(GradientRunTest, WhatIsWrittenMayOverlapNothing) {
    Block buffer(1 << 20, 0);  // room for any tensor
    void *const at = buffer.data();
    const auto refused = [&](const Change &change, const std::string &names) {
        EXPECT_EQ(run(change, names), TCONV_INVALID_ARGUMENT) << names;
    };
    const char *const names[] = {"input_gradient", "filter_gradient", "bias_gradient"};
    const std::string result = names[which];
    const auto place_result = [&](tconv_gradient_tensors *t, void *data) {
        if (which == TCONV_GRADIENT_BIAS)
            t->bias_gradient = data;
        else
            (t->*views().front().view).data = data;
    };
    for (const Named &view : views()) {
        if (view.name == result)
            continue;
        refused([&](auto *t) { place_result(t, (t->*view.view).data = at); }, result + " overlaps " + view.name);
        refused([&](auto *t) { (t->*view.view).data = t->workspace = at; },
                std::string("workspace overlaps ") + view.name);
    }
    refused([&](auto *t) { place_result(t, at), t->workspace = at; }, result + " overlaps workspace");
    // The last byte of one is enough.
    refused(
        [&](auto *t) {
            t->workspace = moved(at, 64);
            place_result(t, moved(at, 64 + static_cast<int64_t>(workspace.size()) - element));
        },
        result + " overlaps workspace");
    if (which == TCONV_GRADIENT_INPUT) {
        std::memcpy(at, packed.data(), packed.size());
        refused([&](auto *t) { t->packed_filter = at, place_result(t, at); }, "input_gradient overlaps packed_filter");
        refused([&](auto *t) { t->packed_filter = t->workspace = at; }, "workspace overlaps packed_filter");
    }
}

TEST_P(GradientRunTest, AFailingPoolIsAnInternalError) {
    tconv_hooks failing = hooks;
    for (const auto pool : {+[](void *, int32_t, int (*)(void *, int32_t), void *) { return 7; },
                            +[](void *, int32_t count, int (*task)(void *, int32_t), void *arg) {
                                for (int32_t i = 0; i < count; ++i)
                                    task(arg, i);
                                return -1;
                            }}) {
        failing.parallel_for = pool;
        const GradientPlan broken(spec, which, "", &failing);
        said.clear();
        EXPECT_EQ(tconv_gradient_run(broken.get(), &good), TCONV_INTERNAL);
        EXPECT_NE(said.find(tconv_gradient_plan_kernel(broken.get())), std::string::npos) << said;
    }
}

// What this gradient does not read may be rubbish, and is not written.
TEST_P(GradientRunTest, WhatItDoesNotUseIsNotLookedAt) {
    const std::vector<uint64_t> input = problem.input.bits(), filter = problem.filter.bits(),
                                gradient = problem.output_gradient.bits();
    const std::vector<unsigned char> blob(packed.bytes(), packed.bytes() + packed.size());
    void *const rubbish = reinterpret_cast<void *>(uintptr_t{3});
    const auto spoil = [&](tconv_gradient_tensors *t) {
        if (which != TCONV_GRADIENT_INPUT)
            t->input_gradient = {rubbish, {-1, -1, 0, 0}}, t->packed_filter = rubbish;
        if (which != TCONV_GRADIENT_FILTER)
            t->input = t->filter_gradient = {rubbish, {0, 0, std::numeric_limits<int64_t>::max(), 0}};
        if (which != TCONV_GRADIENT_BIAS)
            t->bias_gradient = rubbish;
    };
    ASSERT_EQ(run(spoil, ""), TCONV_OK) << said;
    EXPECT_EQ(problem.compare(problem.expected()), "");
    EXPECT_EQ(problem.input.bits(), input);
    EXPECT_EQ(problem.filter.bits(), filter);
    EXPECT_EQ(problem.output_gradient.bits(), gradient);
    EXPECT_TRUE(std::equal(blob.begin(), blob.end(), packed.bytes()));
    EXPECT_TRUE(problem.input.surroundings_intact() && problem.output_gradient.surroundings_intact());
}

TEST_P(GradientRunTest, AnEmptyBatch) {
    tconv_spec empty = spec;
    empty.batch = 0;
    const GradientPlan none(empty, which);
    ASSERT_EQ(none.status, TCONV_OK);
    tconv_gradient_tensors tensors;
    tconv_gradient_tensors_init(&tensors, sizeof tensors);
    // FILTER and BIAS write zeros, and want what they write with.
    EXPECT_EQ(tconv_gradient_run(none.get(), &tensors),
              which == TCONV_GRADIENT_INPUT ? TCONV_OK : TCONV_INVALID_ARGUMENT);
    tensors.filter_gradient = good.filter_gradient, tensors.bias_gradient = good.bias_gradient;
    Block scratch(none.needs.workspace_bytes);
    tensors.workspace = scratch.data(), tensors.workspace_bytes = scratch.size();
    EXPECT_EQ(tconv_gradient_run(none.get(), &tensors), TCONV_OK);
    tensors.struct_size = 1;
    EXPECT_EQ(tconv_gradient_run(none.get(), &tensors), TCONV_INVALID_STRUCT);
}

TEST_P(GradientRunTest, OnePlanServesManyThreadsAtOnce) {
    tconv_pool *pool = nullptr;
    ASSERT_EQ(tconv_pool_create(3, &pool), TCONV_OK);
    tconv_hooks shared;
    tconv_hooks_init(&shared, sizeof shared);
    ASSERT_EQ(tconv_pool_hooks(pool, &shared), TCONV_OK);
    {
        const GradientPlan of_all(spec, which, tconv_gradient_plan_kernel(plan.get()), &shared);
        std::vector<int> wrong(6, 0);
        std::vector<std::thread> threads;
        for (size_t id = 0; id < wrong.size(); ++id) {
            threads.emplace_back([&, id] {
                GradientProblem mine(spec, which, 100 + id);
                mine.filter = problem.filter;
                const std::vector<double> expected = mine.expected();
                Block scratch(of_all.needs.workspace_bytes);
                tconv_gradient_tensors tensors = mine.tensors();
                tensors.packed_filter = good.packed_filter;
                tensors.workspace = scratch.data(), tensors.workspace_bytes = scratch.size();
                for (int round = 0; round < 20; ++round) {
                    mine.result().poison();
                    wrong[id] += tconv_gradient_run(of_all.get(), &tensors) != TCONV_OK;
                    wrong[id] += !mine.compare(expected).empty();
                }
            });
        }
        for (std::thread &thread : threads)
            thread.join();
        EXPECT_EQ(wrong, std::vector<int>(wrong.size(), 0));
    }
    tconv_pool_destroy(pool);
}

// ---- Packed filters and slices: the input's gradient -----------------------------------------------------------

class InputGradientRun : public GradientRunTest {};
INSTANTIATE_TEST_SUITE_P(Of, InputGradientRun,
                         ::testing::Combine(::testing::Values(TCONV_GRADIENT_INPUT), ::testing::ValuesIn(dtypes())),
                         [](const auto &info) { return dtype_text(std::get<1>(info.param)); });

TEST_P(InputGradientRun, AForeignBlobIsRefused) {
    for (const uint64_t pattern : {uint64_t{0}, kQuietNan, kAllOnes}) {
        Block foreign(packed.size(), pattern);
        EXPECT_EQ(run([&](auto *t) { t->packed_filter = foreign.data(); }, "packed_filter is foreign"),
                  TCONV_PACKED_MISMATCH);
    }
    const std::string chosen = tconv_gradient_plan_kernel(plan.get());
    for (const std::string &kernel : kernels_for(spec, which)) {
        const GradientPlan other(spec, which, kernel);
        Block blob(std::max(other.needs.packed_filter_bytes, packed.size()));
        const tconv_view filter = problem.filter.view();
        ASSERT_EQ(tconv_gradient_pack_filter(other.get(), &filter, blob.data(), blob.size()), TCONV_OK);
        EXPECT_EQ(run([&](auto *t) { t->packed_filter = blob.data(); }, kernel),
                  kernel == chosen ? TCONV_OK : TCONV_PACKED_MISMATCH);
    }
    for (const char *text : {"n2_c8_h5_w7_o20_k4x3_s2x2_p1,1,1,1_op0,0_d1x1_g2_f32_nchw",
                             "n2_c6_h5_w7_o18_k4x3_s2x2_p1,1,1,1_op0,0_d1x1_g2_f32_nchw",
                             "n2_c6_h5_w7_o20_k3x4_s2x2_p1,1,1,1_op0,0_d1x1_g2_f32_nchw"}) {
        const tconv_spec other = layer(text, dtype);
        const GradientProblem its(other, which, 1);
        const GradientPlan of_other(other, which, chosen);
        Block blob(std::max(of_other.needs.packed_filter_bytes, packed.size()));
        const tconv_view filter = its.filter.view();
        ASSERT_EQ(tconv_gradient_pack_filter(of_other.get(), &filter, blob.data(), blob.size()), TCONV_OK);
        EXPECT_EQ(run([&](auto *t) { t->packed_filter = blob.data(); }, "other sizes"), TCONV_PACKED_MISMATCH) << text;
    }
}

// Both gradients as channel slices of one buffer: their ranges overlap, their elements do not.
TEST_P(InputGradientRun, SlicesOfOneBufferDoNotOverlap) {
    const tconv_spec s = layer("n2_c3_h5_w7_o4_k3x3_s1x1_p1,1,1,1_op0,0_d1x1_g1_f32_nchw", dtype);
    GradientProblem apart(s, which, 1);
    const GradientPlan other(s, which);
    Block its_packed(other.needs.packed_filter_bytes), scratch(other.needs.workspace_bytes);
    const tconv_view filter = apart.filter.view();
    ASSERT_EQ(tconv_gradient_pack_filter(other.get(), &filter, its_packed.data(), its_packed.size()), TCONV_OK);
    // [2, 7, 5, 7], of which channels 0 to 2 are the input's gradient and 3 to 6 the output's.
    Tensor both(dtype, {2, 7, 5, 7}, {0, 1, 2, 3}, {0, 0, 0, 0}, {false, false, false, false}, 16);
    for (int n = 0; n < 2; ++n)
        for (int o = 0; o < 4; ++o)
            for (int y = 0; y < 5; ++y)
                for (int x = 0; x < 7; ++x)
                    both.set(n, 3 + o, y, x, apart.output_gradient.at(n, o, y, x));
    tconv_gradient_tensors tensors = apart.tensors();
    tensors.input_gradient = tensors.output_gradient = both.view();
    tensors.output_gradient.data = moved(both.data(), 3 * both.view().stride[1] * element);
    tensors.packed_filter = its_packed.data();
    tensors.workspace = scratch.data(), tensors.workspace_bytes = scratch.size();
    ASSERT_EQ(tconv_gradient_run(other.get(), &tensors), TCONV_OK);
    for (int n = 0; n < 2; ++n)
        for (int c = 0; c < 3; ++c)
            for (int y = 0; y < 5; ++y)
                for (int x = 0; x < 7; ++x)
                    apart.input_gradient.set(n, c, y, x, both.at(n, c, y, x));
    EXPECT_EQ(apart.compare(apart.expected()), "");
}

}  // namespace
