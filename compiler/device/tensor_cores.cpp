#include "tensor_cores.h"

#include <algorithm>
#include <map>
#include <regex>
#include <sstream>
#include <stdexcept>
#include <vector>

#include "fragments.h"

namespace tconv::compiler {

using generators::FragmentCalls;

namespace {

const std::string kPrefix = "tconv_fragment_";

// A call: the function, the registers of each argument and of the result. Sums take two registers of 64 bits.
struct Call {
    std::string function, text;
    std::vector<std::vector<std::string>> arguments;
    std::vector<std::string> result;

    [[noreturn]] void fail(const std::string &what) const { throw std::runtime_error(what + " in the PTX\n" + text); }
};

// "{%rd1, %rd2}" or "%r1".
std::vector<std::string> registers_of(std::string list) {
    list.erase(std::remove_if(list.begin(), list.end(), [](char c) { return c == '{' || c == '}' || c == ' '; }), list.end());
    std::vector<std::string> registers;
    std::istringstream parts(list);
    for (std::string one; std::getline(parts, one, ',');)
        registers.push_back(one);
    return registers;
}

Call parse(const std::string &block) {
    static const std::regex called(R"(call(?:\.uni)?\s+(?:\(retval0\),\s*)?([\w$]+),\s*\((.*)\);)");
    static const std::regex given(R"(st\.param\.\S+\s+\[param(\d+)\],\s*(.*);)"), taken(R"(ld\.param\.\S+\s+(.*),\s*\[retval0\];)");
    Call call;
    call.text = block;
    std::map<size_t, std::vector<std::string>> arguments;
    std::string parameters, expected;
    std::istringstream lines(block);
    std::smatch found;
    for (std::string line; std::getline(lines, line);) {
        if (std::regex_search(line, found, called))
            call.function = found[1], parameters = found[2];
        else if (std::regex_search(line, found, given))
            arguments[std::stoul(found[1])] = registers_of(found[2]);
        else if (std::regex_search(line, found, taken))
            call.result = registers_of(found[1]);
    }
    for (const auto &[number, registers] : arguments) {
        expected += (expected.empty() ? "param" : ", param") + std::to_string(call.arguments.size());
        call.arguments.push_back(registers);
    }
    if (call.function.empty() || call.result.empty() || parameters != expected)
        call.fail("a call that is not understood");
    return call;
}

void expect_registers(const Call &call, size_t argument, size_t count, const std::string &kind) {
    const std::vector<std::string> &registers = call.arguments[argument];
    if (registers.size() != count ||
        !std::all_of(registers.begin(), registers.end(), [&](const std::string &one) { return one.starts_with(kind); }))
        call.fail("argument " + std::to_string(argument) + " of " + call.function + " is not " + std::to_string(count) +
                  " registers " + kind);
}

void expect_shape(const Call &call, size_t arguments, size_t result) {
    if (call.arguments.size() != arguments || call.result.size() != result)
        call.fail(call.function + " with " + std::to_string(call.arguments.size()) + " arguments");
}

std::string multiply(const Call &call, const std::string &instruction) {
    constexpr size_t words = 6;
    expect_shape(call, words + 1, 2);
    for (size_t i = 0; i < words; i++)
        expect_registers(call, i, 1, "%r");
    expect_registers(call, words, 2, "%rd");
    auto word = [&](size_t i) { return call.arguments[i][0]; };
    const std::vector<std::string> &sums = call.arguments[words];
    return "\t{ .reg .f32 c<4>, d<4>; mov.b64 {c0, c1}, " + sums[0] + "; mov.b64 {c2, c3}, " + sums[1] + ";\n\t" + instruction +
           " {d0, d1, d2, d3}, {" + word(0) + ", " + word(1) + ", " + word(2) + ", " + word(3) + "}, {" + word(4) + ", " +
           word(5) + "}, {c0, c1, c2, c3};\n\tmov.b64 " + call.result[0] + ", {d0, d1}; mov.b64 " + call.result[1] +
           ", {d2, d3}; }\n";
}

std::string instructions_of(const Call &call) {
    static const std::map<std::string, std::string> products = {
        {"f16", "mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32"},
        {"bf16", "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32"},
        {"tf32", "mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32"},
    };
    if (call.function.starts_with(FragmentCalls::multiply)) {
        const auto found = products.find(call.function.substr(std::string(FragmentCalls::multiply).size()));
        if (found != products.end())
            return multiply(call, found->second);
    }
    if (call.function == FragmentCalls::zero) {
        expect_shape(call, 1, 2);
        return "\tmov.b64 " + call.result[0] + ", 0; mov.b64 " + call.result[1] + ", 0;\n";
    }
    if (call.function == FragmentCalls::sum) {
        expect_shape(call, 2, 1);
        expect_registers(call, 0, 2, "%rd");
        const std::string number = call.arguments[1].empty() ? "" : call.arguments[1][0];
        if (number.size() != 1 || number[0] < '0' || number[0] > '3')
            call.fail("the number of a sum is no constant below 4");
        const bool second = number[0] % 2 == 1;
        return "\t{ .reg .b32 other; mov.b64 {" + (second ? "other, " + call.result[0] : call.result[0] + ", other") + "}, " +
               call.arguments[0][number[0] >= '2' ? 1 : 0] + "; }\n";
    }
    if (call.function == FragmentCalls::round) {
        expect_shape(call, 1, 1);
        expect_registers(call, 0, 1, "%r");
        return "\t{ .reg .f32 number; mov.b32 number, " + call.arguments[0][0] + "; cvt.rna.tf32.f32 " + call.result[0] +
               ", number; }\n";
    }
    call.fail("no instruction for " + call.function);
}

}  // namespace

std::string with_tensor_core_instructions(const std::string &ptx) {
    if (ptx.find(kPrefix) == std::string::npos)
        return ptx;
    std::istringstream lines(ptx);
    std::string made, block;
    bool in_call = false, in_declaration = false;
    for (std::string line; std::getline(lines, line);) {
        line += '\n';
        if (!in_call && line.find(".extern .func") != std::string::npos && line.find(kPrefix) != std::string::npos)
            in_declaration = true;
        in_call = in_call || line.find("{ // callseq") != std::string::npos;
        (in_call || in_declaration ? block : made) += line;
        if (in_declaration && line.find(';') != std::string::npos) {
            in_declaration = false;
            block.clear();
        }
        if (in_call && line.find("} // callseq") != std::string::npos) {
            in_call = false;
            made += block.find(kPrefix) == std::string::npos ? block : instructions_of(parse(block));
            block.clear();
        }
    }
    if (in_call || in_declaration || made.find(kPrefix) != std::string::npos)
        throw std::runtime_error("a call of a tensor core's instruction survives in the PTX\n" +
                                 (block.empty() ? made.substr(made.find(kPrefix), 200) : block));
    return made;
}

}  // namespace tconv::compiler
