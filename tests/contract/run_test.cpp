// tconv_run: every way to refuse a call, with nothing written; what may and may not alias; what it leaves alone; and
// one plan in the hands of many threads.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <functional>
#include <limits>
#include <string>
#include <thread>
#include <vector>

#include "random_spec.h"
#include "runner.h"

namespace {

using namespace tconv::testing;

// One layer that uses every tensor, ready to run, in each element type.
class RunTest : public ::testing::TestWithParam<int32_t> {
protected:
    void SetUp() override {
        ASSERT_EQ(plan.status, TCONV_OK);
        const tconv_view filter = problem.filter.view();
        ASSERT_EQ(tconv_pack_filter(plan.get(), &filter, packed.data(), packed.size()), TCONV_OK);
        good = problem.tensors();
        good.packed_filter = packed.data();
        good.workspace = workspace.data();
        good.workspace_bytes = workspace.size();
        said.clear();
    }

    // Runs with tensors changed by `change`; a failure must say `names` and leave output and workspace as they were.
    tconv_status run(const std::function<void(tconv_tensors *)> &change, const std::string &names) {
        said.clear();
        problem.output.poison();
        workspace.fill(kAllOnes);
        tconv_tensors tensors = good;
        change(&tensors);
        const std::vector<uint64_t> output = problem.output.bits();
        const std::vector<unsigned char> scratch(workspace.bytes(), workspace.bytes() + workspace.size());
        const tconv_status status = tconv_run(plan.get(), &tensors);
        if (status != TCONV_OK) {
            EXPECT_NE(said.find(names), std::string::npos) << '"' << said << "\" should name " << names;
            EXPECT_EQ(problem.output.bits(), output) << "a failure writes nothing";
            EXPECT_EQ(std::memcmp(scratch.data(), workspace.bytes(), scratch.size()), 0) << "nor in the workspace";
        }
        return status;
    }

    static tconv_view shifted(tconv_view view, int64_t bytes) {
        view.data = static_cast<char *>(view.data) + bytes;
        return view;
    }

