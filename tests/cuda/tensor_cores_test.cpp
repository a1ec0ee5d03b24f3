// Instructions of tensor cores in the place of calls, in PTX as Halide writes it.
#include "tensor_cores.h"

#include <gtest/gtest.h>

#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace tconv::compiler {
namespace {

const std::string kDeclaration = ".extern .func  (.param .align 16 .b8 func_retval0[16]) tconv_fragment_mma_f16\n"
                                 "(\n"
                                 "\t.param .b32 tconv_fragment_mma_f16_param_0,\n"
                                 "\t.param .align 16 .b8 tconv_fragment_mma_f16_param_6[16]\n"
                                 ")\n"
                                 ";\n";
const std::string kEntry = ".visible .entry kernel(\n\t.param .u64 kernel_param_0\n)\n{\n";

// A block of a call; each argument is registers or a constant.
std::string call_of(const std::string &function, const std::vector<std::string> &arguments, const std::string &result) {
    std::string text = "\t{ // callseq 7, 0\n", names;
    for (size_t i = 0; i < arguments.size(); i++) {
        const std::string name = "param" + std::to_string(i);
        text += "\t.param .b32 \t" + name + ";\n\tst.param.b32 \t[" + name + "], " + arguments[i] + ";\n";
        names += (i > 0 ? ", " : "") + name;
    }
    return text + "\t.param .align 16 .b8 \tretval0[16];\n\tcall.uni (retval0), " + function + ", (" + names +
           ");\n\tld.param.v2.b64 \t" + result + ", [retval0];\n\t} // callseq 7\n";
}

const std::vector<std::string> kOperands = {"%r1", "%r2", "%r3", "%r4", "%r5", "%r6", "{%rd7, %rd8}"};

std::string replaced(const std::string &body) {
    return with_tensor_core_instructions(kDeclaration + kEntry + body + "\tret;\n}\n");
}

void expect_refused(const std::string &body, const std::string &why) {
    try {
        replaced(body);
        FAIL() << body;
    } catch (const std::runtime_error &error) {
        EXPECT_NE(std::string(error.what()).find(why), std::string::npos) << error.what();
    }
}

TEST(TensorCores, ProductsHaveTheirOperandsInOrder) {
    const std::string before = "\tadd.s32 \t%r9, %r8, 1;\n", after = "\tst.global.b64 \t[%rd1], %rd9;\n";
    for (const auto &[type, instruction] :
         {std::pair{"f16", "mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32"},
          {"bf16", "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32"},
          {"tf32", "mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32"}}) {
        const std::string made =
            replaced(before + call_of(std::string("tconv_fragment_mma_") + type, kOperands, "{%rd9, %rd10}") + after);
        EXPECT_EQ(made, kEntry + before +
                            "\t{ .reg .f32 c<4>, d<4>; mov.b64 {c0, c1}, %rd7; mov.b64 {c2, c3}, %rd8;\n"
                            "\t" + instruction + " {d0, d1, d2, d3}, {%r1, %r2, %r3, %r4}, {%r5, %r6}, {c0, c1, c2, c3};\n"
                            "\tmov.b64 %rd9, {d0, d1}; mov.b64 %rd10, {d2, d3}; }\n" + after + "\tret;\n}\n");
    }
}

TEST(TensorCores, SumsBeginWithZerosAndEndAsNumbers) {
    EXPECT_NE(replaced(call_of("tconv_fragment_zero", {"%r1"}, "{%rd9, %rd10}")).find("mov.b64 %rd9, 0; mov.b64 %rd10, 0;"),
              std::string::npos);
    const char *const expected[] = {"{%r9, other}, %rd7;", "{other, %r9}, %rd7;", "{%r9, other}, %rd8;", "{other, %r9}, %rd8;"};
    for (int i = 0; i < 4; i++) {
        EXPECT_NE(replaced(call_of("tconv_fragment_sum", {"{%rd7, %rd8}", std::to_string(i)}, "%r9")).find(expected[i]),
                  std::string::npos);
    }
    EXPECT_NE(replaced(call_of("tconv_fragment_tf32", {"%r1"}, "%r2")).find("mov.b32 number, %r1; cvt.rna.tf32.f32 %r2, number;"),
              std::string::npos);
}

TEST(TensorCores, OtherTextStaysAsItIs) {
    const std::string without = kEntry + call_of("other", kOperands, "{%rd9, %rd10}") + "\tret;\n}\n";
    EXPECT_EQ(with_tensor_core_instructions(without), without);
    const std::string zero = call_of("tconv_fragment_zero", {"%r1"}, "{%rd9, %rd10}");
    EXPECT_NE(replaced(zero + call_of("other", kOperands, "{%rd9, %rd10}")).find("call.uni (retval0), other"), std::string::npos);
}

TEST(TensorCores, CallsThatAreNotUnderstoodAreErrors) {
    auto but = [](size_t at, const std::string &operand) {
        std::vector<std::string> operands = kOperands;
        operands[at] = operand;
        return call_of("tconv_fragment_mma_f16", operands, "{%rd9, %rd10}");
    };
    const std::string good = but(0, "%r1");
    EXPECT_NO_THROW(replaced(good));
    expect_refused(but(3, "0"), "argument 3");
    expect_refused(but(6, "%rd7"), "argument 6");
    expect_refused(call_of("tconv_fragment_mma_f16", {"%r1", "%r2"}, "{%rd9, %rd10}"), "with 2 arguments");
    expect_refused(call_of("tconv_fragment_mma_f16", kOperands, "%rd9"), "with 7 arguments");
    expect_refused(call_of("tconv_fragment_mma_f64", kOperands, "{%rd9, %rd10}"), "no instruction for tconv_fragment_mma_f64");
    expect_refused(call_of("tconv_fragment_sum", {"{%rd7, %rd8}", "4"}, "%r9"), "constant");
    expect_refused(call_of("tconv_fragment_sum", {"{%rd7, %rd8}", "%r1"}, "%r9"), "constant");
    std::string renamed = good;
    renamed.replace(renamed.find("(param0, "), 9, "(param1, ");
    expect_refused(renamed, "not understood");
    std::string unfinished = good;
    unfinished.erase(unfinished.find("\t} // callseq"));
    expect_refused(unfinished, "survives");
    std::string bare = good;  // as another LLVM might write it
    bare.replace(bare.find("// callseq"), 10, "// call   ");
    expect_refused(bare, "survives");
    expect_refused("\tmov.u64 \t%rd1, tconv_fragment_mma_f16;\n", "survives");
}

}  // namespace
}  // namespace tconv::compiler
