// Bad input to the compiler: exit status 2, or 3 for what is not supported, a message that names what is wrong in one or two
// lines, and no output folder.
#include <gtest/gtest.h>

#include <algorithm>

#include "compiled.h"

namespace tconv {
namespace {

namespace fs = std::filesystem;
using testing::NpyArray;
using testing::Outcome;
using testing::TemporaryFolder;

const std::string kLayer = "n1_c2_h3_w3_o4_k3x3_s2x2_p1,1,1,1_op0,0_d1x1_g1_f32_nchw";
const std::string kColumns =
    "id,N,C_in,H_in,W_in,C_out,kH,kW,stride_h,stride_w,pad_top,pad_left,pad_bottom,pad_right,out_pad_h,out_pad_w,"
    "dil_h,dil_w,groups,bias,H_out,W_out\n";
const std::string kRow = "1,2,3,3,4,3,3,2,2,1,1,1,1,0,0,1,1,1,1,5,5\n";

NpyArray array(const std::string &name, const std::vector<int64_t> &shape) {
    int64_t size = 1;
    for (const int64_t extent : shape)
        size *= extent;
    return {name, shape, std::vector<double>(static_cast<size_t>(size), 1.0)};
}

class Malformed : public ::testing::Test {
protected:
    // Compiles with these arguments and --out, and expects it to fail with all of these words in the message.
    void expect_refused(std::vector<std::string> arguments, const std::vector<std::string> &words, int status = 2) {
        const fs::path out = folder.path() / ("out" + std::to_string(++calls));
        arguments.insert(arguments.end(), {"--out", out.string()});
        const Outcome outcome = testing::compile(arguments);
        EXPECT_EQ(outcome.status, status) << outcome.err;
        EXPECT_EQ(outcome.out, "");
        // Layers that were compiled before the bad one are reported first.
        const size_t begin = outcome.err.find("tconv-compiler: ");
        const std::string message = begin == std::string::npos ? outcome.err : outcome.err.substr(begin);
        EXPECT_LE(std::count(message.begin(), message.end(), '\n'), 2) << outcome.err;
        EXPECT_FALSE(message.empty());
        for (const std::string &word : words)
            EXPECT_NE(message.find(word), std::string::npos) << "'" << word << "' is not in: " << message;
        EXPECT_FALSE(fs::exists(out)) << "left behind";
    }

    // Right, but nothing here computes it.
    void expect_unsupported(const std::vector<std::string> &arguments, const std::vector<std::string> &words) {
        expect_refused(arguments, words, 3);
    }

    void expect_weights_refused(const std::vector<NpyArray> &arrays, const std::vector<std::string> &words,
                                const std::string &layer = kLayer) {
        testing::write_npz(folder / "weights.npz", arrays);
        expect_refused({"--layer", layer, "--weights", folder / "weights.npz"}, words);
    }

    void expect_table_refused(const std::string &table, const std::vector<std::string> &words) {
        testing::write_file(folder / "layers.csv", table);
        expect_refused({"--layers", folder / "layers.csv"}, words);
    }

