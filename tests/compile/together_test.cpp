// Two compiled libraries, libtconv and another Halide program with a runtime of its own are linked into one program
// without a clash of symbols, and all of them still compute what they should.
#include <gtest/gtest.h>

#include "compiled.h"

namespace tconv {
namespace {

using testing::Outcome;
using testing::TemporaryFolder;

TEST(Together, LinksAndRuns) {
    const TemporaryFolder folder;
    const std::string out = folder.path().string();
    const Outcome other = testing::run_program({TCONV_OTHER_HALIDE, out});
    ASSERT_EQ(other.status, 0) << other.err;
    // The same kind of kernel twice, so that equal names would meet.
    for (const std::vector<std::string> &layer :
         {std::vector<std::string>{"one", "n1_c8_h6_w7_o24_k4x4_s2x2_p1,1,1,1_op0,0_d1x1_g1_f32_nchw_relu"},
          {"two", "n1_c7_h5_w5_o33_k3x3_s2x2_p1,1,1,1_op1,1_d1x1_g1_f32_nchw"}}) {
        const Outcome compiled = testing::compile({"--layer", layer[1], "--name", layer[0], "--out", out});
        ASSERT_EQ(compiled.status, 0) << compiled.err;
    }
    // Both orders: the first archive that defines a name wins, so a clash may hide in one of them.
    for (const bool ours_first : {true, false}) {
        std::vector<std::string> libraries = {folder / "libone.a", folder / "libtwo.a", TCONV_LIBTCONV};
        libraries.insert(ours_first ? libraries.end() : libraries.begin(), folder / "other.a");
        std::vector<std::string> command = {TCONV_CC, "-std=c11", "-O1", "-I", out, "-I", TCONV_INCLUDE, "-isystem",
                                            TCONV_HALIDE_INCLUDE, "-o", folder / "together", TCONV_TOGETHER_C,
                                            "-Wl,--whole-archive"};
        command.insert(command.end(), libraries.begin(), libraries.end());
        command.insert(command.end(), {"-Wl,--no-whole-archive", "-lpthread", "-ldl", "-lm"});
        const Outcome linked = testing::run_program(command);
        ASSERT_EQ(linked.status, 0) << linked.err;
        const Outcome ran = testing::run_program({folder / "together"});
        EXPECT_EQ(ran.status, 0) << ran.err;
        EXPECT_EQ(ran.out, "no clash\n");
    }
}

}  // namespace
}  // namespace tconv
