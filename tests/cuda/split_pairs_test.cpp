// Pairs of numbers in registers of 64 bits, in PTX as LLVM writes it, in two registers each.
#include "split_pairs.h"

#include <gtest/gtest.h>

#include <stdexcept>
#include <string>

namespace tconv::compiler {
namespace {

const std::string kRegisters = "\t.reg .b64 \t%rd<99>;\n";
const std::string kBoth = kRegisters + "\t.reg .b32 \t%lo<99>, %hi<99>;\n";

// A pair, so that what else is done with %rd1 is done with a pair.
const std::string kPacked = "\tmov.b64 \t%rd1, {%r1, %r2};\n", kPackedSplit = "\tmov.b32 %lo1, %r1; mov.b32 %hi1, %r2;\n";

void expect_split(const std::string &from, const std::string &to) {
    EXPECT_EQ(with_pairs_split(kRegisters + kPacked + from), kBoth + kPackedSplit + to);
}

void expect_whole(const std::string &text) {
    EXPECT_EQ(with_pairs_split(kRegisters + text), kBoth + text);
}

TEST(SplitPairs, EachInstructionHasOneForEachHalf) {
    expect_split("", "");
    expect_split("\tmov.b64 \t{%r3, %r4}, %rd1;\n", "\tmov.b32 %r3, %lo1; mov.b32 %r4, %hi1;\n");
    expect_split("\t{ .reg .b32 tmp; mov.b64 {tmp, %r3}, %rd1; }\n", "\t{ .reg .b32 tmp; mov.b32 %r3, %hi1; }\n");
    expect_split("\t{ .reg .b32 other; mov.b64 {%r3, other}, %rd1; }\n", "\t{ .reg .b32 other; mov.b32 %r3, %lo1; }\n");
    expect_split("\tmov.b64 \t%rd2, %rd1;\n", "\tmov.b32 %lo2, %lo1; mov.b32 %hi2, %hi1;\n");
    expect_split("\tmov.b64 \t%rd1, 0;\n", "\tmov.b32 %lo1, 0; mov.b32 %hi1, 0;\n");
    expect_split("\tmov.b64 \t%rd1, 0dFF800000BF800000;\n", "\tmov.b32 %lo1, 0xBF800000; mov.b32 %hi1, 0xFF800000;\n");
    expect_split("\tselp.b64 \t%rd2, %rd3, %rd1, %p4;\n",
                 "\tselp.b32 %lo2, %lo3, %lo1, %p4; selp.b32 %hi2, %hi3, %hi1, %p4;\n");
    expect_split("\tcvt.u32.u64 \t%r3, %rd1;\n", "\tmov.b32 %r3, %lo1;\n");
    expect_split("\tshr.u64 \t%rd9, %rd1, 48;\n\tcvt.u16.u64 \t%rs1, %rd9;\n",
                 "\tcvt.u64.u32 %rd9, %hi1; shr.u64 %rd9, %rd9, 16;\n\tcvt.u16.u64 \t%rs1, %rd9;\n");
}

TEST(SplitPairs, MemoryIsReadAndWrittenAsWideAsBefore) {
    expect_split("\tld.global.nc.b64 \t%rd1, [%rd5+8];\n", "\tld.global.nc.v2.b32 {%lo1, %hi1}, [%rd5+8];\n");
    expect_split("\tld.global.nc.v2.b64 \t{%rd1, %rd2}, [%rd5];\n",
                 "\tld.global.nc.v4.b32 {%lo1, %hi1, %lo2, %hi2}, [%rd5];\n");
    expect_split("\tst.global.b64 \t[%rd5], %rd1;\n", "\tst.global.v2.b32 [%rd5], {%lo1, %hi1};\n");
    expect_split("\tst.global.v2.b64 \t[%rd5+16], {%rd2, %rd1};\n",
                 "\tst.global.v4.b32 [%rd5+16], {%lo2, %hi2, %lo1, %hi1};\n");
}

TEST(SplitPairs, NumbersOf64BitsStayWhole) {
    expect_whole("\tmov.b64 \t%rd1, %rd2;\n\tfma.rn.f64 \t%rd1, %rd1, %rd3, %rd2;\n");
    expect_whole("\tmov.b64 \t%rd1, {%r1, %r2};\n\tadd.s64 \t%rd2, %rd1, 8;\n\tld.global.b32 \t%r3, [%rd2];\n");
    expect_whole("\tmov.b64 \t%rd1, {%r1, %r2};\n\tld.global.b32 \t%r3, [%rd1];\n");
    expect_whole("\tmov.b64 \t%rd1, {%r1, %r2};\n\tmov.b64 \t%rd2, %rd1;\n\tor.b64 \t%rd3, %rd2, %rd4;\n");
    EXPECT_EQ(with_pairs_split("\tret;\n"), "\tret;\n");
}

TEST(SplitPairs, CommentsAreNoOperands) {
    expect_split("\t// implicit-def: %rd7\n\tmov.b64 \t{%r3, %r4}, %rd1;\n\tadd.s64 \t%rd7, %rd8, 1;\n",
                 "\t\n\tmov.b32 %r3, %lo1; mov.b32 %r4, %hi1;\n\tadd.s64 \t%rd7, %rd8, 1;\n");
}

TEST(SplitPairs, NamesAreOfTheirKernel) {
    const std::string other = ".visible .entry other()\n{\n" + kRegisters + "\tadd.s64 \t%rd1, %rd2, 8;\n}\n";
    const std::string other_made = ".visible .entry other()\n{\n" + kBoth + "\tadd.s64 \t%rd1, %rd2, 8;\n}\n";
    expect_split("}\n" + other, "}\n" + other_made);
}

TEST(SplitPairs, APairThatIsAssignedTwiceIsSplitOrRefused) {
    for (const std::string again :
         {"mov.b64 \t%rd1, {%r3, %r2};\n\tor.b64 \t%rd3, %rd1, %rd4;\n", "or.b64 \t%rd1, %rd1, %rd4;\n",
          "mov.b64 \t%rd1, 4575657222473777152;\n", "selp.b64 \t%rd1, %rd2, 0, %p1;\n",
          "fma.rn.f32x2 \t%rd1, %rd2, %rd3, %rd4;\n", "ld.shared.b64 \t%rd1, [%r5];\n",
          "@%p1 mov.b64 \t%rd1, {%r3, %r4};\n", "mov.b64 \t%rd1, {%rs1, %rs2, %rs3, %rs4};\n",
          "ld.global.v2.b64 \t{%rd2, %rd1}, [%rd5];\n\tadd.s64 \t%rd6, %rd2, 8;\n"}) {
        try {
            with_pairs_split(kRegisters + kPacked + "\t" + again);
            FAIL() << again;
        } catch (const std::runtime_error &error) {
            EXPECT_EQ(std::string(error.what()).rfind("%rd1 of the PTX is a pair", 0), 0u) << error.what();
        }
    }
}

}  // namespace
}  // namespace tconv::compiler
