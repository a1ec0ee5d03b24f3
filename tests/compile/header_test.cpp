// NAME.h is C99 and C++11, without a warning, alone and beside another; its numbers are usable as constants.
#include <gtest/gtest.h>

#include "compiled.h"

namespace tconv {
namespace {

using testing::Outcome;
using testing::TemporaryFolder;

constexpr const char *kUse = R"c(
#include "one.h"
#include "two.h"
#include "one.h"
int use(const tconv_hooks *hooks, const void *p, void *q);
static char static_buffer[ONE_A_WORKSPACE_BYTES + TWO_PACKED_BYTES];
int use(const tconv_hooks *hooks, const void *p, void *q) {
    if (sizeof static_buffer % 4 != 0 || ONE_A_ALIGNMENT != 64) return -1;
    return two_run(p, p, p, p, p, q, q) + two_pack(p, q) + one_a_run_hooks(hooks, p, p, p, q, q) +
           one_b_run_task(ONE_B_TASKS - 1, p, p, q, q);
}
)c";

class Header : public ::testing::Test {
protected:
    void SetUp() override {
        const std::string layer = "n1_c3_h4_w4_o5_k3x3_s2x2_p1,1,1,1_op1,1_d1x1_g1_f32_nchw";
        const std::string out = folder.path().string();
        const std::string columns =
            "id,N,C_in,H_in,W_in,C_out,kH,kW,stride_h,stride_w,pad_top,pad_left,pad_bottom,pad_right,out_pad_h,"
            "out_pad_w,dil_h,dil_w,groups,bias\n";
        const std::string row = ",1,3,4,4,5,3,3,2,2,1,1,1,1,1,1,1,1,1,";
        testing::write_file(folder / "two.csv", columns + "a" + row + "1\nb" + row + "0\n");
        // A bundle with hooks, and one layer with every tensor there is.
        for (const std::vector<std::string> &arguments :
             {std::vector<std::string>{"--layers", folder / "two.csv", "--bundle", "--name", "one", "--threads",
                                       "hooks", "--out", out},
              {"--layer", layer + "_prelu_resafter", "--name", "two", "--out", out}}) {
            const Outcome compiled = testing::compile(arguments);
            ASSERT_EQ(compiled.status, 0) << compiled.err;
        }
    }

    void expect_clean(const std::string &compiler, const std::string &file, const std::string &use,
                      const std::vector<std::string> &options) {
        testing::write_file(folder / file, use);
        std::vector<std::string> command = {compiler, "-pedantic-errors", "-Wall", "-Wextra", "-Wconversion", "-Werror",
                                            "-fsyntax-only", "-I", TCONV_INCLUDE, folder / file};
        command.insert(command.end(), options.begin(), options.end());
        const Outcome compiled = testing::run_program(command);
        EXPECT_EQ(compiled.status, 0) << options[0] << "\n" << compiled.err;
    }

    const TemporaryFolder folder;
};

TEST_F(Header, IsC) {
    for (const char *standard : {"-std=c99", "-std=c17"})
        expect_clean(TCONV_CC, "use.c", kUse, {standard, "-Wstrict-prototypes", "-Wmissing-prototypes"});
}

TEST_F(Header, IsCxx) {
    const std::string use = std::string(kUse) +
                            "template<typename T> struct is_double { static constexpr bool value = false; };\n"
                            "template<> struct is_double<double> { static constexpr bool value = true; };\n"
                            "static_assert(is_double<decltype(TWO_FLOPS)>::value, \"FLOPS / ns must not truncate\");\n";
    for (const char *standard : {"-std=c++11", "-std=c++20"})
        expect_clean(TCONV_CXX, "use.cpp", use, {standard});
}

}  // namespace
}  // namespace tconv