    std::string said;
    const tconv_hooks hooks = listening(&said);
    const tconv_spec spec =
        layer("n2_c6_h5_w7_o20_k4x3_s2x2_p1,1,1,1_op0,0_d1x1_g2_f32_nchw_prelu_resafter", GetParam());
    const int element = tconv::element_type(GetParam()).bytes;
    Problem problem{spec, 1};
    Plan plan{spec, "", &hooks};
    Block packed{plan.needs.packed_filter_bytes}, workspace{plan.needs.workspace_bytes};
    tconv_tensors good;
};

INSTANTIATE_TEST_SUITE_P(Types, RunTest, ::testing::ValuesIn(dtypes()), dtype_test_name);

TEST_P(RunTest, ARunThatIsRight) {
    ASSERT_EQ(run([](tconv_tensors *) {}, ""), TCONV_OK) << said;
    EXPECT_EQ(problem.compare(problem.expected()), "");
    EXPECT_EQ(said, "");
    EXPECT_TRUE(workspace.guards_intact() && packed.guards_intact());
}

TEST_P(RunTest, NullAndStructSize) {
    EXPECT_EQ(tconv_run(nullptr, &good), TCONV_INVALID_ARGUMENT);
    EXPECT_EQ(tconv_run(plan.get(), nullptr), TCONV_INVALID_ARGUMENT);
    for (const size_t size : {size_t{0}, sizeof(tconv_tensors) - 4, sizeof(tconv_tensors) + 8}) {
        EXPECT_EQ(run([&](tconv_tensors *t) { t->struct_size = size; }, "struct_size"), TCONV_INVALID_STRUCT) << size;
    }
    EXPECT_EQ(run([](tconv_tensors *t) { t->input.data = nullptr; }, "input"), TCONV_INVALID_ARGUMENT);
    EXPECT_EQ(run([](tconv_tensors *t) { t->output.data = nullptr; }, "output"), TCONV_INVALID_ARGUMENT);
    EXPECT_EQ(run([](tconv_tensors *t) { t->residual.data = nullptr; }, "residual"), TCONV_INVALID_ARGUMENT);
    EXPECT_EQ(run([](tconv_tensors *t) { t->packed_filter = nullptr; }, "packed_filter"), TCONV_INVALID_ARGUMENT);
    EXPECT_EQ(run([](tconv_tensors *t) { t->bias = nullptr; }, "bias"), TCONV_INVALID_ARGUMENT);
    EXPECT_EQ(run([](tconv_tensors *t) { t->act_slope = nullptr; }, "act_slope"), TCONV_INVALID_ARGUMENT);
    EXPECT_EQ(run([](tconv_tensors *t) { t->workspace = nullptr; }, "workspace"), TCONV_INVALID_ARGUMENT);
}

TEST_P(RunTest, WorkspaceTooSmall) {
    for (const size_t bytes : {size_t{0}, size_t{64}, workspace.size() - 1}) {
        EXPECT_EQ(run([&](tconv_tensors *t) { t->workspace_bytes = bytes; }, std::to_string(workspace.size())),
                  TCONV_WORKSPACE_TOO_SMALL);
    }
    EXPECT_EQ(run([](tconv_tensors *t) { t->workspace_bytes = SIZE_MAX; }, ""), TCONV_OK);
}

TEST_P(RunTest, Misaligned) {
    const auto odd = [](const void *p, int bytes) { return static_cast<char *>(const_cast<void *>(p)) + bytes; };
    for (const int bytes : {4, 16, 32}) {
        EXPECT_EQ(run([&](tconv_tensors *t) { t->workspace = odd(t->workspace, bytes); }, "workspace"),
                  TCONV_MISALIGNED);
        EXPECT_EQ(run([&](tconv_tensors *t) { t->packed_filter = odd(t->packed_filter, bytes); }, "packed_filter"),
                  TCONV_MISALIGNED);
    }
    for (int bytes = 1; bytes < element; ++bytes) {
        EXPECT_EQ(run([&](tconv_tensors *t) { t->input = shifted(t->input, bytes); }, "input"), TCONV_MISALIGNED);
        EXPECT_EQ(run([&](tconv_tensors *t) { t->output = shifted(t->output, bytes); }, "output"), TCONV_MISALIGNED);
        EXPECT_EQ(run([&](tconv_tensors *t) { t->residual = shifted(t->residual, bytes); }, "residual"),
                  TCONV_MISALIGNED);
        EXPECT_EQ(run([&](tconv_tensors *t) { t->bias = odd(t->bias, bytes); }, "bias"), TCONV_MISALIGNED);
        EXPECT_EQ(run([&](tconv_tensors *t) { t->act_slope = odd(t->act_slope, bytes); }, "act_slope"),
                  TCONV_MISALIGNED);
    }
}

// Of two mistakes the one that interfaces name first is told: NULL, sizes, the workspace's, alignment, the blob, aliasing.
TEST_P(RunTest, TheFirstMistakeIsTold) {
    const auto odd = [](const void *p) { return static_cast<char *>(const_cast<void *>(p)) + 1; };
    const auto far = [](tconv_tensors *t) { t->residual.stride[1] = int64_t{1} << 40; };
    EXPECT_EQ(run([&](tconv_tensors *t) { t->input.data = odd(t->input.data), t->output.data = nullptr; }, "output"),
              TCONV_INVALID_ARGUMENT);
    EXPECT_EQ(run([&](tconv_tensors *t) { far(t), t->packed_filter = nullptr; }, "packed_filter"),
              TCONV_INVALID_ARGUMENT);
    EXPECT_EQ(run([&](tconv_tensors *t) { far(t), t->workspace = nullptr; }, "workspace"), TCONV_INVALID_ARGUMENT);
    EXPECT_EQ(run([&](tconv_tensors *t) { far(t), t->workspace_bytes = 0; }, "residual"), TCONV_SIZE_OVERFLOW);
    EXPECT_EQ(run([&](tconv_tensors *t) { t->bias = odd(t->bias), t->workspace_bytes = 0; }, "workspace_bytes"),
              TCONV_WORKSPACE_TOO_SMALL);
    EXPECT_EQ(run([&](tconv_tensors *t) { t->bias = t->output.data, t->workspace_bytes = 0; }, "workspace_bytes"),
              TCONV_WORKSPACE_TOO_SMALL);
    EXPECT_EQ(run([&](tconv_tensors *t) { t->input = t->output, t->workspace = odd(t->workspace); }, "workspace"),
              TCONV_MISALIGNED);
    packed.fill(kAllOnes);
    EXPECT_EQ(run([&](tconv_tensors *t) { t->act_slope = t->output.data; }, "packed_filter"), TCONV_PACKED_MISMATCH);
}

TEST_P(RunTest, StridesThatCannotBe) {
    EXPECT_EQ(run([](tconv_tensors *t) { t->input.stride[3] = -1; }, "input"), TCONV_INVALID_ARGUMENT);
    EXPECT_EQ(run([](tconv_tensors *t) { t->output.stride[1] = -1; }, "output"), TCONV_INVALID_ARGUMENT);
    EXPECT_EQ(run([](tconv_tensors *t) { t->output.stride[2] = 1; }, "output"), TCONV_INVALID_ARGUMENT);
    EXPECT_EQ(run([](tconv_tensors *t) { t->output.stride[0] = 0; }, "output"), TCONV_INVALID_ARGUMENT);
    EXPECT_EQ(run([](tconv_tensors *t) { t->input.stride[2] = int64_t{1} << 30; }, "input"), TCONV_SIZE_OVERFLOW);
    EXPECT_EQ(run([](tconv_tensors *t) { t->residual.stride[1] = int64_t{1} << 40; }, "residual"),
              TCONV_SIZE_OVERFLOW);
    EXPECT_EQ(run([](tconv_tensors *t) { t->input.stride[0] = std::numeric_limits<int64_t>::max() / 2; }, "input"),
              TCONV_SIZE_OVERFLOW);
}

// Every identifying byte of the header (magic, byte order, version, layer, size; then the kernel's name), changed in
// each bit. The checksum of the floats stands between them.
TEST_P(RunTest, ADamagedBlobIsRefused) {
    const size_t name = std::strlen(tconv_plan_kernel(plan.get()));
    auto *const bytes = static_cast<unsigned char *>(packed.data());
    for (size_t at = 0; at < 40 + name; ++at) {
        if (at >= 32 && at < 40)
            continue;
        for (int bit = 0; bit < 8; ++bit) {
            bytes[at] ^= static_cast<unsigned char>(1 << bit);
            EXPECT_EQ(run([](tconv_tensors *) {}, "packed_filter"), TCONV_PACKED_MISMATCH) << at << ' ' << bit;
            bytes[at] ^= static_cast<unsigned char>(1 << bit);
        }
    }
    EXPECT_EQ(run([](tconv_tensors *) {}, ""), TCONV_OK);
}

TEST_P(RunTest, AForeignBlobIsRefused) {
    for (const uint64_t pattern : {uint64_t{0}, kQuietNan, kAllOnes, uint64_t{0x6e6f63746e6f6374}}) {
        Block foreign(packed.size(), pattern);
        EXPECT_EQ(run([&](tconv_tensors *t) { t->packed_filter = foreign.data(); }, "packed_filter"),
                  TCONV_PACKED_MISMATCH);
    }
    // Another kernel's blob of this layer, and this kernel's blob of layers that differ in one size each.
    const std::string chosen = tconv_plan_kernel(plan.get());
    for (const std::string &kernel : kernels_for(spec)) {
        const Plan other(spec, kernel);
        Block blob(std::max(other.needs.packed_filter_bytes, packed.size()));
        const tconv_view filter = problem.filter.view();
        ASSERT_EQ(tconv_pack_filter(other.get(), &filter, blob.data(), blob.size()), TCONV_OK);
        EXPECT_EQ(run([&](tconv_tensors *t) { t->packed_filter = blob.data(); }, kernel),
                  kernel == chosen ? TCONV_OK : TCONV_PACKED_MISMATCH);
    }
    for (const char *text :
         {"n2_c8_h5_w7_o20_k4x3_s2x2_p1,1,1,1_op0,0_d1x1_g2", "n2_c6_h5_w7_o24_k4x3_s2x2_p1,1,1,1_op0,0_d1x1_g2",
          "n2_c6_h5_w7_o20_k3x4_s2x2_p1,1,1,1_op0,0_d1x1_g2", "n2_c3_h5_w7_o10_k4x3_s2x2_p1,1,1,1_op0,0_d1x1_g1"}) {
        const tconv_spec other = layer(std::string(text) + "_f32_nchw_prelu_resafter", GetParam());
        const Problem its(other, 1);
        const Plan of_other(other, chosen);
        ASSERT_EQ(of_other.status, TCONV_OK);
        Block blob(std::max(of_other.needs.packed_filter_bytes, packed.size()));
        const tconv_view filter = its.filter.view();
        ASSERT_EQ(tconv_pack_filter(of_other.get(), &filter, blob.data(), blob.size()), TCONV_OK);
        EXPECT_EQ(run([&](tconv_tensors *t) { t->packed_filter = blob.data(); }, "other sizes"),
                  TCONV_PACKED_MISMATCH)
            << text;
    }
}

TEST_P(RunTest, EachPairThatMustNotAlias) {
    // Room to overlap in: a buffer large enough for any tensor.
    Block buffer(1 << 20, 0);
    void *const at = buffer.data();
    const auto view_at = [&](tconv_view view) {
        view.data = at;
        return view;
    };
    const auto refused = [&](const std::function<void(tconv_tensors *)> &change, const std::string &names) {
        EXPECT_EQ(run(change, names), TCONV_INVALID_ARGUMENT) << names;
    };
    refused([&](tconv_tensors *t) { t->output = view_at(t->output), t->input = view_at(t->input); }, "input");
    refused([&](tconv_tensors *t) { t->input.data = t->output.data; }, "output overlaps input");
    refused([&](tconv_tensors *t) { t->output = view_at(t->output), t->workspace = at; }, "output overlaps workspace");
    refused([&](tconv_tensors *t) { t->output = view_at(t->output), t->bias = at; }, "output overlaps bias");
    refused([&](tconv_tensors *t) { t->output = view_at(t->output), t->act_slope = at; }, "output overlaps act_slope");
    refused([&](tconv_tensors *t) { t->input = view_at(t->input), t->workspace = at; }, "workspace overlaps input");
    refused([&](tconv_tensors *t) { t->residual = view_at(t->residual), t->workspace = at; }, "overlaps residual");
    refused([&](tconv_tensors *t) { t->residual = shifted(t->output, element); }, "output overlaps residual");
    refused([&](tconv_tensors *t) { t->bias = at, t->workspace = at; }, "workspace overlaps bias");
    refused([&](tconv_tensors *t) { t->act_slope = at, t->workspace = at; }, "workspace overlaps act_slope");
    std::memcpy(at, packed.data(), packed.size());
    refused([&](tconv_tensors *t) { t->packed_filter = t->workspace = at; }, "workspace overlaps packed_filter");
    refused([&](tconv_tensors *t) { t->packed_filter = at, t->output = view_at(t->output); },
            "output overlaps packed_filter");
    // The last byte of one is enough.
    refused(
        [&](tconv_tensors *t) {
            t->workspace = static_cast<char *>(at) + 64;
            t->bias = static_cast<char *>(at) + 64 + workspace.size() - static_cast<size_t>(element);
        },
        "workspace overlaps bias");
    // What only reads may share memory with what only reads.
    EXPECT_EQ(run([&](tconv_tensors *t) { t->act_slope = t->bias; }, ""), TCONV_OK);
}

TEST_P(RunTest, TheOutputMayBeTheResidualsView) {
    ASSERT_EQ(run([](tconv_tensors *t) { t->output = t->residual; }, ""), TCONV_OK) << said;
}

// Image by image beside one another, as in an arena of a slot for each.
TEST(Run, TensorsMayLieBetweenEachOthersImages) {
    const tconv_spec spec = layer("n2_c2_h4_w4_o3_k2x2_s2x2_p0,0,0,0_op0,0_d1x1_g1_f32_nchw");
    std::string said;
    const tconv_hooks hooks = listening(&said);
    const Plan plan(spec, "", &hooks);
    ASSERT_EQ(plan.status, TCONV_OK) << said;
    Block packed(plan.needs.packed_filter_bytes), workspace(plan.needs.workspace_bytes);
    const std::vector<float> weights(24, 1.0f);
    tconv_view filter;
    ASSERT_EQ(tconv_view_filter(&spec, TCONV_IOHW, weights.data(), &filter), TCONV_OK);
    ASSERT_EQ(tconv_pack_filter(plan.get(), &filter, packed.data(), packed.size()), TCONV_OK);
    std::vector<float> arena(2000, 1.0f);
    tconv_tensors tensors;
    tconv_tensors_init(&tensors, sizeof tensors);
    ASSERT_EQ(tconv_view_input(&spec, TCONV_NCHW, arena.data(), &tensors.input), TCONV_OK);
    ASSERT_EQ(tconv_view_output(&spec, TCONV_NCHW, arena.data() + 100, &tensors.output), TCONV_OK);
    tensors.input.stride[0] = tensors.output.stride[0] = 1000;
    tensors.bias = arena.data() + 900;
    tensors.packed_filter = packed.data(), tensors.workspace = workspace.data();
    tensors.workspace_bytes = workspace.size();
    ASSERT_EQ(tconv_run(plan.get(), &tensors), TCONV_OK) << said;
    for (const int image : {0, 1000}) {
        EXPECT_EQ(arena[static_cast<size_t>(image) + 100], 3.0f);  // two products and the bias
        EXPECT_EQ(arena[static_cast<size_t>(image) + 99], 1.0f);
        EXPECT_EQ(arena[static_cast<size_t>(image) + 292], 1.0f);
    }
    tensors.bias = arena.data() + 1291;  // the second image's last
    EXPECT_EQ(tconv_run(plan.get(), &tensors), TCONV_INVALID_ARGUMENT);
    EXPECT_NE(said.find("output overlaps bias"), std::string::npos) << said;
}

TEST_P(RunTest, AFailingPoolIsAnInternalError) {
    tconv_hooks failing = hooks;
    for (const auto pool : {+[](void *, int32_t, int (*)(void *, int32_t), void *) { return 7; },
                            +[](void *, int32_t count, int (*task)(void *, int32_t), void *arg) {
                                for (int32_t i = 0; i < count; ++i)
                                    task(arg, i);
                                return -1;
                            }}) {
        failing.parallel_for = pool;
        const Plan broken(spec, "", &failing);
        said.clear();
        EXPECT_EQ(tconv_run(broken.get(), &good), TCONV_INTERNAL);
        EXPECT_NE(said.find(tconv_plan_kernel(broken.get())), std::string::npos) << said;
    }
}

TEST_P(RunTest, AnEmptyBatchNeedsNothing) {
    tconv_spec empty = spec;
    empty.batch = 0;
    const Plan none(empty);
    ASSERT_EQ(none.status, TCONV_OK);
    tconv_tensors nothing;
    tconv_tensors_init(&nothing, sizeof nothing);
    EXPECT_EQ(tconv_run(none.get(), &nothing), TCONV_OK);
    nothing.struct_size = 1;
    EXPECT_EQ(tconv_run(none.get(), &nothing), TCONV_INVALID_STRUCT);
}

// What the caller did not ask to be written is not: operands, and what the spec does not read may be rubbish.
TEST_P(RunTest, OperandsAreLeftAlone) {
    const std::vector<uint64_t> input = problem.input.bits(), residual = problem.residual.bits(),
                                bias = problem.bias.bits(), slope = problem.slope.bits();
    const std::vector<unsigned char> blob(packed.bytes(), packed.bytes() + packed.size());
    ASSERT_EQ(run([](tconv_tensors *) {}, ""), TCONV_OK);
    EXPECT_EQ(problem.input.bits(), input);
    EXPECT_EQ(problem.residual.bits(), residual);
    EXPECT_EQ(problem.bias.bits(), bias);
    EXPECT_EQ(problem.slope.bits(), slope);
    EXPECT_EQ(std::memcmp(packed.bytes(), blob.data(), blob.size()), 0);
    EXPECT_TRUE(problem.input.surroundings_intact() && problem.residual.surroundings_intact());
}

class RunUnread : public ::testing::TestWithParam<int32_t> {};

TEST_P(RunUnread, TensorsTheSpecDoesNotReadAreNotLookedAt) {
    const tconv_spec plain = layer("n1_c6_h5_w7_o20_k4x3_s2x2_p1,1,1,1_op0,0_d1x1_g1_f32_nchw_nobias", GetParam());
    for (const Lot &lot : lots_for(plain)) {
        Problem problem(plain, 1, Placement::kDense, lot.rules);
        for (const std::string &kernel : lot.kernels) {
            const Plan plan(plain, kernel);
            Block packed(plan.needs.packed_filter_bytes), workspace(plan.needs.workspace_bytes);
            const tconv_view filter = problem.filter.view();
            ASSERT_EQ(tconv_pack_filter(plan.get(), &filter, packed.data(), packed.size()), TCONV_OK);
            tconv_tensors tensors = problem.tensors();
            tensors.packed_filter = packed.data(), tensors.workspace = workspace.data();
            tensors.workspace_bytes = workspace.size();
            void *const rubbish = reinterpret_cast<void *>(uintptr_t{3});
            tensors.bias = tensors.act_slope = tensors.residual.data = rubbish;
            tensors.residual.stride[1] = -5;
            problem.output.poison();
            ASSERT_EQ(tconv_run(plan.get(), &tensors), TCONV_OK) << kernel;
            EXPECT_EQ(problem.compare(problem.expected()), "") << kernel;
        }
    }
}

INSTANTIATE_TEST_SUITE_P(Types, RunUnread, ::testing::ValuesIn(dtypes()), dtype_test_name);

// Runs over and over on tensors of its own; how often something went wrong.
int run_repeatedly(const Plan &plan, Block &packed, Problem &problem) {
    Block workspace(plan.needs.workspace_bytes);
    tconv_tensors tensors = problem.tensors();
    tensors.packed_filter = packed.data();
    tensors.workspace = workspace.data(), tensors.workspace_bytes = workspace.size();
    std::vector<uint64_t> before;
    int wrong = 0;
    for (int round = 0; round < 20; ++round) {
        problem.output.poison();
        wrong += tconv_run(plan.get(), &tensors) != TCONV_OK;
        const std::vector<uint64_t> bits = problem.output.bits();
        if (round == 0)
            before = bits;
        wrong += bits != before;
    }
    const double epsilon = tconv::element_type(problem.spec.dtype).epsilon();
    return wrong + !problem.compare(problem.expected(), 1e-4, 1e-5 + epsilon).empty();
}

class RunThreads : public ::testing::TestWithParam<int32_t> {};

TEST_P(RunThreads, OnePlanServesManyThreadsAtOnce) {
    const tconv_spec spec = layer("n2_c9_h11_w13_o20_k4x4_s2x2_p1,1,1,1_op0,0_d1x1_g1_f32_nhwc_gelu", GetParam());
    tconv_pool *pool = nullptr;
    ASSERT_EQ(tconv_pool_create(3, &pool), TCONV_OK);
    tconv_hooks hooks;
    tconv_hooks_init(&hooks, sizeof hooks);
    ASSERT_EQ(tconv_pool_hooks(pool, &hooks), TCONV_OK);
    {
        const DataRules rules = winograd_rules(spec);  // the plan may choose any kernel
        const Problem first(spec, 1, Placement::kDense, rules);
        const Plan plan(spec, "", &hooks);
        Block packed(plan.needs.packed_filter_bytes);
        const tconv_view filter = first.filter.view();
        ASSERT_EQ(tconv_pack_filter(plan.get(), &filter, packed.data(), packed.size()), TCONV_OK);
        std::vector<int> wrong(6, 0);
        std::vector<std::thread> threads;
        for (size_t id = 0; id < wrong.size(); ++id) {
            threads.emplace_back([&, id] {
                Problem mine(spec, 100 + id, Placement::kDense, rules);
                mine.filter = first.filter;
                wrong[id] = run_repeatedly(plan, packed, mine);
            });
        }
        for (std::thread &thread : threads)
            thread.join();
        EXPECT_EQ(wrong, std::vector<int>(wrong.size(), 0));
    }
    tconv_pool_destroy(pool);
}

INSTANTIATE_TEST_SUITE_P(Types, RunThreads, ::testing::ValuesIn(dtypes()), dtype_test_name);

}  // namespace