    const TemporaryFolder folder;
    int calls = 0;
};

TEST_F(Malformed, LayerText) {
    expect_refused({"--layer", "n1_c2_h3"}, {"n1_c2_h3"});
    expect_refused({"--layer", kLayer + "_rleu"}, {"rleu"});
    expect_refused({"--layer", ""}, {"tconv-compiler"});
    expect_refused({"--layer", "n1_c2_h3_w3_o4_k3x3_s0x2_p1,1,1,1_op0,0_d1x1_g1_f32_nchw"}, {"stride_h", "0"});
    expect_refused({"--layer", "n1_c2_h3_w3_o4_k3x3_s2x2_p9,1,9,1_op0,0_d1x1_g1_f32_nchw"}, {"pad_bottom"});
    expect_refused({"--layer", "n1_c2_h3_w3_o4_k3x3_s2x2_p1,1,1,1_op0,0_d1x1_g3_f32_nchw"}, {"groups", "3"});
    expect_unsupported({"--layer", "n1_c2_h3_w3_o4_k3x3_s2x2_p1,1,1,1_op0,0_d1x1_g1_s8_nchw"}, {"dtype"});
    expect_unsupported({"--layer", kLayer + "_tf32"}, {"math"});
    // The second of two layers: the first is not left behind.
    expect_refused({"--layer", kLayer, "--layer", "n1"}, {"'n1'"});
}

TEST_F(Malformed, TableOfLayers) {
    expect_refused({"--layers", folder / "absent.csv"}, {"absent.csv"});
    expect_table_refused("", {"layers.csv"});
    expect_table_refused(kColumns, {"layers.csv"});
    expect_table_refused("id,N\na,1\n", {"layers.csv:1", "C_in", "W_in"});
    expect_table_refused(kColumns + "a," + kRow + "b,1,2,3,3,4,3,3,2,2,1,1,1,1,0,0,1,1,1,1,6,5\n",
                         {"layers.csv:3", "H_out", "5"});
    expect_table_refused(kColumns + "a,one,2,3,3,4,3,3,2,2,1,1,1,1,0,0,1,1,1,1,5,5\n", {"layers.csv:2", "N", "one"});
    expect_table_refused(kColumns + "a,1,2,3,3,4,3,3,0,2,1,1,1,1,0,0,1,1,1,1,5,5\n", {"layers.csv:2", "stride_h"});
    expect_table_refused(kColumns + "a," + kRow + "a," + kRow, {"layers.csv:3", "id"});
    expect_table_refused(kColumns + "a,1,2\n", {"layers.csv:2"});
    testing::write_file(folder / "layers.csv", kColumns + "a," + kRow);
    expect_refused({"--layers", folder / "layers.csv", "--ids", "b"}, {"--ids", "b"});
    expect_refused({"--layers", folder / "layers.csv", "--tier", "core"}, {"core"});
}

TEST_F(Malformed, Weights) {
    expect_refused({"--layer", kLayer, "--weights", folder / "absent.npz"}, {"absent.npz"});
    testing::write_file(folder / "text.npz", "this is not a zip archive\n");
    expect_refused({"--layer", kLayer, "--weights", folder / "text.npz"}, {"text.npz"});
    testing::write_zip(folder / "member.npz", {{"weight.txt", "no array"}});
    expect_refused({"--layer", kLayer, "--weights", folder / "member.npz"}, {"weight.txt"});
    testing::write_zip(folder / "magic.npz", {{"weight.npy", "no array, but long enough to look for its magic"}});
    expect_refused({"--layer", kLayer, "--weights", folder / "magic.npz"}, {"magic.npz", "weight"});

    const NpyArray weight = array("weight", {2, 4, 3, 3}), bias = array("bias", {4});
    const std::string whole = testing::npy_of(weight);
    for (const size_t kept : {size_t{9}, size_t{40}, whole.size() - 1}) {
        testing::write_zip(folder / "short.npz", {{"weight.npy", whole.substr(0, kept)}});
        expect_refused({"--layer", kLayer, "--weights", folder / "short.npz"}, {"short.npz", "weight"});
    }
    NpyArray integers = weight;
    integers.type = "<i4";  // as many bytes as float32
    expect_weights_refused({integers, bias}, {"weight", "<i4"});
    NpyArray negative = weight;
    negative.shape = {2, -4, 3, 3};
    expect_weights_refused({negative, bias}, {"weight"});
    std::string fortran = whole;
    fortran.replace(fortran.find("False"), 5, "True ");
    testing::write_zip(folder / "fortran.npz", {{"weight.npy", fortran}});
    expect_refused({"--layer", kLayer, "--weights", folder / "fortran.npz"}, {"Fortran"});

    expect_weights_refused({array("weight", {4, 2, 3, 3}), bias}, {"weight", "(4, 2, 3, 3)", "(2, 4, 3, 3)"});
    expect_weights_refused({array("weight", {72}), bias}, {"weight", "(72)", "(2, 4, 3, 3)"});
    expect_weights_refused({weight, array("bias", {3})}, {"bias", "(3)", "(4)"});
    expect_weights_refused({weight}, {"bias", "missing", "weight (2, 4, 3, 3)"});
    expect_weights_refused({bias}, {"weight", "missing", "bias (4)"});
    expect_weights_refused({}, {"weight"});
    expect_weights_refused({weight, bias, array("wieght", {2, 4, 3, 3})}, {"wieght", "weight"});
    expect_weights_refused({weight, bias, array("other.weight", {2, 4, 3, 3})}, {"other.weight"});
    expect_weights_refused({weight, bias, array("slope", {4})}, {"slope", "prelu"});
    expect_weights_refused({weight, bias}, {"slope", "missing"}, kLayer + "_prelu");
    const NpyArray gamma = array("bn_gamma", {4}), beta = array("bn_beta", {4}), mean = array("bn_mean", {4}),
                   var = array("bn_var", {4});
    expect_weights_refused({weight, bias, gamma, beta, mean, var}, {"bn_eps"});
    expect_weights_refused({weight, bias, gamma, beta, mean, var, array("bn_eps", {4})}, {"bn_eps"});
    expect_weights_refused({weight, bias, gamma, beta, var, array("bn_eps", {})}, {"bn_mean"});
    NpyArray negated = var;
    negated.values[2] = -1;
    expect_weights_refused({weight, bias, gamma, beta, mean, negated, array("bn_eps", {})},
                           {"'bn_var' of output channel 2 is -1", "'bn_eps' 1", "above 0"});
    NpyArray huge = bias;
    huge.type = "<f8";
    huge.values[3] = 1e300;
    expect_weights_refused({weight, huge}, {"'bias'", "element 3 is 1e+300", "float32"});
}

// As after a faulty copy: zip archives keep a checksum of each entry.
TEST_F(Malformed, DamagedWeights) {
    const fs::path path = folder / "weights.npz";
    testing::write_npz(path, {array("weight", {2, 4, 3, 3}), array("bias", {4})});
    std::string bytes = testing::read_file(path);
    const size_t entry = bytes.find("PK\1\2");  // of the directory: its checksum is 16 bytes further
    ASSERT_NE(entry, std::string::npos);
    bytes[entry + 16] ^= 1;
    testing::write_file(path, bytes);
    expect_refused({"--layer", kLayer, "--weights", path}, {"weights.npz", "cannot be read", "CRC"});

    // The size of what is packed in it, 8 bytes further: more than there is, by far.
    bytes[entry + 16] ^= 1;
    bytes[entry + 27] = '\x70';
    testing::write_file(path, bytes);
    expect_refused({"--layer", kLayer, "--weights", path}, {"weights.npz", "weight.npy is cut short", "bytes"});
}

// Of a shell's variable that is not set.
TEST_F(Malformed, EmptyTexts) {
    expect_refused({"--layer", kLayer, "--weights", ""}, {"--weights", "empty"});
    expect_refused({"--layer", kLayer, "--name", ""}, {"--name", "empty"});
    const Outcome outcome = testing::compile({"--layer", kLayer, "--out", ""});
    EXPECT_EQ(outcome.status, 2);
    EXPECT_NE(outcome.err.find("--out"), std::string::npos) << outcome.err;
}

TEST_F(Malformed, LongNames) {
    expect_refused({"--layer", kLayer, "--name", std::string(300, 'a')}, {"300 letters", "200", "--name"});
}

// LLVM ends its process where it cannot write, and an interruption that of the command.
TEST_F(Malformed, EndedOnTheWay) {
    const auto end = [&](const std::string &how, const std::string &after) {
        const fs::path out = folder / ("ended" + std::to_string(++calls));
        const Outcome outcome = testing::run_program(
            {"sh", "-c", how + " \"$@\"" + after, "sh", TCONV_COMPILER, "compile", "--layer", kLayer, "--name", "up", "--out",
             out.string()});
        EXPECT_FALSE(fs::exists(out)) << "left behind by " << how;
        return outcome;
    };
    EXPECT_EQ(end("trap '' XFSZ; ulimit -f 1;", "").status, 2);
    for (const std::string signal : {"INT", "TERM", "HUP"}) {
        // Of the command alone; a terminal's would reach both processes.
        const Outcome outcome = end("exec timeout -s " + signal + " 0.1", "");
        EXPECT_NE(outcome.status, 0) << outcome.err;
    }
}

// The second of two layers lacks its weights: no file of the first is left.
TEST_F(Malformed, WeightsOfOneLayerOfTwo) {
    testing::write_file(folder / "layers.csv", kColumns + "a," + kRow + "b," + kRow);
    testing::write_npz(folder / "weights.npz", {array("a.weight", {2, 4, 3, 3}), array("a.bias", {4})});
    expect_refused({"--layers", folder / "layers.csv", "--weights", folder / "weights.npz"}, {"b.weight", "missing"});
}

// Headers that numpy did not write: numbers that fit no integer, and lengths that a parser which recurses does not survive.
TEST_F(Malformed, HeadersOfArrays) {
    const auto expect = [&](const std::string &header, const std::vector<std::string> &words) {
        testing::write_zip(folder / "weights.npz", {{"weight.npy", testing::npy_of(header, std::string(288, '\0'))}});
        std::vector<std::string> all = {"weights.npz", "weight"};
        all.insert(all.end(), words.begin(), words.end());
        expect_refused({"--layer", kLayer + "_nobias", "--weights", folder / "weights.npz"}, all);
    };
    const auto shaped = [](const std::string &shape) {
        return "{'descr': '<f4', 'fortran_order': False, 'shape': (" + shape + "), }\n";
    };
    for (const std::string number : {"99999999999999999999", "9223372036854775807", "4611686018427387904", "2147483649"})
        expect(shaped("4, " + number), {number, "2^31"});
    expect(shaped("-99999999999999999999,"), {"negative", "-99999999999999999999"});
    expect(shaped("2, four, 3, 3"), {"'four'", "(2, four, 3, 3)"});
    expect(shaped("2, , 3"), {"''", "(2, , 3)"});
    expect(shaped("2 4"), {"'2 4'"});
    expect(shaped("1, " + std::string(5000, '1')), {"2^31", "..."});
    expect(shaped(std::string(1 << 20, '1')), {"header", std::to_string(shaped("").size() + (1 << 20)), "10000"});
    expect(shaped("") + std::string(60000, ' '), {"header"});
    expect("{'descr': '<f4', 'fortran_order': Maybe, 'shape': (2,), }\n", {"Maybe"});
    expect("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (2,), }", {"[('a'"});
    expect("{'descr': '<f4", {"not understood"});
    expect("", {"not understood"});
}

// One layer's arrays are named in one way, several layers' always by layer: what is not read is refused.
TEST_F(Malformed, WeightsNamedInTwoWays) {
    const NpyArray weight = array("weight", {2, 4, 3, 3}), bias = array("bias", {4});
    const NpyArray own_weight = array("a.weight", {2, 4, 3, 3}), own_bias = array("a.bias", {4});
    testing::write_file(folder / "one.csv", kColumns + "a," + kRow);
    testing::write_file(folder / "two.csv", kColumns + "a," + kRow + "b," + kRow);
    const auto expect = [&](const std::string &table, const std::vector<NpyArray> &arrays,
                            const std::vector<std::string> &words) {
        testing::write_npz(folder / "weights.npz", arrays);
        expect_refused({"--layers", folder / table, "--weights", folder / "weights.npz"}, words);
    };
    expect("one.csv", {own_weight, bias}, {"'bias'", "'a.weight'", "found a.weight (2, 4, 3, 3), bias (4)"});
    expect("one.csv", {weight, own_bias}, {"'weight'", "'a.bias'", "found a.bias (4), weight (2, 4, 3, 3)"});
    expect("one.csv", {weight, bias, own_weight, own_bias}, {"two ways"});
    expect("one.csv", {own_bias}, {"a.weight", "missing", "a.bias (4)"});
    expect("two.csv", {own_weight, own_bias, array("b.weight", {2, 4, 3, 3}), array("b.bias", {4}), weight},
           {"'weight'", "2 layers", "found a.bias (4), a.weight (2, 4, 3, 3), b.bias (4)"});
    expect("two.csv", {weight, bias}, {"2 layers", "'<id>.'"});
}

TEST_F(Malformed, Target) {
    expect_refused({"--layer", kLayer, "--target", "toaster"}, {"--target", "toaster"});
    expect_refused({"--layer", kLayer, "--target", "x86-64"}, {"--target", "x86-64"});
    expect_refused({"--layer", kLayer, "--target", "arm-32-linux"}, {"arm-32-linux"});
    expect_refused({"--layer", kLayer, "--target", "riscv-64-linux-rvv-vector_bits_128"}, {"riscv-64"});
    expect_refused({"--layer", kLayer, "--target", "arm-64-linux-sve2-vector_bits_128"}, {"SVE"});
    expect_refused({"--layer", kLayer, "--target", "arm-64-linux-sve-vector_bits_256"}, {"SVE"});
    expect_refused({"--layer", kLayer, "--target", "arm-64-linux-sve2"}, {"SVE"});
    for (const std::string feature : {"profile", "asan", "trace_pipeline", "debug", "user_context"})
        expect_refused({"--layer", kLayer, "--target", "x86-64-linux-" + feature}, {feature, "leave it out"});
    expect_refused({"--layer", kLayer, "--target", ","}, {"--target"});
    expect_refused({"--layer", kLayer, "--target", "arm-64-linux-avx2"}, {"--target 'arm-64-linux-avx2'", "avx2 is incompatible"});
    // Halide finds out while it compiles.
    expect_unsupported({"--layer", kLayer, "--target", "arm-64-qurt"}, {"Halide", "OS"});
    // A good one before a bad one.
    expect_refused({"--layer", kLayer, "--target", "host,toaster"}, {"toaster"});
}

TEST_F(Malformed, CudaTarget) {
    expect_refused({"--layer", kLayer, "--target", "cuda-sm_70"}, {"sm_70", "sm_80, sm_86"});
    expect_refused({"--layer", kLayer, "--target", "cuda-90"}, {"'90'"});
    expect_refused({"--layer", kLayer, "--target", "cuda-"}, {"--target", "cuda-"});
    expect_refused({"--layer", kLayer, "--target", "cudasm_80"}, {"cudasm_80"});
    expect_refused({"--layer", kLayer, "--target", "x86-64-linux-cuda"}, {"--target cuda"});
    expect_refused({"--layer", kLayer, "--target", "host,cuda"}, {"--target", "processor"});
    expect_refused({"--layer", kLayer, "--target", "cuda,arm-64-linux"}, {"--target", "processor"});
    expect_refused({"--layer", kLayer, "--target", "cuda", "--threads", "hooks"}, {"--threads hooks", "stream"});
    expect_refused({"--layer", kLayer, "--target", "cuda", "--optimize", "size"}, {"--optimize size"});
    expect_refused({"--layer", kLayer, "--target", "cuda", "--db", "none"}, {"--db"});
    expect_refused({"--layer", kLayer, "--ptxas", "none"}, {"--ptxas", "cuda"});
    expect_refused({"--layer", kLayer, "--target", "cuda", "--ptxas", folder / "absent"}, {"--ptxas", "absent"});
    expect_refused({"--layer", kLayer, "--target", "cuda-sm_80", "--ptxas", "none"}, {"ptxas", "nvidia-cuda-nvcc-cu12"});
    expect_unsupported({"--layer", kLayer, "--target", "cuda", "--dtype", "s8"}, {"dtype"});
    const std::string tf32_of_f64 = "n1_c2_h3_w3_o4_k3x3_s2x2_p1,1,1,1_op0,0_d1x1_g1_f64_nchw_tf32";
    expect_unsupported({"--layer", tf32_of_f64, "--target", "cuda", "--ptxas", "none"}, {"tf32", "TF32"});
    // A good layer before one that no kernel computes, and machine code that cannot be made.
    expect_unsupported({"--layer", kLayer, "--layer", tf32_of_f64, "--target", "cuda", "--ptxas", "none"}, {"TF32"});
    expect_refused({"--layer", kLayer, "--target", "cuda-sm_80", "--ptxas", "/bin/false"}, {"/bin/false"});
}

TEST_F(Malformed, Options) {
    expect_refused({}, {"--layer"});
    expect_refused({"--layer", kLayer, "--layer", kLayer + "_relu", "--name", "two"}, {"--name", "--bundle"});
    expect_refused({"--layer", kLayer, "--layer", kLayer}, {"two layers"});
    expect_refused({"--layer", kLayer, "--name", "9lives"}, {"--name", "9lives"});
    expect_refused({"--layer", kLayer, "--name", "a-b"}, {"--name", "a-b"});
    expect_refused({"--layer", kLayer, "--name", "../a"}, {"--name", "../a"});
    expect_refused({"--layer", kLayer, "--threads", "many"}, {"--threads", "many"});
    expect_refused({"--layer", kLayer, "--optimize", "beauty"}, {"--optimize", "beauty"});
    expect_refused({"--layer", kLayer, "--no-runtime", "--threads", "hooks"}, {"--no-runtime", "hooks"});
    expect_refused({"--layer", kLayer, "--optimise", "size"}, {"--optimise"});
    expect_unsupported({"--layer", kLayer, "--dtype", "s8"}, {"dtype"});
}

// Macros are in capitals, and file systems may not tell case apart: `up` and `UP` would be one layer.
TEST_F(Malformed, NamesThatMacrosShare) {
    testing::write_file(folder / "layers.csv", kColumns + "up," + kRow + "UP," + kRow + "u-p," + kRow + "u_p," + kRow +
                                                   "up_tensor," + kRow);
    const auto expect = [&](const std::string &ids, std::vector<std::string> options, const std::vector<std::string> &words) {
        options.insert(options.end(), {"--layers", folder / "layers.csv", "--ids", ids});
        expect_refused(options, words);
    };
    expect("up,UP", {}, {"two layers", "'up'", "'UP'", "UP_"});
    expect("up,UP", {"--bundle", "--name", "net"}, {"'up'", "'UP'", "NET_UP_"});
    expect("u-p,u_p", {}, {"'u-p'", "'u_p'", "U_P_"});
    expect("up,up_tensor", {"--target", "cuda", "--ptxas", "none"}, {"'up'", "'up_tensor'", "UP_TENSOR_ALIGNMENT"});
}

TEST_F(Malformed, OutputFolder) {
    testing::write_file(folder / "file", "in the way");
    for (const std::string &out : {folder / "file", folder / "file/below"}) {
        const Outcome outcome = testing::compile({"--layer", kLayer, "--out", out});
        EXPECT_EQ(outcome.status, 2) << outcome.err;
        EXPECT_NE(outcome.err.find(out), std::string::npos) << outcome.err;
        EXPECT_EQ(std::count(outcome.err.begin(), outcome.err.end(), '\n'), 1) << outcome.err;
    }
    EXPECT_EQ(testing::read_file(folder / "file"), "in the way");
    EXPECT_EQ(testing::compile({"--layer", kLayer}).status, 2);
}

// A failed call removes every folder that it made, and none that was there.
TEST_F(Malformed, LeavesNoFolder) {
    fs::create_directory(folder / "there");
    for (const std::string out : {"there/new/deep", "new/deep/er/"}) {
        EXPECT_EQ(testing::compile({"--layer", kLayer, "--dtype", "s8", "--out", folder / out}).status, 3);
        EXPECT_FALSE(fs::exists(folder / "new"));
        EXPECT_FALSE(fs::exists(folder / "there/new"));
    }
    // It fails when all is compiled, at the place of one of two targets.
    testing::write_file(folder / "there/arm-64-linux", "in the way");
    const Outcome outcome = testing::compile(
        {"--layer", kLayer, "--target", "x86-64-linux,arm-64-linux", "--out", folder / "there"});
    EXPECT_EQ(outcome.status, 2);
    EXPECT_NE(outcome.err.find("arm-64-linux: "), std::string::npos) << outcome.err;
    EXPECT_EQ(std::distance(fs::directory_iterator(folder / "there"), fs::directory_iterator()), 1);
}

// A killed call cannot tidy up. What it left does not count as made by a later one, which may have its number as a process.
TEST_F(Malformed, LeavesFilesOfAKilledCallAlone) {
    const Outcome compiled = testing::run_program(
        {"/bin/sh", "-c",
         "mkdir -p \"$1/.tconv-compile-$$\" && echo stale > \"$1/.tconv-compile-$$/stale.h\" && "
         "exec \"$2\" compile --layer \"$3\" --name a --out \"$1\"",
         "sh", folder / "out", TCONV_COMPILER, kLayer});
    ASSERT_EQ(compiled.status, 0) << compiled.err;
    EXPECT_FALSE(fs::exists(folder / "out/stale.h"));
    EXPECT_EQ(std::distance(fs::directory_iterator(folder / "out"), fs::directory_iterator()), 3);
}

// What was there before a failed call is there after it.
TEST_F(Malformed, LeavesEarlierFilesAlone) {
    const std::string out = folder / "kept";
    ASSERT_EQ(testing::compile({"--layer", kLayer, "--name", "a", "--out", out}).status, 0);
    const std::string header = testing::read_file(out + "/a.h"), library = testing::read_file(out + "/liba.a");
    testing::write_npz(folder / "weights.npz", {array("bias", {4})});
    EXPECT_EQ(testing::compile({"--layer", kLayer, "--name", "a", "--weights", folder / "weights.npz", "--out", out})
                  .status,
              2);
    EXPECT_EQ(testing::read_file(out + "/a.h"), header);
    EXPECT_EQ(testing::read_file(out + "/liba.a"), library);
    EXPECT_EQ(std::distance(fs::directory_iterator(out), fs::directory_iterator()), 2);
}

}  // namespace
}  // namespace tconv
