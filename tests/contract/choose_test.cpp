// Between kernels of vectors of one length estimates decide. Which processor this is makes no difference here.
#include "choose.h"

#include <gtest/gtest.h>

#include <cstring>
#include <string>

#include "runner.h"

namespace tconv {
namespace {

using testing::multiplies_pairs;

constexpr int kFast = 1, kSlow = 4;  // multiply-adds in the time of a dot product

// So many taps that no tile of Winograd's competes.
constexpr const char *kDense = "n1_c256_h32_w32_o128_k6x6_s1x1_p3,3,3,3_op0,0_d2x2_g1_f32_nhwc";

std::string chosen(const std::string &text, int32_t dtype, Isa usable, int fmas_per_dot) {
    const tconv_spec spec = testing::layer(text, dtype);
    Message silent(nullptr, 0);
    char error[256];
    Message message(error, sizeof error);
    Choice choice;
    if (choose_kernel(spec, Direction::output, kernels(), usable, fmas_per_dot, &choice, silent, message) != TCONV_OK)
        return error;
    return choice.kernel->name;
}

// Dot products of bfloat16 are taken where the processor is fast at them and the layer has the channels for them.
class Choose : public ::testing::Test {
protected:
    void SetUp() override {
        bool some = false, others = false;
        for (const Kernel &kernel : kernels()) {
            some = some || kernel.isa == Isa::avx512bf16;
            others =
                others || (kernel.isa == Isa::avx512 && kernel.dtype == TCONV_BF16 && kernel.family == Family::phase);
        }
        if (!some || !others)
            GTEST_SKIP() << "[SKIP] this library lacks kernels for avx512 or avx512bf16";
    }
};

TEST_F(Choose, DotProductsWhereTheyAreFast) {
    EXPECT_TRUE(multiplies_pairs(chosen(kDense, TCONV_BF16, Isa::avx512bf16, kFast)));
    EXPECT_FALSE(multiplies_pairs(chosen(kDense, TCONV_BF16, Isa::avx512bf16, kSlow)));
    EXPECT_FALSE(multiplies_pairs(chosen(kDense, TCONV_BF16, Isa::avx512, kFast)));
    EXPECT_FALSE(multiplies_pairs(chosen(kDense + std::string("_strict"), TCONV_BF16, Isa::avx512bf16, kFast)));
}

TEST_F(Choose, FewChannelsKeepTheirKernels) {
    for (const char *text : {"n1_c64_h32_w32_o64_k4x4_s2x2_p1,1,1,1_op0,0_d1x1_g64_f32_nhwc",
                             "n1_c1_h64_w64_o3_k9x9_s3x3_p4,4,4,4_op0,0_d1x1_g1_f32_nchw"}) {
        const std::string kernel = chosen(text, TCONV_BF16, Isa::avx512bf16, kFast);
        EXPECT_FALSE(multiplies_pairs(kernel)) << kernel;
        EXPECT_NE(kernel.find("avx512"), std::string::npos) << kernel;
    }
}

// By pixel lanes, which they were left to, such layers took 3.2 times as long on AVX-512.
TEST(ChooseDepthwise, LanesOfChannelsWhereChannelsAreFew) {
    for (const Isa isa : {Isa::avx2, Isa::avx512}) {
        bool some = false;
        for (const Kernel &kernel : kernels())
            some = some || (kernel.isa == isa && kernel.lanes == Lanes::depthwise);
        if (!some)
            GTEST_SKIP() << "[SKIP] this library lacks depthwise kernels for avx2 or avx512";
        const std::string kernel = chosen("n8_c8_h57_w57_o8_k9x9_s3x3_p3,3,3,3_op0,0_d1x1_g8_f32_nhwc", TCONV_F32, isa, kFast);
        EXPECT_NE(kernel.find("depthwise"), std::string::npos) << kernel;
    }
}

}  // namespace
}  // namespace tconv
