// Memory of a run: none is allocated, and addresses beyond 2^31 elements are reached where they may be: in a batch, and
// up to the limit within one image.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdlib>
#include <string>
#include <vector>

#include "far_tensor.h"
#include "gradient_runner.h"
#include "random_spec.h"
#include "runner.h"

#if defined(__GLIBC__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define COUNTS_ALLOCATIONS 1
#endif

namespace {

using namespace tconv::testing;

#if defined(COUNTS_ALLOCATIONS)
std::atomic<bool> counting{false};
std::atomic<int> allocations{0};

void count() {
    if (counting.load(std::memory_order_relaxed))
        allocations.fetch_add(1, std::memory_order_relaxed);
}
#endif

}  // namespace

#if defined(COUNTS_ALLOCATIONS)
// The program's own allocation functions, in place of glibc's: what the library calls is these.
extern "C" {
void *__libc_malloc(size_t bytes);
void *__libc_calloc(size_t count, size_t bytes);
void *__libc_realloc(void *block, size_t bytes);
void *__libc_memalign(size_t alignment, size_t bytes);

void *malloc(size_t bytes) {
    count();
    return __libc_malloc(bytes);
}
void *calloc(size_t number, size_t bytes) {
    count();
    return __libc_calloc(number, bytes);
}
void *realloc(void *block, size_t bytes) {
    count();
    return __libc_realloc(block, bytes);
}
void *memalign(size_t alignment, size_t bytes) {
    count();
    return __libc_memalign(alignment, bytes);
}
void *aligned_alloc(size_t alignment, size_t bytes) {
    count();
    return __libc_memalign(alignment, bytes);
}
int posix_memalign(void **block, size_t alignment, size_t bytes) {
    count();
    *block = __libc_memalign(alignment, bytes);
    return *block == nullptr ? 12 : 0;
}
}

namespace {

TEST(RunMemory, NothingIsAllocated) {
    tconv_pool *pool = nullptr;
    ASSERT_EQ(tconv_pool_create(3, &pool), TCONV_OK);
    counting = true;
    std::free(std::malloc(100));
    counting = false;
    ASSERT_EQ(allocations, 1) << "the counter counts";
    for (uint64_t i = 0; i < 60; ++i) {
        Random random(seed_of_case(seed_from_environment(), 600000 + i));
        SpecLimits limits;
        limits.dtype = dtype_of_case(i);
        const int64_t kind = random.below(5);
        limits.depthwise = kind == 0, limits.winograd = kind == 1;
        const tconv_spec spec = random_legal_spec(random, limits);
        Problem problem(spec, 1);
        tconv_hooks hooks;
        tconv_hooks_init(&hooks, sizeof hooks);
        if (i % 2 == 0) {
            ASSERT_EQ(tconv_pool_hooks(pool, &hooks), TCONV_OK);
        }
        for (const std::string &kernel : kernels_for(spec)) {
            const Plan plan(spec, kernel, &hooks);
            Block packed(plan.needs.packed_filter_bytes), workspace(plan.needs.workspace_bytes);
            const tconv_view filter = problem.filter.view();
            tconv_tensors tensors = problem.tensors();
            tensors.packed_filter = packed.data();
            tensors.workspace = workspace.data(), tensors.workspace_bytes = workspace.size();
            allocations = 0;
            counting = true;
            const tconv_status pack = tconv_pack_filter(plan.get(), &filter, packed.data(), packed.size());
            const tconv_status run = tconv_run(plan.get(), &tensors);
            counting = false;
            ASSERT_EQ(pack, TCONV_OK);
            ASSERT_EQ(run, TCONV_OK);
            ASSERT_EQ(allocations, 0) << text_of(spec) << ' ' << kernel;
            // And what is asked for is enough, on three threads too.
            ASSERT_TRUE(packed.guards_intact() && workspace.guards_intact()) << text_of(spec) << ' ' << kernel;
        }
    }
    tconv_pool_destroy(pool);
}

TEST(RunMemory, NothingIsAllocatedForGradients) {
    tconv_pool *pool = nullptr;
    ASSERT_EQ(tconv_pool_create(3, &pool), TCONV_OK);
    for (uint64_t i = 0; i < 40; ++i) {
        Random random(seed_of_case(seed_from_environment(), 610000 + i));
        SpecLimits limits;
        limits.dtype = dtype_of_case(i);
        limits.depthwise = random.chance(0.2);
        const tconv_spec spec = linear(random_legal_spec(random, limits));
        tconv_hooks hooks;
        tconv_hooks_init(&hooks, sizeof hooks);
        if (i % 2 == 0) {
            ASSERT_EQ(tconv_pool_hooks(pool, &hooks), TCONV_OK);
        }
        for (const int32_t which : kGradients) {
            const GradientProblem problem(spec, which, 1);
            const tconv_view filter = problem.filter.view();
            for (const std::string &kernel : kernels_for(spec, which)) {
                const GradientPlan plan(spec, which, kernel, &hooks);
                Block packed(plan.needs.packed_filter_bytes), workspace(plan.needs.workspace_bytes);
                tconv_gradient_tensors tensors = problem.tensors();
                tensors.packed_filter = packed.data();
                tensors.workspace = workspace.data(), tensors.workspace_bytes = workspace.size();
                tconv_status pack = TCONV_OK;
                allocations = 0;
                counting = true;
                if (which == TCONV_GRADIENT_INPUT)
                    pack = tconv_gradient_pack_filter(plan.get(), &filter, packed.data(), packed.size());
                const tconv_status run = tconv_gradient_run(plan.get(), &tensors);
                counting = false;
                ASSERT_EQ(pack, TCONV_OK);
                ASSERT_EQ(run, TCONV_OK);
                ASSERT_EQ(allocations, 0) << text_of(spec) << ' ' << gradient_text(which) << ' ' << kernel;
                ASSERT_TRUE(packed.guards_intact() && workspace.guards_intact()) << text_of(spec) << ' ' << kernel;
            }
        }
    }
    tconv_pool_destroy(pool);
}

}  // namespace
#endif

