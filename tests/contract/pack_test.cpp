// tconv_pack_filter: what it refuses, leaving the caller's memory alone, and what it promises of the blob: the same
// bytes for every layout of one filter, no pointers inside, good for every input size of the layer. tconv_packed_check:
// that it tells foreign, truncated and damaged blobs apart and misses no bit of the floats.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <limits>
#include <string>
#include <vector>

#include "random_spec.h"
#include "runner.h"

namespace {

using namespace tconv::testing;

class PackTest : public ::testing::TestWithParam<int32_t> {
protected:
    // Packs, and checks that a failure wrote nothing and said why.
    tconv_status pack(const tconv_view *filter, void *packed, size_t bytes, const std::string &names) {
        said.clear();
        const std::vector<unsigned char> before(block.bytes(), block.bytes() + block.size());
        const tconv_status status = tconv_pack_filter(plan.get(), filter, packed, bytes);
        EXPECT_TRUE(block.guards_intact());
        if (status != TCONV_OK) {
            EXPECT_EQ(std::memcmp(before.data(), block.bytes(), block.size()), 0) << "a failure writes nothing";
            EXPECT_NE(said.find(names), std::string::npos) << said;
        }
        return status;
    }
    tconv_status pack(const tconv_view &filter, const std::string &names) {
        return pack(&filter, block.data(), block.size(), names);
    }

    // Of the layer with its groups and without, which some kernels want.
    std::vector<Lot> all_lots() const {
        tconv_spec whole = spec;
        whole.groups = 1;
        std::vector<Lot> lots = lots_for(spec);
        for (const Lot &lot : lots_for(whole))
            lots.push_back(lot);
        return lots;
    }

