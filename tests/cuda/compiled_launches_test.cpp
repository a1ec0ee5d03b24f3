// What compiled layers launch is what libtconv_cuda launches for the same layer, on the driver that records both.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "device_library.h"
#include "fake_driver.h"
#include "tconv/tconv_cuda.h"

namespace tconv {
namespace {

using testing::device_memory;
using testing::DeviceLibrary;
using testing::FakeDriver;

struct Launch {
    unsigned grid[3], block[3];
    std::vector<uint64_t> pointers;  // ascending
};

std::vector<Launch> take_launches(FakeDriver &driver) {
    std::vector<Launch> launches(static_cast<size_t>(driver.launches));
    for (size_t i = 0; i < launches.size(); i++) {
        std::memcpy(launches[i].grid, driver.last[i].grid, sizeof launches[i].grid);
        std::memcpy(launches[i].block, driver.last[i].block, sizeof launches[i].block);
        const uint64_t *const values = driver.arguments[i].values;
        std::copy_if(values, values + driver.arguments[i].count, std::back_inserter(launches[i].pointers),
                     [](uint64_t value) { return value >= reinterpret_cast<uintptr_t>(device_memory(0)); });
        std::sort(launches[i].pointers.begin(), launches[i].pointers.end());
    }
    driver.launches = 0;
    return launches;
}

std::vector<Launch> by_the_library(FakeDriver &driver, const tconv_spec &spec) {
    tconv_cuda_target target;
    tconv_cuda_target_init(&target, sizeof target);
    target.context = driver.current;
    tconv_cuda_plan *plan = nullptr;
    EXPECT_EQ(tconv_cuda_plan_create(&spec, nullptr, &target, nullptr, &plan), TCONV_OK);
    tconv_requirements need;
    tconv_requirements_init(&need, sizeof need);
    EXPECT_EQ(tconv_cuda_plan_requirements(plan, &need), TCONV_OK);
    tconv_view filter;
    tconv_view_filter(&spec, TCONV_IOHW, device_memory(0), &filter);
    EXPECT_EQ(tconv_cuda_pack_filter(plan, &filter, device_memory(1), need.packed_filter_bytes, nullptr), TCONV_OK);
    tconv_tensors t;
    tconv_tensors_init(&t, sizeof t);
    tconv_view_input(&spec, spec.layout, device_memory(2), &t.input);
    tconv_view_output(&spec, spec.layout, device_memory(6), &t.output);
    tconv_view_output(&spec, spec.layout, device_memory(5), &t.residual);
    t.packed_filter = device_memory(1), t.bias = device_memory(3), t.act_slope = device_memory(4);
    t.workspace = device_memory(7), t.workspace_bytes = need.workspace_bytes;
    EXPECT_EQ(tconv_cuda_run(plan, &t, nullptr), TCONV_OK);
    tconv_cuda_plan_destroy(plan);
    return take_launches(driver);
}

// With those of the pointers that are not NULL, which are the layer's, and the default stream.
int run(const DeviceLibrary &library, std::vector<void *> pointers) {
    std::erase(pointers, nullptr);
    pointers.push_back(nullptr);
    auto call = [&]<size_t... i>(std::index_sequence<i...>) { return library.call("layer_run", pointers[i]...); };
    switch (pointers.size()) {
        case 5:
            return call(std::make_index_sequence<5>());
        case 6:
            return call(std::make_index_sequence<6>());
        case 7:
            return call(std::make_index_sequence<7>());
        default:
            return call(std::make_index_sequence<8>());
    }
}

bool is_of(uint64_t pointer, int which) {
    return pointer >= reinterpret_cast<uintptr_t>(device_memory(which)) &&
           pointer < reinterpret_cast<uintptr_t>(device_memory(which + 1));
}

TEST(CompiledLaunches, AreThoseOfTheLibrary) {
    FakeDriver *const opened = testing::open_fake_driver();
    ASSERT_NE(opened, nullptr) << "LD_LIBRARY_PATH leads to another libcuda.so.1, or to none";
    FakeDriver &driver = *opened;
    driver.devices = 1, driver.major = 12;  // PTX, in which the driver sees what kernels take
    driver.current = device_memory(100);
    // Each form of kernel and of second pass; parts of the batch, and of the groups; sums that the kernel of vectors leaves to
    // its twin.
    for (const char *text : {"n3_c64_h16_w16_o32_k4x4_s2x2_p1,1,1,1_op0,0_d1x1_g1_f32_nhwc_relu",
                             "n2_c64_h20_w20_o21_k3x3_s2x2_p1,1,1,1_op1,1_d1x1_g1_f32_nchw_prelu_resbefore",
                             "n1_c8_h512_w512_o5_k2x2_s2x2_p0,0,0,0_op0,0_d1x1_g1_f16_nchw_tanh",
                             "n2_c32_h9_w7_o32_k4x4_s2x2_p1,1,1,1_op0,0_d1x1_g32_bf16_nhwc_clip0,6",
                             "n1_c70000_h2_w2_o140000_k2x2_s2x2_p0,0,0,0_op0,0_d1x1_g70000_f64_nchw_nobias",
                             "n2_c16_h5_w9_o16_k4x3_s2x3_p1,1,1,1_op0,0_d1x1_g4_f64_nhwc_softmax_resafter"}) {
        SCOPED_TRACE(text);
        tconv_spec spec;
        tconv_spec_init(&spec, sizeof spec);
        ASSERT_EQ(tconv_spec_parse(text, &spec, nullptr, 0), TCONV_OK);
        const std::vector<Launch> expected = by_the_library(driver, spec);

        const DeviceLibrary compiled({"--layer", text, "--target", "cuda", "--ptxas", "none"});
        void *const none = nullptr;
        ASSERT_EQ(compiled.call("layer_pack", device_memory(0), device_memory(1), none), TCONV_OK);
        ASSERT_EQ(run(compiled, {device_memory(2), device_memory(1), spec.has_bias ? device_memory(3) : nullptr,
                                 spec.activation == TCONV_ACT_PRELU ? device_memory(4) : nullptr,
                                 spec.residual != TCONV_RESIDUAL_NONE ? device_memory(5) : nullptr, device_memory(6),
                                 device_memory(7)}),
                  TCONV_OK);
        const std::vector<Launch> found = take_launches(driver);

        ASSERT_EQ(found.size(), expected.size());
        for (size_t i = 0; i < found.size(); i++) {
            EXPECT_EQ(std::memcmp(found[i].grid, expected[i].grid, sizeof found[i].grid), 0) << i;
            EXPECT_EQ(std::memcmp(found[i].block, expected[i].block, sizeof found[i].block), 0) << i;
            // Those that the kernel reads or writes; the catalogue's takes others too, which the layer does not have.
            EXPECT_TRUE(std::includes(expected[i].pointers.begin(), expected[i].pointers.end(), found[i].pointers.begin(),
                                      found[i].pointers.end()))
                << i;
        }
        EXPECT_TRUE(std::any_of(found.front().pointers.begin(), found.front().pointers.end(),
                                [](uint64_t pointer) { return is_of(pointer, 1); }));
        EXPECT_TRUE(std::any_of(found.back().pointers.begin(), found.back().pointers.end(),
                                [](uint64_t pointer) { return is_of(pointer, 6); }));
    }
}

}  // namespace
}  // namespace tconv
