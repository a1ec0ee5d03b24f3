// The arithmetic of the roofline, and that its two rates are measured at all.
#include "roof.h"

#include <gtest/gtest.h>

namespace tconv::tool {
namespace {

TEST(Roof, IsTheHigherBoundAndOneMicrosecond) {
    tconv_spec spec;
    tconv_spec_init(&spec, sizeof spec);
    spec.in_channels = 3, spec.out_channels = 5, spec.in_h = 7, spec.in_w = 4;
    spec.kernel_h = 3, spec.kernel_w = 2, spec.stride_h = 2, spec.residual = TCONV_RESIDUAL_AFTER;
    const Work work = work_of(spec);
    // 15 x 5 outputs of 5 channels, twice for the residual
    const double bytes = 4.0 * (3 * 7 * 4 + 3 * 5 * 3 * 2 + 5 + 2 * 5 * 15 * 5);
    EXPECT_EQ(compulsory_bytes(work), bytes);

    const Roof compute = roof_of(work, 1e6, 100, 10);
    EXPECT_DOUBLE_EQ(compute.ns(), 1e6 / 100 + 1000);
    EXPECT_STREQ(compute.name(), "compute");
    const Roof bandwidth = roof_of(work, 1000, 100, 10);
    EXPECT_DOUBLE_EQ(bandwidth.ns(), bytes / 10 + 1000);
    EXPECT_STREQ(bandwidth.name(), "bandwidth");
}

TEST(Roof, RatesAreMeasured) {
    char text[128];
    Message message(text, sizeof text);
    Isa usable;
    ASSERT_EQ(usable_isa(&usable, message), TCONV_OK) << text;
    for (const int32_t count : {1, 3}) {
        const Threads threads(count);
        for (const int32_t dtype : {TCONV_F32, TCONV_F64, TCONV_F16, TCONV_BF16})
            EXPECT_GT(measure_fma_gflops(usable, dtype, threads), 0.1);
        EXPECT_GT(measure_copy_gbs(1e6, threads), 0.01);
        EXPECT_GT(measure_copy_gbs(0, threads), 0.01);  // a footprint below the least that is copied
    }
}

}  // namespace
}  // namespace tconv::tool