    std::string said;
    const tconv_hooks hooks = listening(&said);
    const tconv_spec spec = layer("n2_c6_h5_w7_o20_k4x3_s2x2_p1,1,1,1_op0,0_d1x1_g2_f32_nchw", GetParam());
    Problem problem{spec, 1};
    const tconv_view filter = problem.filter.view();
    Plan plan{spec, "", &hooks};
    Block block{plan.needs.packed_filter_bytes};
};

INSTANTIATE_TEST_SUITE_P(Types, PackTest, ::testing::ValuesIn(dtypes()), dtype_test_name);

TEST_P(PackTest, Refusals) {
    EXPECT_EQ(tconv_pack_filter(nullptr, &filter, block.data(), block.size()), TCONV_INVALID_ARGUMENT);
    EXPECT_EQ(pack(nullptr, block.data(), block.size(), "filter"), TCONV_INVALID_ARGUMENT);
    EXPECT_EQ(pack(&filter, nullptr, block.size(), "packed"), TCONV_INVALID_ARGUMENT);
    EXPECT_EQ(pack(&filter, block.data(), block.size() - 1, "packed_bytes"), TCONV_INVALID_ARGUMENT);
    EXPECT_EQ(pack(&filter, block.data(), 0, "packed_bytes = 0"), TCONV_INVALID_ARGUMENT);
    EXPECT_EQ(pack(&filter, static_cast<char *>(block.data()) + 4, block.size(), "64 bytes"), TCONV_MISALIGNED);

    tconv_view view = filter;
    view.data = nullptr;
    EXPECT_EQ(pack(view, "filter"), TCONV_INVALID_ARGUMENT);
    view.data = static_cast<char *>(filter.data) + 1;
    EXPECT_EQ(pack(view, "aligned"), TCONV_MISALIGNED);
    view = filter;
    view.stride[2] = int64_t{1} << 31;
    EXPECT_EQ(pack(view, "filter"), TCONV_SIZE_OVERFLOW);
    view.stride[2] = std::numeric_limits<int64_t>::min();
    EXPECT_EQ(pack(view, "filter"), TCONV_SIZE_OVERFLOW);
    view = filter;
    view.data = block.data();
    EXPECT_EQ(pack(view, "overlaps"), TCONV_INVALID_ARGUMENT);

    EXPECT_EQ(pack(filter, ""), TCONV_OK) << said;
    EXPECT_EQ(said, "");
}

TEST_P(PackTest, TheFilterIsNotWritten) {
    const std::vector<uint64_t> before = problem.filter.bits();
    ASSERT_EQ(pack(filter, ""), TCONV_OK);
    EXPECT_EQ(problem.filter.bits(), before);
    EXPECT_TRUE(problem.filter.surroundings_intact());
}

// A filter is packed once: the blob fits every layer with these channels and this kernel.
TEST_P(PackTest, OneBlobServesEveryInputSize) {
    for (const Lot &lot : all_lots()) {
        const Problem packs(lot.spec, 1, Placement::kDense, lot.rules);
        const tconv_view weights = packs.filter.view();
        for (const std::string &kernel : lot.kernels) {
            const Plan made(lot.spec, kernel);
            Block blob(made.needs.packed_filter_bytes);
            ASSERT_EQ(tconv_pack_filter(made.get(), &weights, blob.data(), blob.size()), TCONV_OK);
            for (const auto &[batch, in_h, in_w] : {std::array{1, 1, 1}, {3, 17, 2}, {1, 2, 90}}) {
                tconv_spec other = layer("n1_c6_h5_w7_o20_k4x3_s2x2_p0,1,2,0_op1,1_d1x1_g2_f32_nhwc_relu", GetParam());
                other.batch = batch, other.in_h = in_h, other.in_w = in_w, other.groups = lot.spec.groups;
                Problem run(other, 7, Placement::kDense, lot.rules);
                run.filter = packs.filter;
                const Plan plan_of_other(other, kernel);
                Block workspace(plan_of_other.needs.workspace_bytes);
                tconv_tensors tensors = run.tensors();
                tensors.packed_filter = blob.data();
                tensors.workspace = workspace.data(), tensors.workspace_bytes = workspace.size();
                ASSERT_EQ(tconv_run(plan_of_other.get(), &tensors), TCONV_OK) << kernel << ' ' << text_of(other);
                EXPECT_EQ(run.compare(run.expected()), "") << kernel << ' ' << text_of(other);
            }
        }
    }
}

// A blob is moved by copying its bytes, as from a file, and its own memory may go.
TEST_P(PackTest, BlobsAreRelocatable) {
    for (const Lot &lot : all_lots()) {
        Problem moved(lot.spec, 1, Placement::kDense, lot.rules);
        const tconv_view weights = moved.filter.view();
        for (const std::string &kernel : lot.kernels) {
            const Plan made(lot.spec, kernel);
            std::vector<unsigned char> file;
            {
                Block blob(made.needs.packed_filter_bytes);
                ASSERT_EQ(tconv_pack_filter(made.get(), &weights, blob.data(), blob.size()), TCONV_OK);
                file.assign(blob.bytes(), blob.bytes() + blob.size());
                blob.fill(kAllOnes);
            }
            Block elsewhere(file.size()), workspace(made.needs.workspace_bytes);
            std::memcpy(elsewhere.data(), file.data(), file.size());
            tconv_tensors tensors = moved.tensors();
            tensors.packed_filter = elsewhere.data();
            tensors.workspace = workspace.data(), tensors.workspace_bytes = workspace.size();
            moved.output.poison();
            ASSERT_EQ(tconv_run(made.get(), &tensors), TCONV_OK) << kernel;
            EXPECT_EQ(moved.compare(moved.expected()), "") << kernel;
            EXPECT_EQ(std::memcmp(elsewhere.bytes(), file.data(), file.size()), 0) << "run does not write the blob";
        }
    }
}

class PackedCheckTest : public PackTest {
protected:
    void SetUp() override { ASSERT_EQ(pack(filter, ""), TCONV_OK) << said; }

