// The C ABI of gradients on a driver that records what it is asked, as driver_test.cpp has that of layers.
#include <gtest/gtest.h>
#include <malloc.h>

#include <algorithm>
#include <string>
#include <utility>

#include "driver_fixture.h"
#include "tconv/tconv_cuda_gradients.h"

namespace {

using tconv::testing::device_memory;

constexpr int32_t kAll[] = {TCONV_GRADIENT_INPUT, TCONV_GRADIENT_FILTER, TCONV_GRADIENT_BIAS};

class CudaGradients : public tconv::testing::Cuda {
protected:
    void SetUp() override {
        Cuda::SetUp();
        spec.activation = TCONV_ACT_NONE;
    }

    tconv_status create(int32_t which, tconv_cuda_gradient_plan **plan, const char *kernel = nullptr) {
        said.clear();
        return tconv_cuda_gradient_plan_create(&spec, which, kernel, &target, &hooks, plan);
    }

    static tconv_requirements needs_of(const tconv_cuda_gradient_plan *plan) {
        tconv_requirements need;
        tconv_requirements_init(&need, sizeof need);
        EXPECT_EQ(tconv_cuda_gradient_plan_requirements(plan, &need), TCONV_OK);
        return need;
    }

    tconv_gradient_tensors tensors(const tconv_cuda_gradient_plan *plan) const {
        tconv_gradient_tensors t;
        tconv_gradient_tensors_init(&t, sizeof t);
        tconv_view_input(&spec, spec.layout, device_memory(0), &t.input);
        tconv_view_output(&spec, spec.layout, device_memory(1), &t.output_gradient);
        tconv_view_input(&spec, spec.layout, device_memory(2), &t.input_gradient);
        tconv_view_filter(&spec, TCONV_IOHW, device_memory(3), &t.filter_gradient);
        t.bias_gradient = device_memory(4);
        t.packed_filter = device_memory(5);
        t.workspace = device_memory(6), t.workspace_bytes = needs_of(plan).workspace_bytes;
        return t;
    }
};

TEST_F(CudaGradients, RunOnTheCallersStreamAndCallNothingButLaunches) {
    void *const stream = device_memory(100);
    for (const int32_t which : kAll) {
        tconv_cuda_gradient_plan *plan = nullptr;
        ASSERT_EQ(create(which, &plan), TCONV_OK) << said;
        EXPECT_NE(std::string(tconv_cuda_gradient_plan_kernel(plan)).find("_cuda"), std::string::npos);
        const tconv_gradient_tensors t = tensors(plan);
        const bool input = which == TCONV_GRADIENT_INPUT;
        driver->launches = 0;
        if (input) {
            tconv_view filter;
            ASSERT_EQ(tconv_view_filter(&spec, TCONV_IOHW, device_memory(7), &filter), TCONV_OK);
            const size_t bytes = needs_of(plan).packed_filter_bytes;
            ASSERT_EQ(tconv_cuda_gradient_pack_filter(plan, &filter, device_memory(5), bytes, stream), TCONV_OK)
                << said;
            EXPECT_EQ(driver->launches, 3) << "two tables of phases and the weights";
            driver->launches = 0;
        } else {
            EXPECT_EQ(needs_of(plan).packed_filter_bytes, 0u);
            EXPECT_GT(needs_of(plan).workspace_bytes, 0u);
        }
        const int before = driver->calls, launches = input ? 1 : 2;  // the sums of all splits, then what adds them up
        const size_t in_use = mallinfo2().uordblks;
        ASSERT_EQ(tconv_cuda_gradient_run(plan, &t, stream), TCONV_OK) << said;
        EXPECT_EQ(mallinfo2().uordblks, in_use);
        EXPECT_EQ(driver->calls - before, 2 + launches)
            << "enter the context, launch, leave it: no allocation, copy or wait";
        EXPECT_EQ(driver->launches, launches);
        for (int i = 0; i < launches; i++) {
            EXPECT_EQ(driver->last[i].stream, stream);
            EXPECT_LE(driver->last[i].block[0] * driver->last[i].block[1] * driver->last[i].block[2], 128u);
        }
        tconv_cuda_gradient_plan_destroy(plan);
        expect_nothing_left();
    }
}

TEST_F(CudaGradients, ViewsThatSuitNoVectorsTakeTheOtherKernel) {
    spec.out_channels = 128;
    for (const auto &[which, kernel] : {std::pair{TCONV_GRADIENT_INPUT, "tconv_f32_input_gradient_channels128x16x1v_cuda"},
                                        std::pair{TCONV_GRADIENT_FILTER, "tconv_f32_filter_gradient_channels128x8x1v_cuda"}}) {
        tconv_cuda_gradient_plan *plan = nullptr;
        ASSERT_EQ(create(which, &plan, kernel), TCONV_OK) << said;
        const int loads = driver->loads;
        tconv_gradient_tensors t = tensors(plan);
        auto function = [&] {
            driver->launches = 0;
            EXPECT_EQ(tconv_cuda_gradient_run(plan, &t, nullptr), TCONV_OK) << said;
            return driver->last[0].function;
        };
        void *const vectors = function();
        t.output_gradient.data = device_memory<char>(1) + 4;
        EXPECT_NE(function(), vectors);
        EXPECT_EQ(driver->loads, loads) << "it was loaded with the plan";
        tconv_cuda_gradient_plan_destroy(plan);
    }
}

TEST_F(CudaGradients, OfNoImagesAreZeros) {
    spec.batch = 0;
    for (const int32_t which : kAll) {
        tconv_cuda_gradient_plan *plan = nullptr;
        ASSERT_EQ(create(which, &plan), TCONV_OK) << said;
        EXPECT_EQ(needs_of(plan).workspace_bytes, 0u);
        tconv_gradient_tensors t = tensors(plan);
        t.workspace = nullptr;
        driver->launches = 0;
        EXPECT_EQ(tconv_cuda_gradient_run(plan, &t, nullptr), TCONV_OK) << said;
        EXPECT_EQ(driver->launches, which == TCONV_GRADIENT_INPUT ? 0 : 1);
        tconv_cuda_gradient_plan_destroy(plan);
    }
}

TEST_F(CudaGradients, BatchesThatReachFarAreCutBetweenSplits) {
    driver->major = 12;  // PTX, in which the driver sees what kernels take
    spec.batch = 5;
    tconv_cuda_gradient_plan *plan = nullptr;
    for (const int32_t which : {TCONV_GRADIENT_FILTER, TCONV_GRADIENT_BIAS}) {
        ASSERT_EQ(create(which, &plan), TCONV_OK) << said;
        tconv_gradient_tensors t = tensors(plan);
        t.output_gradient.data = device_memory(1000);       // beyond all others
        t.output_gradient.stride[0] = int64_t{2000} << 20;  // two images of which an int32 reaches
        driver->launches = 0;
        EXPECT_EQ(tconv_cuda_gradient_run(plan, &t, nullptr), TCONV_OK) << said;
        ASSERT_EQ(driver->launches, 3 + 1) << "two images, two, and one; what adds them up";
        auto takes = [&](int launch, uint64_t address) {
            const uint64_t *const values = driver->arguments[launch].values;
            return std::count(values, values + driver->arguments[launch].count, address) > 0;
        };
        const uint64_t workspace = reinterpret_cast<uintptr_t>(t.workspace), of_image = t.workspace_bytes / 5;
        for (uint64_t launch = 0; launch < 3; launch++) {
            for (const tconv_view *view : {&t.output_gradient, &t.input}) {
                const uint64_t begins = 2 * launch * static_cast<uint64_t>(view->stride[0]) * 4;
                const bool is_read = view == &t.output_gradient || which == TCONV_GRADIENT_FILTER;
                const uint64_t address = reinterpret_cast<uintptr_t>(view->data) + begins;
                EXPECT_EQ(takes(static_cast<int>(launch), address), is_read) << launch;
            }
            EXPECT_TRUE(takes(static_cast<int>(launch), workspace + 2 * launch * of_image)) << launch;
        }
        EXPECT_TRUE(takes(3, workspace));
        tconv_cuda_gradient_plan_destroy(plan);
    }

    // A filter so large that splits are whole images, several of them.
    spec.batch = 64, spec.in_channels = spec.out_channels = 1024, spec.in_h = spec.in_w = 4;
    ASSERT_EQ(create(TCONV_GRADIENT_FILTER, &plan), TCONV_OK) << said;
    tconv_gradient_tensors t = tensors(plan);
    t.input.data = device_memory(1000);
    t.input.stride[0] = int64_t{1} << 31;
    driver->launches = 0;
    EXPECT_EQ(tconv_cuda_gradient_run(plan, &t, nullptr), TCONV_SIZE_OVERFLOW);
    EXPECT_NE(said.find("reach more than 2147483647 elements"), std::string::npos) << said;
    EXPECT_EQ(driver->launches, 0);
    tconv_cuda_gradient_plan_destroy(plan);
}

// Launches count rows and columns of all their images in int32, rounded up to splits and lanes.
TEST_F(CudaGradients, MorePositionsThanALaunchCounts) {
    tconv_cuda_gradient_plan *plan = nullptr;
    const auto parse = [&](const char *text) {
        ASSERT_EQ(tconv_spec_parse(text, &spec, nullptr, 0), TCONV_OK) << text;
        said.clear();
    };
    struct Refused {
        const char *text;
        int32_t which;
    };
    for (const Refused &layer :
         {Refused{"n1_c1_h1_w1_o134217729_k1x1_s1x1_p0,0,0,0_op0,0_d1x1_g1_f32_nchw", TCONV_GRADIENT_BIAS},
          Refused{"n1_c1_h1_w1_o2147483647_k1x1_s1x1_p0,0,0,0_op0,0_d1x1_g1_f32_nchw", TCONV_GRADIENT_BIAS},
          Refused{"n1_c1_h2147483647_w1_o1_k1x1_s1x1_p0,0,0,0_op0,0_d1x1_g1_f32_nchw", TCONV_GRADIENT_BIAS},
          Refused{"n1_c1_h1_w2147483647_o1_k1x1_s1x1_p0,0,0,0_op0,0_d1x1_g1_f32_nchw", TCONV_GRADIENT_BIAS},
          Refused{"n1_c1_h2147483647_w1_o1_k1x1_s1x1_p0,0,0,0_op0,0_d1x1_g1_f32_nchw", TCONV_GRADIENT_FILTER},
          Refused{"n1_c1_h1_w2147483647_o1_k1x1_s1x1_p0,0,0,2147482647_op0,0_d1x1_g1_f32_nchw",
                  TCONV_GRADIENT_FILTER}}) {
        parse(layer.text);
        EXPECT_EQ(create(layer.which, &plan), TCONV_SIZE_OVERFLOW) << layer.text << said;
        EXPECT_NE(said, "") << layer.text;
    }
    // All images are one, so that their addresses bound nothing: 2^32 rows are two launches and a bit.
    parse("n65536_c1_h65536_w1_o1_k1x1_s1x1_p0,0,0,0_op0,0_d1x1_g1_f32_nchw");
    for (const int32_t which : {TCONV_GRADIENT_FILTER, TCONV_GRADIENT_BIAS}) {
        ASSERT_EQ(create(which, &plan), TCONV_OK) << said;
        tconv_gradient_tensors t = tensors(plan);
        t.input.stride[0] = t.output_gradient.stride[0] = 0;
        driver->launches = 0;
        EXPECT_EQ(tconv_cuda_gradient_run(plan, &t, nullptr), TCONV_OK) << said;
        EXPECT_EQ(driver->launches, 3 + 1) << "and what adds up";
        tconv_cuda_gradient_plan_destroy(plan);
    }
}

TEST_F(CudaGradients, ArgumentsAreCheckedBeforeAnythingIsLaunched) {
    tconv_cuda_gradient_plan *plan = nullptr;
    EXPECT_EQ(tconv_cuda_gradient_plan_create(nullptr, 0, nullptr, nullptr, nullptr, &plan), TCONV_INVALID_ARGUMENT);
    EXPECT_EQ(create(3, &plan), TCONV_INVALID_ARGUMENT);
    EXPECT_NE(said.find("which = 3"), std::string::npos) << said;
    for (const int32_t which : kAll)
        EXPECT_EQ(create(which, &plan, "no_such_kernel"), TCONV_UNSUPPORTED) << which;
    target.struct_size = 1;
    EXPECT_EQ(create(0, &plan), TCONV_INVALID_STRUCT);
    target.struct_size = sizeof target;
    spec.activation = TCONV_ACT_RELU;
    EXPECT_EQ(create(0, &plan), TCONV_INVALID_ARGUMENT);
    EXPECT_NE(said.find("activation"), std::string::npos) << said;
    spec.activation = TCONV_ACT_NONE;
    const tconv_spec good_spec = spec;
    spec.in_w = 1200, spec.stride_w = 1 << 20;
    ASSERT_EQ(tconv_spec_set_crop(&spec, 0, 5, 1 << 30, 100), TCONV_OK);
    for (const int32_t which : {TCONV_GRADIENT_INPUT, TCONV_GRADIENT_FILTER}) {
        said.clear();
        EXPECT_EQ(create(which, &plan), TCONV_SIZE_OVERFLOW) << said;
        EXPECT_NE(said.find("axis w"), std::string::npos) << said;
    }
    spec = good_spec;
    for (const int32_t which : kAll) {
        ASSERT_EQ(create(which, &plan), TCONV_OK) << said;
        const tconv_gradient_tensors good = tensors(plan);
        auto refused = [&](tconv_gradient_tensors t) { return tconv_cuda_gradient_run(plan, &t, nullptr); };
        driver->launches = 0;
        tconv_gradient_tensors t = good;
        t.output_gradient.data = nullptr;
        EXPECT_EQ(refused(t), TCONV_INVALID_ARGUMENT);
        t = good, t.struct_size = 8;
        EXPECT_EQ(refused(t), TCONV_INVALID_STRUCT);
        if (which == TCONV_GRADIENT_INPUT) {
            t = good, t.packed_filter = device_memory<char>(5) + 64;
            EXPECT_EQ(refused(t), TCONV_MISALIGNED);
            t = good, t.input_gradient.data = t.output_gradient.data;
            EXPECT_EQ(refused(t), TCONV_INVALID_ARGUMENT);
        } else {
            t = good, t.workspace = nullptr;
            EXPECT_EQ(refused(t), TCONV_INVALID_ARGUMENT);
            t = good, t.workspace_bytes--;
            EXPECT_EQ(refused(t), TCONV_WORKSPACE_TOO_SMALL);
            tconv_view filter = good.filter_gradient;
            EXPECT_EQ(tconv_cuda_gradient_pack_filter(plan, &filter, device_memory(5), 1 << 20, nullptr),
                      TCONV_INVALID_ARGUMENT);
        }
        EXPECT_EQ(tconv_cuda_gradient_run(plan, nullptr, nullptr), TCONV_INVALID_ARGUMENT);
        EXPECT_EQ(tconv_cuda_gradient_run(nullptr, &good, nullptr), TCONV_INVALID_ARGUMENT);
        EXPECT_EQ(driver->launches, 0);
        tconv_cuda_gradient_plan_destroy(plan);
    }
    tconv_cuda_gradient_plan_destroy(nullptr);
    EXPECT_EQ(tconv_cuda_gradient_plan_kernel(nullptr), nullptr);
}

TEST_F(CudaGradients, EveryFaultLeavesNothing) {
    for (const char *const function : {"cuCtxPushCurrent", "cuModuleLoadData", "cuDevicePrimaryCtxRetain"}) {
        driver->failing = function, driver->failing_with = 2;
        tconv_cuda_gradient_plan *plan = nullptr;
        const tconv_status status = create(TCONV_GRADIENT_FILTER, &plan);
        EXPECT_NE(status, TCONV_OK) << function;
        EXPECT_EQ(plan, nullptr);
        driver->failing = nullptr;
        expect_nothing_left();
    }
}

}  // namespace
