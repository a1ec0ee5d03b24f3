// The C ABI on a driver that records what it is asked (fake_driver.h): plans, the cache of modules, streams, every fault.
#include <gtest/gtest.h>
#include <malloc.h>

#include <algorithm>
#include <cstring>
#include <string>
#include <utility>

#include "driver_fixture.h"
#include "tconv/tconv_cuda.h"

namespace {

using tconv::testing::device_memory;

class Cuda : public tconv::testing::Cuda {
protected:
    tconv_status create(tconv_cuda_plan **plan, const char *kernel = nullptr) {
        said.clear();
        return tconv_cuda_plan_create(&spec, kernel, &target, &hooks, plan);
    }

    tconv_tensors tensors(const tconv_cuda_plan *plan) const {
        tconv_requirements need;
        tconv_requirements_init(&need, sizeof need);
        EXPECT_EQ(tconv_cuda_plan_requirements(plan, &need), TCONV_OK);
        tconv_tensors t;
        tconv_tensors_init(&t, sizeof t);
        tconv_view_input(&spec, spec.layout, device_memory(0), &t.input);
        tconv_view_output(&spec, spec.layout, device_memory(1), &t.output);
        tconv_view_output(&spec, spec.layout, device_memory(2), &t.residual);
        t.packed_filter = device_memory(3);
        t.bias = device_memory(4);
        t.workspace = device_memory(5), t.workspace_bytes = need.workspace_bytes;
        return t;
    }
};

TEST_F(Cuda, PacksAndRunsOnTheCallersStreamInThePrimaryContext) {
    tconv_cuda_plan *plan = nullptr;
    target.device = 1;
    ASSERT_EQ(create(&plan), TCONV_OK) << said;
    EXPECT_NE(std::string(tconv_cuda_plan_kernel(plan)).find("_cuda"), std::string::npos);
    EXPECT_EQ(driver->launches, 0) << "plans launch nothing";
    EXPECT_EQ(driver->depth, 0);
    const tconv_tensors t = tensors(plan);
    tconv_view filter;
    ASSERT_EQ(tconv_view_filter(&spec, TCONV_IOHW, device_memory(6), &filter), TCONV_OK);
    void *const stream = device_memory(100);
    tconv_requirements need;
    tconv_requirements_init(&need, sizeof need);
    ASSERT_EQ(tconv_cuda_plan_requirements(plan, &need), TCONV_OK);
    EXPECT_EQ(need.workspace_bytes, 0u);
    ASSERT_EQ(tconv_cuda_pack_filter(plan, &filter, device_memory(3), need.packed_filter_bytes, stream), TCONV_OK)
        << said;
    EXPECT_EQ(driver->launches, 3) << "two tables of phases and the weights";
    ASSERT_EQ(tconv_cuda_run(plan, &t, stream), TCONV_OK) << said;
    EXPECT_EQ(driver->launches, 4) << "all images and phases at once";
    for (int i = 0; i < driver->launches; i++) {
        EXPECT_EQ(driver->last[i].stream, stream);
        EXPECT_EQ(driver->last[i].context, reinterpret_cast<void *>(0x1001));
        EXPECT_EQ(driver->last[i].block[0] * driver->last[i].block[1] * driver->last[i].block[2], 128u);
    }
    EXPECT_EQ(std::memcmp(driver->loaded_image, TCONV_WITH_PTXAS ? "\177ELF" : "//\n/", TCONV_WITH_PTXAS ? 4 : 2), 0);
    tconv_cuda_plan_destroy(plan);
    expect_nothing_left();
}

TEST_F(Cuda, RunsCallNothingButLaunches) {
    tconv_cuda_plan *plan = nullptr;
    ASSERT_EQ(create(&plan), TCONV_OK) << said;
    const tconv_tensors t = tensors(plan);
    const int before = driver->calls;
    const size_t in_use = mallinfo2().uordblks;
    for (int i = 0; i < 100; i++)
        ASSERT_EQ(tconv_cuda_run(plan, &t, nullptr), TCONV_OK) << said;
    EXPECT_EQ(mallinfo2().uordblks, in_use);
    EXPECT_EQ(driver->calls - before, 300) << "enter the context, launch, leave it: no allocation, copy or wait";
    EXPECT_EQ(driver->launches, 100);
    tconv_cuda_plan_destroy(plan);
}

TEST_F(Cuda, ModulesAreLoadedOnceForEachContextAndUnloadedWithTheLastPlan) {
    tconv_cuda_plan *first = nullptr, *second = nullptr, *third = nullptr;
    ASSERT_EQ(create(&first), TCONV_OK) << said;
    const int loads = driver->loads;
    EXPECT_GE(loads, 3);
    ASSERT_EQ(create(&second), TCONV_OK) << said;
    EXPECT_EQ(driver->loads, loads) << "the same context has them";
    target.context = device_memory(200);
    ASSERT_EQ(create(&third), TCONV_OK) << said;
    EXPECT_EQ(driver->loads, 2 * loads) << "another context has none";
    tconv_cuda_plan_destroy(first);
    EXPECT_EQ(driver->unloads, 0);
    const tconv_tensors t = tensors(second);
    EXPECT_EQ(tconv_cuda_run(second, &t, nullptr), TCONV_OK) << said;
    tconv_cuda_plan_destroy(second);
    EXPECT_EQ(driver->unloads, loads);
    tconv_cuda_plan_destroy(third);
    expect_nothing_left();
}

TEST_F(Cuda, ViewsThatSuitNoVectorsTakeTheOtherKernelFromTheSameFilter) {
    struct Type {
        int32_t dtype, math;
        int bytes, alignment;  // of an element; of a vector
        const char *kernel;
    };
    // Vectors of tensor cores are 16 bytes of any type.
    for (const auto &[dtype, math, bytes, alignment, kernel] :
         {Type{TCONV_F32, TCONV_MATH_FAST, 4, 16, "tconv_f32_phase_channels32x16x1v_cuda"},
          Type{TCONV_F64, TCONV_MATH_FAST, 8, 16, "tconv_f64_phase_channels32x16x1v_cuda"},
          Type{TCONV_F16, TCONV_MATH_STRICT, 2, 8, "tconv_f16_phase_channels32x16x1v_cuda"},
          Type{TCONV_BF16, TCONV_MATH_STRICT, 2, 8, "tconv_bf16_phase_channels32x16x1v_cuda"},
          Type{TCONV_F16, TCONV_MATH_FAST, 2, 16, "tconv_f16_phase_fragments32x16x4v_cuda"},
          Type{TCONV_F32, TCONV_MATH_TF32, 4, 16, "tconv_tf32_phase_fragments32x16x4v_cuda"}}) {
        spec.dtype = dtype, spec.math = math;
        tconv_cuda_plan *plan = nullptr;
        ASSERT_EQ(create(&plan, kernel), TCONV_OK) << said;
        const int loads = driver->loads;
        auto function_of = [&](const tconv_tensors &t) {
            driver->launches = 0;
            EXPECT_EQ(tconv_cuda_run(plan, &t, nullptr), TCONV_OK) << said;
            return driver->last[0].function;
        };
        tconv_tensors t = tensors(plan);
        void *const vectors = function_of(t);
        auto by = [&](int offset) { return static_cast<char *>(device_memory(1)) + offset; };
        t.output.data = by(alignment);
        EXPECT_EQ(function_of(t), vectors);
        void *other = nullptr;
        for (const int offset : {bytes, alignment / 2, alignment + bytes}) {
            t.output.data = by(offset);
            EXPECT_NE(function_of(t), vectors) << offset;
            EXPECT_TRUE(other == nullptr || other == driver->last[0].function);
            other = driver->last[0].function;
        }
        t.output.data = by(0);
        t.input.stride[3] += 8;
        t.input.stride[2] += 8 * spec.in_w;
        t.input.stride[0] += 8 * spec.in_w * spec.in_h;
        EXPECT_EQ(function_of(t), vectors);
        t.input.stride[0] += 2;
        EXPECT_EQ(function_of(t), other) << "images are not vectors apart";
        EXPECT_EQ(driver->loads, loads) << "it was loaded with the plan";
        tconv_cuda_plan_destroy(plan);
    }
}

TEST_F(Cuda, TensorCoresMultiplyWhereTheMathLetsThem) {
    struct Case {
        int32_t dtype, math, layout;
        bool fragments;
    };
    const Case cases[] = {
        {TCONV_F16, TCONV_MATH_FAST, TCONV_NHWC, true},  {TCONV_F16, TCONV_MATH_FAST, TCONV_NCHW, true},
        {TCONV_BF16, TCONV_MATH_FAST, TCONV_NHWC, true}, {TCONV_F16, TCONV_MATH_STRICT, TCONV_NHWC, false},
        {TCONV_F32, TCONV_MATH_TF32, TCONV_NHWC, true},  {TCONV_F32, TCONV_MATH_TF32, TCONV_NCHW, true},
        {TCONV_F32, TCONV_MATH_FAST, TCONV_NHWC, false}, {TCONV_F32, TCONV_MATH_STRICT, TCONV_NHWC, false},
    };
    spec.in_h = spec.in_w = 64;  // too much for all multiprocessors at once
    for (const Case &one : cases) {
        spec.dtype = one.dtype, spec.math = one.math, spec.layout = one.layout;
        tconv_cuda_plan *plan = nullptr;
        ASSERT_EQ(create(&plan), TCONV_OK) << said;
        const std::string kernel = tconv_cuda_plan_kernel(plan);
        EXPECT_EQ(kernel.find("_fragments") != std::string::npos, one.fragments) << kernel;
        EXPECT_EQ(kernel.find("_tf32_") != std::string::npos, one.math == TCONV_MATH_TF32) << kernel;
        char explained[16384];
        ASSERT_EQ(tconv_cuda_plan_explain(plan, explained, sizeof explained), TCONV_OK);
        const char *const reason =
            one.math == TCONV_MATH_STRICT ? "which STRICT rules out" : "which the layer does not ask for";
        EXPECT_EQ(std::string(explained).find(reason) != std::string::npos,
                  one.math == TCONV_MATH_STRICT || (one.dtype == TCONV_F32 && one.math == TCONV_MATH_FAST))
            << explained;
        tconv_cuda_plan_destroy(plan);
    }
    // Few channels are left to the other kernels, in float32 as well where TF32 would do.
    spec.layout = TCONV_NHWC, spec.in_channels = 4;
    for (const auto &[dtype, math] : {std::pair{TCONV_F16, TCONV_MATH_FAST}, {TCONV_F32, TCONV_MATH_TF32}}) {
        spec.dtype = dtype, spec.math = math;
        tconv_cuda_plan *plan = nullptr;
        ASSERT_EQ(create(&plan), TCONV_OK) << said;
        EXPECT_EQ(std::string(tconv_cuda_plan_kernel(plan)).find("_fragments"), std::string::npos);
        tconv_cuda_plan_destroy(plan);
    }
}

TEST_F(Cuda, LayersWithCurvesAreTwoLaunches) {
    struct Case {
        const char *layer;
        size_t workspace;
        int launches;
    };
    // In the output where it holds the sums; else in the workspace, as computed, 16 MiB of images or one.
    const Case cases[] = {
        {"n3_c8_h4_w4_o8_k4x4_s2x2_p1,1,1,1_op0,0_d1x1_g1_f32_nchw_tanh", 0, 2},
        {"n3_c8_h4_w4_o8_k4x4_s2x2_p1,1,1,1_op0,0_d1x1_g1_f32_nchw_tanh_resafter", 3 * 4 * 8 * 8 * 8, 2},
        {"n3_c8_h4_w4_o8_k4x4_s2x2_p1,1,1,1_op0,0_d1x1_g1_f64_nchw_tanh_resafter", 3 * 8 * 8 * 8 * 8, 2},
        {"n3_c8_h4_w4_o8_k4x4_s2x2_p1,1,1,1_op0,0_d1x1_g1_f16_nhwc_softmax", 3 * 4 * 8 * 8 * 8, 2},
        {"n3_c8_h4_w4_o8_k4x4_s2x2_p1,1,1,1_op0,0_d1x1_g1_bf16_nhwc_softmax_last", 3 * 4 * 8 * 8 * 8, 2},
        {"n3_c8_h512_w512_o2_k2x2_s2x2_p0,0,0,0_op0,0_d1x1_g1_f32_nchw_tanh_resafter", 2 * 4 * 2 * 1024 * 1024, 4},
        {"n3_c8_h512_w512_o5_k2x2_s2x2_p0,0,0,0_op0,0_d1x1_g1_f16_nchw_tanh", 4 * 5 * 1024 * 1024, 6},
    };
    for (const Case &of : cases) {
        ASSERT_EQ(tconv_spec_parse(of.layer, &spec, nullptr, 0), TCONV_OK);
        tconv_cuda_plan *plan = nullptr;
        ASSERT_EQ(create(&plan), TCONV_OK) << said;
        tconv_tensors t = tensors(plan);
        EXPECT_EQ(t.workspace_bytes, of.workspace) << of.layer;
        driver->launches = 0;
        EXPECT_EQ(tconv_cuda_run(plan, &t, nullptr), TCONV_OK) << said;
        EXPECT_EQ(driver->launches, of.launches) << of.layer;
        if (of.workspace > 0) {
            t.workspace_bytes--;
            EXPECT_EQ(tconv_cuda_run(plan, &t, nullptr), TCONV_WORKSPACE_TOO_SMALL);
        }
        tconv_cuda_plan_destroy(plan);
    }
}

// No launch reaches further than an int32 from its first element, whichever view is the widest; each begins where it should.
TEST_F(Cuda, BatchesThatReachFarAreCut) {
    driver->major = 12;  // PTX, in which the driver sees what kernels take
    ASSERT_EQ(tconv_spec_parse("n5_c8_h4_w4_o8_k4x4_s2x2_p1,1,1,1_op0,0_d1x1_g1_f32_nchw_resbefore", &spec, nullptr, 0),
              TCONV_OK);
    tconv_cuda_plan *plan = nullptr;
    ASSERT_EQ(create(&plan), TCONV_OK) << said;
    const tconv_tensors dense = tensors(plan);
    for (const int wide : {0, 1, 2}) {
        tconv_tensors t = dense;
        tconv_view *const views[] = {&t.input, &t.output, &t.residual};
        for (int i = 0; i < 3; i++) {
            views[i]->data = device_memory(1000 * (i + 1));
            if (i == wide)
                views[i]->stride[0] = int64_t{1} << 30;
        }
        driver->launches = 0;
        ASSERT_EQ(tconv_cuda_run(plan, &t, nullptr), TCONV_OK) << said;
        ASSERT_EQ(driver->launches, 3) << "two images, two, and one";
        for (int launch = 0; launch < 3; launch++) {
            const uint64_t *const values = driver->arguments[launch].values;
            for (const tconv_view *view : views) {
                const uint64_t begins =
                    reinterpret_cast<uintptr_t>(view->data) + static_cast<uint64_t>(2 * launch * view->stride[0]) * 4;
                EXPECT_NE(std::find(values, values + driver->arguments[launch].count, begins),
                          values + driver->arguments[launch].count)
                    << "launch " << launch << " has no tensor at its first image; view " << wide << " is wide";
            }
        }
        EXPECT_EQ(driver->last[0].grid[0], driver->last[1].grid[0]);
    }
    tconv_cuda_plan_destroy(plan);
}

// A grid has 2^31 - 1 blocks, and rounding up to one must not wrap.
TEST_F(Cuda, ImagesOfMoreBlocksThanAGridAreRefused) {
    tconv_cuda_plan *plan = nullptr;
    for (const char *text : {"n1_c1_h1_w2147483647_o1_k1x1_s1x1_p0,0,0,0_op0,0_d1x1_g1_f32_nchw_elu1",
                             "n1_c1_h1_w1_o1_k1x1_s95x22605091_p0,0,-94,-22605090_op0,0_d1x1_g1_f32_nchw"}) {
        ASSERT_EQ(tconv_spec_parse(text, &spec, nullptr, 0), TCONV_OK) << text;
        said.clear();
        EXPECT_EQ(create(&plan), TCONV_UNSUPPORTED) << text;
        EXPECT_NE(said.find("no kernel of this library computes this layer on a device"), std::string::npos) << said;
    }
    // Images that a launch finishes together.
    ASSERT_EQ(
        tconv_spec_parse("n16909320_c1_h1_w127_o1_k1x1_s1x1_p0,0,0,0_op0,0_d1x1_g1_f32_nchw_elu1", &spec, nullptr, 0),
        TCONV_OK);
    ASSERT_EQ(create(&plan), TCONV_OK) << said;
    driver->launches = 0;
    tconv_tensors t = tensors(plan);
    t.input.data = device_memory(200), t.output.data = device_memory(400);  // 8 GiB each
    ASSERT_EQ(tconv_cuda_run(plan, &t, nullptr), TCONV_OK) << said;
    EXPECT_EQ(driver->launches, 4) << "twice what computes and what finishes";
    tconv_cuda_plan_destroy(plan);
}

TEST_F(Cuda, EveryFaultHasACodeAndAMessageAndLeavesNothing) {
    struct Fault {
        const char *function;
        int result;
        tconv_status status;
    };
    const Fault faults[] = {{"cuDeviceGetCount", 999, TCONV_DEVICE_ERROR},
                            {"cuDeviceGetCount", 100, TCONV_NO_DEVICE},
                            {"cuDeviceGet", 101, TCONV_NO_DEVICE},
                            {"cuDeviceGetAttribute", 1, TCONV_DEVICE_ERROR},
                            {"cuDevicePrimaryCtxRetain", 2, TCONV_OUT_OF_MEMORY},
                            {"cuDevicePrimaryCtxRetain", 46, TCONV_DEVICE_ERROR},
                            {"cuCtxPushCurrent", 201, TCONV_DEVICE_ERROR},
                            {"cuModuleLoadData", 2, TCONV_OUT_OF_MEMORY},
                            {"cuModuleLoadData", 209, TCONV_DEVICE_ERROR},
                            {"cuModuleGetFunction", 500, TCONV_DEVICE_ERROR}};
    for (const Fault &fault : faults) {
        driver->failing = fault.function, driver->failing_with = fault.result;
        tconv_cuda_plan *plan = nullptr;
        EXPECT_EQ(create(&plan), fault.status) << fault.function;
        EXPECT_EQ(plan, nullptr);
        EXPECT_NE(said.find(fault.function), std::string::npos) << said;
        EXPECT_NE(said.find("CUDA_ERROR_OF_THE_TEST"), std::string::npos) << said;
        driver->failing = nullptr;
        expect_nothing_left();
    }
    tconv_cuda_plan *plan = nullptr;
    ASSERT_EQ(create(&plan), TCONV_OK) << said;
    const tconv_tensors t = tensors(plan);
    said.clear();
    driver->failing = "cuLaunchKernel", driver->failing_with = 701;
    EXPECT_EQ(tconv_cuda_run(plan, &t, nullptr), TCONV_DEVICE_ERROR);
    EXPECT_NE(said.find("cuLaunchKernel"), std::string::npos) << said;
    driver->failing = "cuCtxPushCurrent";
    EXPECT_EQ(tconv_cuda_run(plan, &t, nullptr), TCONV_DEVICE_ERROR);
    driver->failing = nullptr;
    EXPECT_EQ(tconv_cuda_run(plan, &t, nullptr), TCONV_OK);
    tconv_cuda_plan_destroy(plan);
    expect_nothing_left();
}

TEST_F(Cuda, DevicesThatAreNotThereOrTooOld) {
    tconv_cuda_plan *plan = nullptr;
    for (const int32_t device : {-1, 2}) {
        target.device = device;
        EXPECT_EQ(create(&plan), TCONV_NO_DEVICE);
        EXPECT_NE(said.find("target.device"), std::string::npos) << said;
    }
    target.device = 0;
    driver->major = 7, driver->minor = 5;
    EXPECT_EQ(create(&plan), TCONV_UNSUPPORTED_DEVICE);
    EXPECT_NE(said.find("7.5"), std::string::npos) << said;
    // Newer than any machine code: PTX.
    driver->major = 12, driver->minor = 0;
    ASSERT_EQ(create(&plan), TCONV_OK) << said;
    EXPECT_EQ(std::memcmp(driver->loaded_image, "//", 2), 0);
    tconv_cuda_plan_destroy(plan);
    int32_t count = -1;
    EXPECT_EQ(tconv_cuda_device_count(&count), TCONV_OK);
    EXPECT_EQ(count, 2);
    driver->failing = "cuDeviceGetCount", driver->failing_with = 100;
    EXPECT_EQ(tconv_cuda_device_count(&count), TCONV_OK);
    EXPECT_EQ(count, 0);
    expect_nothing_left();
}

TEST_F(Cuda, ArgumentsAreCheckedBeforeAnythingIsLaunched) {
    tconv_cuda_plan *plan = nullptr;
    EXPECT_EQ(tconv_cuda_plan_create(nullptr, nullptr, nullptr, nullptr, &plan), TCONV_INVALID_ARGUMENT);
    EXPECT_EQ(create(&plan, "no_such_kernel"), TCONV_UNSUPPORTED);
    target.struct_size = 1;
    EXPECT_EQ(create(&plan), TCONV_INVALID_STRUCT);
    target.struct_size = sizeof target;
    spec.stride_h = 0;
    EXPECT_EQ(create(&plan), TCONV_INVALID_ARGUMENT);
    EXPECT_NE(said.find("stride_h"), std::string::npos) << said;
    spec.stride_h = 2;
    spec.math = TCONV_MATH_TF32, spec.dtype = TCONV_F64;
    EXPECT_EQ(create(&plan), TCONV_UNSUPPORTED);
    EXPECT_NE(said.find("TF32"), std::string::npos) << said;
    spec.dtype = TCONV_F32;
    spec.math = TCONV_MATH_STRICT;
    ASSERT_EQ(create(&plan), TCONV_OK) << said;
    const tconv_tensors good = tensors(plan);
    auto refused = [&](tconv_tensors t) { return tconv_cuda_run(plan, &t, nullptr); };
    tconv_tensors t = good;
    t.input.data = nullptr;
    EXPECT_EQ(refused(t), TCONV_INVALID_ARGUMENT);
    t = good, t.packed_filter = static_cast<const char *>(t.packed_filter) + 64;
    EXPECT_EQ(refused(t), TCONV_MISALIGNED);
    t = good, t.output.data = t.input.data;
    EXPECT_EQ(refused(t), TCONV_INVALID_ARGUMENT);
    t = good, t.bias = nullptr;
    EXPECT_EQ(refused(t), TCONV_INVALID_ARGUMENT);
    t = good, t.struct_size = 8;
    EXPECT_EQ(refused(t), TCONV_INVALID_STRUCT);
    EXPECT_EQ(tconv_cuda_run(plan, nullptr, nullptr), TCONV_INVALID_ARGUMENT);
    EXPECT_EQ(tconv_cuda_run(nullptr, &good, nullptr), TCONV_INVALID_ARGUMENT);
    EXPECT_EQ(tconv_cuda_pack_filter(plan, nullptr, device_memory(3), 0, nullptr), TCONV_INVALID_ARGUMENT);
    EXPECT_EQ(driver->launches, 0);
    char text[4096];
    EXPECT_EQ(tconv_cuda_plan_explain(plan, text, sizeof text), TCONV_OK);
    EXPECT_NE(std::string(text).find("estimated at"), std::string::npos) << text;
    tconv_cuda_plan_destroy(plan);
    tconv_cuda_plan_destroy(nullptr);
}

}  // namespace