    // Checks, and that the log names the reason.
    tconv_status check(const void *packed, size_t bytes, const std::string &reason) {
        said.clear();
        const tconv_status status = tconv_packed_check(plan.get(), packed, bytes);
        if (status == TCONV_OK)
            EXPECT_EQ(said, "");
        else
            EXPECT_NE(said.find(reason), std::string::npos) << said << " should say " << reason;
        return status;
    }
};

INSTANTIATE_TEST_SUITE_P(Types, PackedCheckTest, ::testing::ValuesIn(dtypes()), dtype_test_name);

TEST_P(PackedCheckTest, WholeBlobsPass) {
    EXPECT_EQ(check(block.data(), block.size(), ""), TCONV_OK) << said;
    // Of any alignment, and with more behind it, as in a file of several.
    std::vector<unsigned char> file(block.size() + 100, 0xff);
    std::memcpy(file.data() + 3, block.bytes(), block.size());
    EXPECT_EQ(check(file.data() + 3, file.size() - 3, ""), TCONV_OK) << said;
    for (const Lot &lot : all_lots()) {
        const Problem packs(lot.spec, 1);
        const tconv_view weights = packs.filter.view();
        for (const std::string &kernel : lot.kernels) {
            const Plan made(lot.spec, kernel);
            Block blob(made.needs.packed_filter_bytes);
            ASSERT_EQ(tconv_pack_filter(made.get(), &weights, blob.data(), blob.size()), TCONV_OK);
            EXPECT_EQ(tconv_packed_check(made.get(), blob.data(), blob.size()), TCONV_OK) << kernel;
            const bool same = lot.spec.groups == spec.groups && kernel == tconv_plan_kernel(plan.get());
            EXPECT_EQ(check(blob.data(), blob.size(), "foreign"), same ? TCONV_OK : TCONV_PACKED_MISMATCH) << kernel;
        }
    }
}

// Winograd's tiles of a 5 x 5 kernel have as many points with strides 2 and 3, in another order.
TEST_P(PackedCheckTest, OfAnotherStrideIsForeignWhereItsOrderIs) {
    const tconv_spec two = layer("n1_c6_h5_w7_o20_k5x5_s2x2_p1,1,1,1_op0,0_d1x1_g1_f32_nchw", GetParam());
    tconv_spec three = two;
    three.stride_h = three.stride_w = 3;
    const Problem packed(two, 1);
    const tconv_view weights = packed.filter.view();
    for (const std::string &kernel : kernels_for(two)) {
        KernelName name;
        ASSERT_TRUE(parse_kernel_name(kernel, &name));
        if (name.lanes != "channels")
            continue;
        const Plan packs(two, kernel), runs(three, kernel);
        ASSERT_EQ(runs.needs.packed_filter_bytes, packs.needs.packed_filter_bytes) << kernel;
        Block blob(packs.needs.packed_filter_bytes);
        ASSERT_EQ(tconv_pack_filter(packs.get(), &weights, blob.data(), blob.size()), TCONV_OK);
        EXPECT_EQ(tconv_packed_check(runs.get(), blob.data(), blob.size()),
                  name.winograd_outputs() > 0 ? TCONV_PACKED_MISMATCH : TCONV_OK)
            << kernel;
    }
}

TEST_P(PackedCheckTest, BadArgumentsAreRefused) {
    EXPECT_EQ(tconv_packed_check(nullptr, block.data(), block.size()), TCONV_INVALID_ARGUMENT);
    EXPECT_EQ(check(nullptr, block.size(), "packed is NULL"), TCONV_INVALID_ARGUMENT);
}

// Each part in memory of its own, where the address sanitizer sees a read behind it.
TEST_P(PackedCheckTest, EveryTruncationIsNoticed) {
    for (size_t bytes = 0; bytes < block.size(); bytes += bytes < 256 ? 1 : 61) {
        const std::vector<unsigned char> part(block.bytes(), block.bytes() + bytes);
        const unsigned char none = 0;
        ASSERT_EQ(check(bytes == 0 ? &none : part.data(), bytes, "truncated: packed_bytes = " + std::to_string(bytes)),
                  TCONV_PACKED_MISMATCH)
            << bytes;
    }
    EXPECT_EQ(check(block.data(), block.size() - 1, "truncated"), TCONV_PACKED_MISMATCH);
}

TEST_P(PackedCheckTest, EveryFlippedBitIsNoticed) {
    constexpr size_t kHeader = 128, kChecksum = 32;
    auto *const bytes = static_cast<unsigned char *>(block.data());
    const auto flipped = [&](size_t at, int bit, const std::string &reason) {
        bytes[at] ^= static_cast<unsigned char>(1 << bit);
        EXPECT_EQ(check(bytes, block.size(), reason), TCONV_PACKED_MISMATCH) << "byte " << at << ", bit " << bit;
        bytes[at] ^= static_cast<unsigned char>(1 << bit);
    };
    for (int bit = 0; bit < 8; ++bit) {
        for (size_t at = 0; at < kChecksum; ++at)
            flipped(at, bit, "foreign");
        for (size_t at = kChecksum; at < kChecksum + 8; ++at)
            flipped(at, bit, "damaged");
        for (size_t at = kHeader; at < block.size(); at += at < kHeader + 256 || at + 256 > block.size() ? 1 : 59)
            flipped(at, bit, "damaged");
    }
    // Words that changed places are damage too.
    const std::vector<unsigned char> before(bytes, bytes + block.size());
    std::swap_ranges(bytes + kHeader, bytes + kHeader + 8, bytes + kHeader + 32);
    ASSERT_NE(std::memcmp(before.data(), bytes, block.size()), 0);
    EXPECT_EQ(check(bytes, block.size(), "damaged"), TCONV_PACKED_MISMATCH);
}

// The named layouts, a flip by negative strides and a broadcast by zero strides: the strides say where a weight is,
// the blob holds what it is.
TEST(PackLayouts, TheSameFilterGivesTheSameBlob) {
    const uint64_t seed = seed_from_environment();
    for (uint64_t i = 0; i < 60; ++i) {
        Random random(seed_of_case(seed, 500000 + i));
        SpecLimits limits;
        limits.dtype = dtype_of_case(i);
        const int64_t kind = random.below(5);
        limits.depthwise = kind == 0, limits.winograd = kind == 1;
        const tconv_spec spec = random_legal_spec(random, limits);
        const Problem dense(spec, random.next());
        const std::array<int64_t, 4> n = dense.filter.extents();
        constexpr std::array<int, 4> kOrders[] = {{0, 1, 2, 3}, {2, 3, 0, 1}, {2, 3, 1, 0}, {1, 2, 3, 0}, {3, 1, 0, 2}};
        const tconv_view straight = dense.filter.view();
        for (const std::string &kernel : kernels_for(spec)) {
            const Plan plan(spec, kernel);
            Block expected(plan.needs.packed_filter_bytes), actual(plan.needs.packed_filter_bytes);
            ASSERT_EQ(tconv_pack_filter(plan.get(), &straight, expected.data(), expected.size()), TCONV_OK);
            for (const std::array<int, 4> &order : kOrders) {
                const std::array<bool, 4> flip = {random.chance(0.3), random.chance(0.3), random.chance(0.5),
                                                  random.chance(0.5)};
                Tensor other(spec.dtype, n, order, {random.below(3), 0, random.below(2), 0}, flip,
                             16 + random.below(16));
                other.assign(dense.filter.logical());
                const tconv_view view = other.view();
                actual.fill(kAllOnes);
                ASSERT_EQ(tconv_pack_filter(plan.get(), &view, actual.data(), actual.size()), TCONV_OK);
                ASSERT_EQ(std::memcmp(actual.bytes(), expected.bytes(), actual.size()), 0)
                    << "TCONV_SEED=" << seed << " case " << i << ' ' << text_of(spec) << ' ' << kernel;
            }
        }
    }
}

TEST(PackLayouts, ZeroStridesBroadcast) {
    for (const std::string &kernel : usable_kernels()) {
        const tconv_spec spec = layer("n1_c5_h4_w4_o7_k4x4_s2x2_p1,1,1,1_op0,0_d1x1_g1_f32_nchw", dtype_of(kernel));
        KernelName name;
        ASSERT_TRUE(parse_kernel_name(kernel, &name));
        if (may_refuse(name, spec))
            continue;
        Problem bilinear(spec, 1);
        for (int64_t c = 0; c < 5; ++c)
            for (int64_t o = 0; o < 7; ++o)
                for (int64_t k = 0; k < 16; ++k)
                    bilinear.filter.set(c, o, k / 4, k % 4, bilinear.filter.at(0, 0, k / 4, k % 4));
        const tconv_view whole = bilinear.filter.view();
        tconv_view shared = whole;
        shared.stride[0] = shared.stride[1] = 0;
        const Plan plan(spec, kernel);
        Block a(plan.needs.packed_filter_bytes), b(plan.needs.packed_filter_bytes);
        ASSERT_EQ(tconv_pack_filter(plan.get(), &whole, a.data(), a.size()), TCONV_OK);
        ASSERT_EQ(tconv_pack_filter(plan.get(), &shared, b.data(), b.size()), TCONV_OK) << kernel;
        EXPECT_EQ(std::memcmp(a.bytes(), b.bytes(), a.size()), 0) << kernel;
    }
}

}  // namespace
