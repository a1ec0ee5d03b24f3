// tconv_gradient_pack_filter: what it refuses, leaving the caller's memory alone, and what it promises of the blob: the
// same bytes for every layout of one filter, good for every input size of the layer, never taken for the layer's own.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <string>
#include <vector>

#include "gradient_runner.h"

namespace {

using namespace tconv::testing;

class GradientPack : public ::testing::TestWithParam<int32_t> {
protected:
    tconv_status pack(const tconv_view *view, void *to, size_t bytes, const std::string &names) {
        said.clear();
        const std::vector<unsigned char> before(block.bytes(), block.bytes() + block.size());
        const tconv_status status = tconv_gradient_pack_filter(plan.get(), view, to, bytes);
        EXPECT_TRUE(block.guards_intact());
        if (status != TCONV_OK) {
            EXPECT_EQ(std::memcmp(before.data(), block.bytes(), block.size()), 0) << "a failure writes nothing";
            EXPECT_NE(said.find(names), std::string::npos) << said;
        }
        return status;
    }
    tconv_status pack(const tconv_view &view, const std::string &names) {
        return pack(&view, block.data(), block.size(), names);
    }

    std::string said;
    const tconv_hooks hooks = listening(&said);
    const tconv_spec spec = layer("n2_c6_h5_w7_o20_k4x3_s2x2_p1,1,1,1_op0,0_d1x1_g2_f32_nchw", GetParam());
    const GradientProblem problem{spec, TCONV_GRADIENT_INPUT, 1};
    const tconv_view filter = problem.filter.view();
    const GradientPlan plan{spec, TCONV_GRADIENT_INPUT, "", &hooks};
    Block block{plan.needs.packed_filter_bytes};
};

INSTANTIATE_TEST_SUITE_P(Types, GradientPack, ::testing::ValuesIn(dtypes()), dtype_test_name);

TEST_P(GradientPack, Refusals) {
    EXPECT_EQ(tconv_gradient_pack_filter(nullptr, &filter, block.data(), block.size()), TCONV_INVALID_ARGUMENT);
    EXPECT_EQ(pack(nullptr, block.data(), block.size(), "filter is NULL"), TCONV_INVALID_ARGUMENT);
    EXPECT_EQ(pack(&filter, nullptr, block.size(), "packed is NULL"), TCONV_INVALID_ARGUMENT);
    EXPECT_EQ(pack(&filter, block.data(), block.size() - 1, "packed_bytes"), TCONV_INVALID_ARGUMENT);
    EXPECT_EQ(pack(&filter, static_cast<char *>(block.data()) + 8, block.size(), "64 bytes"), TCONV_MISALIGNED);
    tconv_view view = filter;
    view.data = nullptr;
    EXPECT_EQ(pack(view, "filter"), TCONV_INVALID_ARGUMENT);
    view.data = static_cast<char *>(filter.data) + 1;
    EXPECT_EQ(pack(view, "aligned"), TCONV_MISALIGNED);
    view = filter;
    view.stride[2] = int64_t{1} << 31;
    EXPECT_EQ(pack(view, "filter"), TCONV_SIZE_OVERFLOW);
    view = filter;
    view.data = block.data();
    EXPECT_EQ(pack(view, "overlaps"), TCONV_INVALID_ARGUMENT);
    EXPECT_EQ(pack(filter, ""), TCONV_OK) << said;
    EXPECT_EQ(said, "");
}

TEST_P(GradientPack, OnlyForTheInput) {
    for (const int32_t which : {TCONV_GRADIENT_FILTER, TCONV_GRADIENT_BIAS}) {
        const GradientPlan other(spec, which, "", &hooks);
        said.clear();
        EXPECT_EQ(tconv_gradient_pack_filter(other.get(), &filter, block.data(), block.size()), TCONV_INVALID_ARGUMENT);
        EXPECT_NE(said.find("which = " + std::to_string(which)), std::string::npos) << said;
    }
}

// The blob is the same for every layout of one filter, and for every input size of the layer.
TEST_P(GradientPack, TheBytesDependOnTheFilterAlone) {
    ASSERT_EQ(pack(filter, ""), TCONV_OK);
    const std::vector<unsigned char> bytes(block.bytes(), block.bytes() + block.size());
    for (uint64_t seed = 1; seed < 9; ++seed) {
        GradientProblem other(spec, TCONV_GRADIENT_INPUT, seed, Placement::kShuffled);
        other.filter.assign(problem.filter.logical());
        block.fill(kAllOnes);
        ASSERT_EQ(pack(other.filter.view(), ""), TCONV_OK);
        EXPECT_EQ(std::memcmp(block.bytes(), bytes.data(), bytes.size()), 0) << seed;
    }
    tconv_spec larger = spec;
    larger.batch = 9, larger.in_h = 70, larger.in_w = 3;
    const GradientPlan of_larger(larger, TCONV_GRADIENT_INPUT, tconv_gradient_plan_kernel(plan.get()));
    block.fill(kAllOnes);
    ASSERT_EQ(of_larger.needs.packed_filter_bytes, block.size());
    ASSERT_EQ(tconv_gradient_pack_filter(of_larger.get(), &filter, block.data(), block.size()), TCONV_OK);
    EXPECT_EQ(std::memcmp(block.bytes(), bytes.data(), bytes.size()), 0);
}

// Also where channels and outputs are as many, so that both blobs have one size.
TEST_P(GradientPack, TheLayersBlobIsRefusedAndTheLayerRefusesThis) {
    for (const char *text : {"n1_c16_h5_w7_o16_k3x3_s2x2_p1,1,1,1_op0,0_d1x1_g1_f32_nchw",
                             "n1_c9_h5_w7_o9_k3x3_s1x1_p1,1,1,1_op0,0_d1x1_g9_f32_nchw",
                             "n1_c6_h5_w7_o20_k4x3_s2x2_p1,1,1,1_op0,0_d1x1_g2_f32_nchw"}) {
        const tconv_spec s = layer(text, GetParam());
        for (const std::string &kernel : kernels_for(s, TCONV_GRADIENT_INPUT)) {
            const GradientProblem gradient(s, TCONV_GRADIENT_INPUT, 1);
            const GradientPlan backward(s, TCONV_GRADIENT_INPUT, kernel, &hooks);
            const Plan forward(s, kernel, &hooks);
            ASSERT_EQ(forward.status, TCONV_OK);
            const size_t bytes = std::max(backward.needs.packed_filter_bytes, forward.needs.packed_filter_bytes);
            Block of_layer(bytes), of_gradient(bytes);
            Block scratch(std::max(backward.needs.workspace_bytes, forward.needs.workspace_bytes));
            const tconv_view its_filter = gradient.filter.view();
            ASSERT_EQ(tconv_pack_filter(forward.get(), &its_filter, of_layer.data(), bytes), TCONV_OK);
            ASSERT_EQ(tconv_gradient_pack_filter(backward.get(), &its_filter, of_gradient.data(), bytes), TCONV_OK);

            tconv_gradient_tensors tensors = gradient.tensors();
            tensors.packed_filter = of_layer.data();
            tensors.workspace = scratch.data(), tensors.workspace_bytes = scratch.size();
            said.clear();
            EXPECT_EQ(tconv_gradient_run(backward.get(), &tensors), TCONV_PACKED_MISMATCH) << text << ' ' << kernel;
            EXPECT_NE(said.find("packed_filter is foreign"), std::string::npos) << said;

            Problem problem_of_layer(s, 1);
            tconv_tensors of_run = problem_of_layer.tensors();
            of_run.packed_filter = of_gradient.data();
            of_run.workspace = scratch.data(), of_run.workspace_bytes = scratch.size();
            EXPECT_EQ(tconv_run(forward.get(), &of_run), TCONV_PACKED_MISMATCH) << text << ' ' << kernel;
            EXPECT_EQ(tconv_packed_check(forward.get(), of_gradient.data(), bytes), TCONV_PACKED_MISMATCH);
            EXPECT_EQ(tconv_packed_check(forward.get(), of_layer.data(), bytes), TCONV_OK);
        }
    }
}

}  // namespace
