// Layers compiled for other machines: the objects have the target's format, and those for 64-bit ARM Linux give the
// oracle's results under qemu.
#include <gtest/gtest.h>

#include <cstring>

#include "compiled.h"
#include "object_file.h"
#include "problem.h"
#include "random_spec.h"
#include "runner.h"

namespace tconv {
namespace {

using testing::Outcome;
using testing::Problem;
using testing::Random;
using testing::TemporaryFolder;

const std::string kLayer = "n1_c5_h4_w6_o9_k4x4_s2x2_p1,1,1,1_op0,0_d1x1_g1_f32_nchw_tanh";

struct Format {
    const char *target, *format;
};
constexpr Format kFormats[] = {{"x86-64-linux", "elf x86-64"},     {"x86-64-linux-avx-avx2-f16c-fma-sse41", "elf x86-64"},
                               {"arm-64-linux", "elf arm-64"},     {"arm-64-android", "elf arm-64"},
                               {"arm-64-ios", "mach-o arm-64"},    {"arm-64-osx", "mach-o arm-64"},
                               {"x86-64-windows", "coff x86-64"}};

TEST(Target, ObjectsHaveTheFormatOfTheTarget) {
    const TemporaryFolder folder;
    std::string targets;
    for (const Format &format : kFormats)
        targets += std::string(targets.empty() ? "" : ",") + format.target;
    const Outcome compiled =
        testing::compile({"--layer", kLayer, "--name", "far", "--target", targets, "--out", folder.path().string()});
    ASSERT_EQ(compiled.status, 0) << compiled.err;
    std::string header;
    for (const Format &format : kFormats) {
        const std::string base = folder / format.target;
        const std::vector<testing::Member> members = testing::members_of(base + "/libfar.a");
        EXPECT_EQ(members.size(), 2u) << format.target;
        for (const testing::Member &member : members)
            EXPECT_EQ(testing::format_of(member.bytes), format.format) << format.target << ": " << member.name;
        EXPECT_NE(testing::read_file(base + "/far.h").find("int far_run("), std::string::npos);
    }
    // One target: no folder of its own.
    ASSERT_EQ(testing::compile({"--layer", kLayer, "--name", "near", "--target", "arm-64-android", "--out",
                                folder / "one"})
                  .status,
              0);
    EXPECT_EQ(testing::format_of(testing::members_of(folder / "one/libnear.a")[0].bytes), "elf arm-64");
}

// Reads filter, input, bias, slope and residual from a file, runs, writes the output.
constexpr const char *kProgram = R"c(
#include <stdio.h>
#include <stdlib.h>
#include "far.h"
static void *block(size_t bytes) { return aligned_alloc(64, (bytes + 127) / 64 * 64); }
static void *loaded(FILE *from, size_t bytes) {
    void *data = block(bytes);
    if (fread(data, 1, bytes, from) != bytes) exit(3);
    return data;
}
int main(int argc, char **argv) {
    FILE *from = fopen(argv[1], "rb"), *to = fopen(argv[2], "wb");
    void *filter, *input, *bias, *slope, *residual, *packed, *output, *workspace;
    if (argc != 3 || from == NULL || to == NULL) return 4;
    filter = loaded(from, FAR_FILTER_BYTES);
    input = loaded(from, FAR_INPUT_BYTES);
    bias = loaded(from, OUT_CHANNELS * ELEMENT);
    slope = loaded(from, OUT_CHANNELS * ELEMENT);
    residual = loaded(from, FAR_OUTPUT_BYTES);
    packed = block(FAR_PACKED_BYTES);
    output = block(FAR_OUTPUT_BYTES);
    workspace = block(FAR_WORKSPACE_BYTES);
    (void)bias; (void)slope; (void)residual;
    if (far_pack(filter, packed) != 0) return 5;
    if (far_run(ARGUMENTS) != 0) return 6;
    return fwrite(output, 1, FAR_OUTPUT_BYTES, to) == FAR_OUTPUT_BYTES && fclose(to) == 0 ? 0 : 7;
}
)c";

// Problem's tensors in logical order are what NAME_run takes for an NCHW layer.
std::string bytes_of(const testing::Tensor &tensor) {
    const auto element = static_cast<size_t>(element_type(tensor.dtype()).bytes);
    std::string bytes;
    for (const uint64_t bits : tensor.bits())
        bytes.append(reinterpret_cast<const char *>(&bits), element);
    return bytes;
}

void run_far(const tconv_spec &spec, Random &random) {
    // Data for any kernel that the layer may be compiled with: those of that processor are not this one's.
    Problem problem(spec, random.next(), testing::Placement::kDense, testing::winograd_rules(spec));
    const TemporaryFolder folder;
    const Outcome compiled =
        testing::compile({"--layer", testing::text_of(spec), "--name", "far", "--target", "arm-64-linux", "--optimize",
                          random.chance(0.5) ? "size" : "speed", "--out", folder.path().string()});
    ASSERT_EQ(compiled.status, 0) << compiled.err;
    std::string arguments = "input, packed";
    arguments += spec.has_bias ? ", bias" : "";
    arguments += spec.activation == TCONV_ACT_PRELU ? ", slope" : "";
    arguments += spec.residual != TCONV_RESIDUAL_NONE ? ", residual" : "";
    testing::write_file(folder / "main.c", kProgram);
    const Outcome linked = testing::run_program(
        {TCONV_ARM64_CC, "-static", "-std=c11", "-DARGUMENTS=" + arguments + ", output, workspace",
         "-DOUT_CHANNELS=" + std::to_string(spec.out_channels),
         "-DELEMENT=" + std::to_string(element_type(spec.dtype).bytes), "-o", folder / "main", folder / "main.c",
         folder / "libfar.a"});
    ASSERT_EQ(linked.status, 0) << linked.err;
    testing::write_file(folder / "in", bytes_of(problem.filter) + bytes_of(problem.input) + bytes_of(problem.bias) +
                                           bytes_of(problem.slope) + bytes_of(problem.residual));
    const Outcome ran = testing::run_program({TCONV_ARM64_EMULATOR, folder / "main", folder / "in", folder / "out"});
    ASSERT_EQ(ran.status, 0) << ran.err;
    const std::string out = testing::read_file(folder / "out");
    const int64_t element = element_type(spec.dtype).bytes;
    ASSERT_EQ(static_cast<int64_t>(out.size()), problem.output.size() * element);
    problem.output.change([&](int64_t i, double) { return load_element(spec.dtype, out.data() + i * element); });
    ASSERT_EQ(problem.compare(problem.expected()), "");
}

TEST(Target, Arm64EqualsTheOracleUnderQemu) {
    if (std::string(TCONV_ARM64_CC).empty() || std::string(TCONV_ARM64_EMULATOR).empty())
        GTEST_SKIP() << "[SKIP] no aarch64-linux-gnu-gcc or no qemu-aarch64-static (make test-cross installs them)";
    const uint64_t seed = testing::seed_from_environment();
    for (uint64_t i = 0; i < 10; ++i) {
        Random random(testing::seed_of_case(seed, i));
        testing::SpecLimits limits;
        limits.dtype = testing::dtype_of_case(i);
        limits.exact_only = true;
        limits.most_flops = 1e6;
        limits.depthwise = i % 5 == 4;
        tconv_spec spec = testing::random_legal_spec(random, limits);
        spec.layout = TCONV_NCHW;
        SCOPED_TRACE("TCONV_SEED=" + std::to_string(seed) + " case " + std::to_string(i) + " " +
                     testing::text_of(spec));
        run_far(spec, random);
        if (HasFatalFailure())
            return;
    }
}

}  // namespace
}  // namespace tconv
