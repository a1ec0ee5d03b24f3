// A layer, and a driver that records what it is asked about it (fake_driver.h).
#pragma once

#include <gtest/gtest.h>

#include <string>

#include "fake_driver.h"
#include "tconv/tconv_cuda.h"

namespace tconv::testing {

inline const char *const kLayer = "n3_c64_h16_w16_o32_k4x4_s2x2_p1,1,1,1_op0,0_d1x1_g1_f32_nhwc_relu";

// Addresses that are never dereferenced: those of a device.
template<typename Type = void>
Type *device_memory(int which) {
    return reinterpret_cast<Type *>(uintptr_t{0x7f0000000000} + static_cast<uintptr_t>(which) * 0x10000000);
}

class Cuda : public ::testing::Test {
protected:
    void SetUp() override {
        driver = open_fake_driver();
        ASSERT_NE(driver, nullptr) << "LD_LIBRARY_PATH leads to another libcuda.so.1, or to none";
        driver->devices = 2, driver->major = 9;
        tconv_spec_init(&spec, sizeof spec);
        ASSERT_EQ(tconv_spec_parse(kLayer, &spec, nullptr, 0), TCONV_OK);
        tconv_hooks_init(&hooks, sizeof hooks);
        hooks.user = &said;
        hooks.log = [](void *user, tconv_status, const char *message) { *static_cast<std::string *>(user) += message; };
        tconv_cuda_target_init(&target, sizeof target);
    }

    void expect_nothing_left() const {
        EXPECT_EQ(driver->loads, driver->unloads);
        EXPECT_EQ(driver->retained, 0);
        EXPECT_EQ(driver->depth, 0);
    }

    FakeDriver *driver = nullptr;
    tconv_spec spec;
    tconv_hooks hooks;
    tconv_cuda_target target;
    std::string said;
};

}  // namespace tconv::testing
