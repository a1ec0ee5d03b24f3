// How layers are cut into tasks, where a rule about memory decides it.
#include "blocking.h"

#include <gtest/gtest.h>

#include <string>

#include "geometry.h"
#include "runner.h"

namespace tconv {
namespace {

// Of a task: bytes of the outputs of all its lane blocks, which lie beside one another in NHWC.
int64_t stored_by_task(const std::string &text, const Kernel &kernel) {
    const tconv_spec spec = testing::layer(text, kernel.dtype);
    Message ignored(nullptr, 0);
    Blocking blocking;
    EXPECT_EQ(block_layer(spec, Direction::output, kernel, &blocking, ignored), TCONV_OK) << text << ' ' << kernel.name;
    const LayerParams &p = blocking.params;
    return int64_t{p.block_h} * p.block_w * p.stride_h * p.stride_w * spec.out_channels * dtype_bytes(spec.dtype);
}

TEST(Blocking, TasksOfManyOutputsStoreWhatACacheHolds) {
    for (const Kernel &kernel : kernels()) {
        if (kernel.family != Family::phase || (kernel.lanes != Lanes::channels && kernel.lanes != Lanes::merged))
            continue;
        EXPECT_LE(stored_by_task("n8_c16_h13_w13_o456_k4x4_s4x4_p0,0,0,0_op0,0_d1x1_g1_f32_nhwc", kernel), 512 << 10)
            << kernel.name;
    }
}

TEST(Blocking, TasksOfManyDepthwiseChannelsStoreWhatACacheHolds) {
    int kernels_seen = 0;
    for (const Kernel &kernel : kernels()) {
        if (kernel.lanes != Lanes::depthwise)
            continue;
        kernels_seen++;
        for (const char *text : {"n1_c192_h157_w157_o192_k3x3_s2x2_p0,0,0,0_op0,0_d1x1_g192_f32_nhwc",
                                 "n1_c313_h26_w126_o313_k3x3_s2x2_p0,0,0,0_op0,0_d1x1_g313_f32_nhwc",
                                 "n8_c1024_h7_w7_o1024_k5x5_s2x2_p2,2,1,1_op0,0_d1x1_g1024_f32_nhwc"})
            EXPECT_LE(stored_by_task(text, kernel), 512 << 10) << text << ' ' << kernel.name;
        if (kernel.dtype != TCONV_F32)
            continue;
        // One image, which a cache holds as it is, stays in one piece.
        const char *const small = "n1_c1024_h7_w7_o1024_k5x5_s2x2_p2,2,1,1_op0,0_d1x1_g1024_f32_nhwc";
        EXPECT_GT(stored_by_task(small, kernel), 512 << 10) << kernel.name;
    }
    EXPECT_GT(kernels_seen, 0);
}

// Windows of 2^20 x 2^20 pixels, all zero but one, of 2^22 channels: in 64 bits the staged numbers were few again. Taps
// further apart are gather's alone.
TEST(Blocking, WindowsThatNoMemoryHoldsAreRefused) {
    const std::string many_channels =
        "n1_c4194304_h1_w1_o16_k2x2_s1x1_p1048576,1048576,0,0_op0,0_d1048576x1048576_g1_f32_nchw";
    const std::string texts[] = {
        many_channels, many_channels + "_strict",
        "n1_c16384_h1_w1_o16_k2x2_s1x1_p1073741823,1048575,0,0_op0,0_d1073741823x1048575_g1_f32_nchw_strict",
        "n1_c4_h1_w1_o16_k2x2_s1x1_p1073741823,1073741823,0,0_op0,0_d1073741823x1073741823_g1_f32_nchw",
        "n1_c4_h1_w1_o4_k2x2_s1x1_p1073741823,1073741823,0,0_op0,0_d1073741823x1073741823_g4_f32_nhwc"};
    int refused = 0;
    for (const std::string &text : texts) {
        for (const Kernel &kernel : kernels()) {
            const tconv_spec spec = testing::layer(text, kernel.dtype);
            Message ignored(nullptr, 0);
            Blocking blocking;
            const tconv_status status = block_layer(spec, Direction::output, kernel, &blocking, ignored);
            if (kernel.family == Family::gather) {
                EXPECT_EQ(status, TCONV_OK) << text << ' ' << kernel.name;
            } else if (outputs_of_tile(kernel.family) == 0) {  // by residues of the dilation there is no window
                EXPECT_TRUE(status == TCONV_SIZE_OVERFLOW || status == TCONV_UNSUPPORTED) << text << ' ' << kernel.name;
            }
            refused += status == TCONV_SIZE_OVERFLOW;
        }
        if (!testing::has_gather() || text.starts_with(many_channels))
            continue;
        testing::Problem problem(testing::layer(text), 1);
        testing::Runner runner;
        ASSERT_EQ(runner.run(problem), TCONV_OK) << text << runner.log;
        EXPECT_EQ(problem.compare(problem.expected()), "") << text << ' ' << runner.kernel;
    }
    EXPECT_GT(refused, 0);
}

}  // namespace
}  // namespace tconv