namespace {

TEST(RunMemory, TheAllocationHookIsOnlyForPlans) {
    const tconv_spec spec = layer("n2_c6_h5_w7_o20_k4x3_s2x2_p1,1,1,1_op0,0_d1x1_g2_f32_nchw_softmax");
    Problem problem(spec, 1);
    int calls = 0;
    tconv_hooks hooks;
    tconv_hooks_init(&hooks, sizeof hooks);
    hooks.user = &calls;
    hooks.allocate = [](void *user, size_t alignment, size_t bytes) {
        ++*static_cast<int *>(user);
        return std::aligned_alloc(alignment, (bytes + alignment - 1) / alignment * alignment);
    };
    hooks.release = [](void *user, void *block) {
        ++*static_cast<int *>(user);
        std::free(block);
    };
    const Plan plan(spec, "", &hooks);
    Block packed(plan.needs.packed_filter_bytes), workspace(plan.needs.workspace_bytes);
    const tconv_view filter = problem.filter.view();
    tconv_tensors tensors = problem.tensors();
    tensors.packed_filter = packed.data();
    tensors.workspace = workspace.data(), tensors.workspace_bytes = workspace.size();
    calls = 0;
    ASSERT_EQ(tconv_pack_filter(plan.get(), &filter, packed.data(), packed.size()), TCONV_OK);
    ASSERT_EQ(tconv_run(plan.get(), &tensors), TCONV_OK);
    EXPECT_EQ(calls, 0);
}

// ---- Far addresses ---------------------------------------------------------------------------------------------

using Strides = std::array<int64_t, 4>;

// Runs every kernel with input, residual and output at these strides in sparse memory and compares with the oracle.
void run_far(const tconv_spec &spec, const Strides &input, const Strides &output, int64_t elements) {
    for (const Lot &lot : lots_for(spec)) {
        Problem problem(spec, 1, Placement::kDense, lot.rules);
        const std::vector<double> expected = problem.expected();
        const FarTensor far_input(problem.input, input, elements), far_residual(problem.residual, output, elements);
        for (const std::string &kernel : lot.kernels) {
            problem.output.poison();
            const FarTensor far_output(problem.output, output, elements);
            if (!far_input.there() || !far_residual.there() || !far_output.there())
                GTEST_SKIP() << "[SKIP] no address space for " << elements << " elements here";
            const Plan plan(spec, kernel);
            Block packed(plan.needs.packed_filter_bytes), workspace(plan.needs.workspace_bytes);
            const tconv_view filter = problem.filter.view();
            ASSERT_EQ(tconv_pack_filter(plan.get(), &filter, packed.data(), packed.size()), TCONV_OK);
            tconv_tensors tensors = problem.tensors();
            tensors.input = far_input.view(), tensors.residual = far_residual.view();
            tensors.output = far_output.view();
            tensors.packed_filter = packed.data();
            tensors.workspace = workspace.data(), tensors.workspace_bytes = workspace.size();
            ASSERT_EQ(tconv_run(plan.get(), &tensors), TCONV_OK) << kernel;
            far_output.copy_to(problem.output);
            ASSERT_EQ(problem.compare(expected), "") << kernel;
        }
    }
}

// The same for all gradients of the layer, with the strides of the input and the output.
void run_gradients_far(const tconv_spec &spec, const Strides &input, const Strides &output, int64_t elements) {
    for (const int32_t which : kGradients) {
        GradientProblem problem(spec, which, 1);
        const std::vector<double> expected = problem.expected();
        const FarTensor far_input(problem.input, input, elements), far_output(problem.output_gradient, output, elements);
        for (const std::string &kernel : kernels_for(spec, which)) {
            problem.result().poison();
            const FarTensor far_result(problem.input_gradient, input, elements);
            if (!far_input.there() || !far_output.there() || !far_result.there())
                GTEST_SKIP() << "[SKIP] no address space for " << elements << " elements here";
            const GradientPlan plan(spec, which, kernel);
            Block packed(plan.needs.packed_filter_bytes), workspace(plan.needs.workspace_bytes);
            tconv_gradient_tensors tensors = problem.tensors();
            if (which == TCONV_GRADIENT_INPUT) {
                const tconv_view filter = problem.filter.view();
                ASSERT_EQ(tconv_gradient_pack_filter(plan.get(), &filter, packed.data(), packed.size()), TCONV_OK);
            }
            tensors.input = far_input.view(), tensors.output_gradient = far_output.view();
            tensors.input_gradient = far_result.view(), tensors.packed_filter = packed.data();
            tensors.workspace = workspace.data(), tensors.workspace_bytes = workspace.size();
            ASSERT_EQ(tconv_gradient_run(plan.get(), &tensors), TCONV_OK) << kernel;
            if (which == TCONV_GRADIENT_INPUT)
                far_result.copy_to(problem.input_gradient);
            ASSERT_EQ(problem.compare(expected), "") << text_of(spec) << ' ' << gradient_text(which) << ' ' << kernel;
        }
    }
}

void run_all_far(const tconv_spec &spec, const Strides &input, const Strides &output, int64_t elements) {
    run_far(spec, input, output, elements);
    run_gradients_far(linear(spec), input, output, elements);
}

constexpr int64_t kLimit = (int64_t{1} << 31) - 1;  // elements that one image may span

class FarAddresses : public ::testing::TestWithParam<int32_t> {};
INSTANTIATE_TEST_SUITE_P(Types, FarAddresses, ::testing::ValuesIn(dtypes()), dtype_test_name);

TEST_P(FarAddresses, ImagesOfABatch) {
    const tconv_spec spec = layer("n3_c5_h3_w4_o9_k3x3_s2x2_p1,1,1,1_op0,0_d1x1_g1_f32_nchw_resafter", GetParam());
    // 5 x 7 outputs of 9 channels; images further apart than int32 counts elements.
    run_all_far(spec, {kLimit + 100, 12, 4, 1}, {kLimit + 77, 35, 7, 1}, 3 * (kLimit + 100));
    // Nearer ones would share a task.
    const tconv_spec heavy = layer("n3_c131_h1_w2_o126_k4x4_s2x2_p1,1,1,1_op0,0_d1x1_g1_f32_nchw_resafter", GetParam());
    run_far(heavy, {kLimit + 100, 2, 2, 1}, {kLimit + 77, 8, 4, 1}, 3 * (kLimit + 100));
}

TEST_P(FarAddresses, RowsColumnsAndChannelsOfOneImage) {
    const tconv_spec spec = layer("n1_c3_h3_w4_o4_k3x3_s2x2_p1,1,1,1_op0,0_d1x1_g1_f32_nchw_resafter", GetParam());
    // 5 x 7 outputs. The furthest element is the last that is allowed.
    const int64_t row = (kLimit - 1 - 2 * 4 - 3) / 2, out_row = (kLimit - 1 - 3 * 7 - 6) / 4;
    run_all_far(spec, {0, 4, row, 1}, {0, 7, out_row, 1}, kLimit);
    const int64_t channel = (kLimit - 1 - 2 * 4 - 3) / 2, out_channel = (kLimit - 1 - 4 * 7 - 6) / 3;
    run_all_far(spec, {0, channel, 4, 1}, {0, out_channel, 7, 1}, kLimit);
    const int64_t column = (kLimit - 1 - 2 * 3 - 2) / 3, out_column = (kLimit - 1 - 4 * 4 - 3) / 6;
    run_all_far(spec, {0, 1, 3, column}, {0, 1, 4, out_column}, kLimit);
}

// Strides of the layer times strides of the view are more than an int32, though no element lies that far: all outputs
// have quotient 1 of their phases.
TEST_P(FarAddresses, StridesOfLayerAndViewTogether) {
    const tconv_spec wide = layer("n1_c3_h4_w3_o2_k3x5_s1x1000_p1,1000,1,1000_op0,0_d1x1_g1_f32_nchw_resafter", GetParam());
    run_all_far(wide, {0, 12, 3, 1}, {0, 4, 1, kLimit / 5}, kLimit);
    const tconv_spec high = layer("n1_c3_h3_w4_o2_k5x3_s1000x1_p1000,1,1000,1_op0,0_d1x1_g1_f32_nchw_resafter", GetParam());
    run_all_far(high, {0, 12, 4, 1}, {0, 4, kLimit / 5, 1}, kLimit);
}

// 2200 images of 2^20 elements are 2.3e9 elements, though all of them are one image seen again and again.
TEST_P(FarAddresses, MoreThanTwoBillionElementsOfInput) {
    tconv_spec spec = layer("n1_c1_h1024_w1024_o2_k2x2_s1x1_p500,700,523,322_op0,0_d1x1_g1_f32_nchw", GetParam());
    Problem one(spec, 1, Placement::kDense, winograd_rules(spec));  // the plan may choose any kernel
    const std::vector<double> expected = one.expected();
    spec.batch = 2200;
    const auto element = static_cast<size_t>(tconv::element_type(spec.dtype).bytes);
    const Plan plan(spec);
    ASSERT_EQ(plan.status, TCONV_OK);
    EXPECT_EQ(plan.needs.input_bytes, element * 2200 * 1024 * 1024);
    const tconv_view filter = one.filter.view();
    Block packed(plan.needs.packed_filter_bytes), workspace(plan.needs.workspace_bytes);
    ASSERT_EQ(tconv_pack_filter(plan.get(), &filter, packed.data(), packed.size()), TCONV_OK);
    std::vector<unsigned char> output(plan.needs.output_bytes);
    tconv_tensors tensors = one.tensors();
    tensors.input.stride[0] = 0;
    ASSERT_EQ(tconv_view_output(&spec, TCONV_NCHW, output.data(), &tensors.output), TCONV_OK);
    tensors.packed_filter = packed.data();
    tensors.workspace = workspace.data(), tensors.workspace_bytes = workspace.size();
    ASSERT_EQ(tconv_run(plan.get(), &tensors), TCONV_OK);
    ASSERT_EQ(output.size(), 2200 * expected.size() * element);
    for (size_t i = 0; i < 2200 * expected.size(); ++i) {
        ASSERT_EQ(tconv::load_element(spec.dtype, output.data() + i * element),
                  tconv::rounded_to(spec.dtype, expected[i % expected.size()]))
            << i;
    }
}

}  // namespace
