// Masked tiles of compiled layers, which store the lanes that a layer has of the last block: channels that fill no vector,
// of a depthwise NHWC layer for AVX-512. Every tensor touches an inaccessible page, as in correctness.guard_page, where one
// lane too many that is read or written is a signal.
#include <gtest/gtest.h>

#include <string>

#include "compiled.h"
#include "guarded.h"
#include "problem.h"
#include "random_spec.h"
#include "runner.h"

namespace tconv {
namespace {

using testing::CompiledLayer;
using testing::Flush;
using testing::GuardedBlock;
using testing::GuardedTensor;
using testing::Problem;

bool has_avx512() {
#if defined(__x86_64__)
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512cd") &&
           __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
#else
    return false;
#endif
}

void run_between_pages(const CompiledLayer &layer, Problem &problem, Flush flush) {
    problem.output.poison();
    const GuardedTensor input(problem.input, flush), filter(problem.filter, flush), residual(problem.residual, flush),
        output(problem.output, flush), bias(problem.bias, flush), slope(problem.slope, flush);
    const auto alignment = static_cast<size_t>(layer.header.alignment);
    const GuardedBlock packed(static_cast<size_t>(layer.header.packed_bytes), alignment, flush),
        workspace(static_cast<size_t>(layer.header.workspace_bytes), alignment, flush);
    ASSERT_EQ(layer.pack(filter.data(), packed.data()), 0);
    ASSERT_EQ(layer.run(layer.values({input.data(), packed.data(), bias.data(), slope.data(), residual.data(),
                                      output.view().data, workspace.data()})),
              0);
    output.copy_to(problem.output);
}

TEST(CompiledGuardPages, MaskedTilesLeaveNoTensor) {
    if (!has_avx512())
        GTEST_SKIP() << "[SKIP] this processor does not run layers compiled for AVX-512";
    testing::SignalReport report;
    const uint64_t seed = testing::seed_from_environment();
    // Less than a vector; one lane more than a vector, than two; a last block of 32 lanes that is nearly full.
    const char *const kLayers[] = {
        "n2_c7_h6_w9_o7_k3x3_s2x2_p1,1,1,1_op1,1_d1x1_g7_f32_nhwc",
        "n2_c7_h6_w9_o7_k5x3_s3x2_p1,1,0,2_op0,0_d2x1_g7_f32_nhwc_prelu_resafter",
        "n2_c17_h6_w9_o17_k4x5_s1x1_p2,0,1,3_op0,0_d1x1_g17_f32_nhwc_relu",
        "n2_c17_h6_w9_o17_k2x2_s2x2_p0,0,0,0_op0,0_d1x1_g17_f64_nhwc_nobias",
        "n2_c33_h6_w9_o33_k3x3_s2x2_p1,1,1,1_op1,1_d1x1_g33_f32_nhwc",
        "n2_c33_h6_w9_o33_k5x3_s3x2_p1,1,0,2_op0,0_d2x1_g33_f32_nhwc_prelu_resafter",
        "n2_c62_h6_w9_o62_k4x5_s1x1_p2,0,1,3_op0,0_d1x1_g62_f32_nhwc_relu",
        "n2_c62_h6_w9_o62_k2x2_s2x2_p0,0,0,0_op0,0_d1x1_g62_f64_nhwc_nobias"};
    for (uint64_t i = 0; i < std::size(kLayers); i++) {
        report.running = "TCONV_SEED=" + std::to_string(seed) + " " + kLayers[i];
        SCOPED_TRACE(report.running);
        Problem problem(testing::layer(kLayers[i]), testing::seed_of_case(seed, i));
        const std::vector<double> expected = problem.expected();
        const CompiledLayer layer(
            {.spec = problem.spec, .weights = {}, .options = {"--target", "x86-64-linux-avx512_skylake"}});
        ASSERT_EQ(layer.error, "");
        EXPECT_NE(layer.kernel.find("_phase_depthwise"), std::string::npos) << layer.kernel;
        EXPECT_NE(layer.kernel.find("_avx512"), std::string::npos) << layer.kernel;
        for (const Flush flush : {Flush::kEnd, Flush::kStart}) {
            run_between_pages(layer, problem, flush);
            ASSERT_EQ(problem.compare(expected), "");
        }
    }
}

}  // namespace
}  // namespace tconv
