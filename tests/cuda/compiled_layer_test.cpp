// Device code with the sizes of one layer in it, as `tconv compile --target cuda` makes it, here for OpenCL: run by PoCL and
// held against the oracle with ==.
#include <gtest/gtest.h>

#include <cstdlib>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "HalideRuntimeOpenCL.h"
#include "launch_recording.h"
#include "opencl_runner.h"
#include "random_spec.h"
#include "runner.h"

namespace tconv {
namespace {

using namespace Halide;
using Halide::Internal::JITModule;
using testing::OpenclRunner;
using testing::Placement;
using testing::Problem;

// What generated code calls, of the runtime that is linked here.
std::map<std::string, void *> opencl_calls() {
    auto pointer = [](auto *function) { return reinterpret_cast<void *>(function); };
    return {{"halide_opencl_device_interface", pointer(halide_opencl_device_interface)},
            {"halide_opencl_initialize_kernels", pointer(halide_opencl_initialize_kernels)},
            {"halide_opencl_finalize_kernels", pointer(halide_opencl_finalize_kernels)},
            {"halide_opencl_run", pointer(halide_opencl_run)},
            {"halide_copy_to_device", pointer(halide_copy_to_device)}};
}

const std::vector<compiler::DeviceVariant> &variants() {
    static const auto table = compiler::read_device_variants(TCONV_DEVICE_VARIANTS, "opencl");
    return table;
}

// A layer's code by its sizes, in the place of the catalogue's.
class Compiled {
public:
    explicit Compiled(const DeviceLayer &planned) : fixed_(planned, variants(), false) {
        const compiler::RecordedStages stages = compiler::record_stages(fixed_, "opencl");
        auto function = [&](compiler::StageOf stage) -> DeviceFunction {
            if (!stages[stage])
                return nullptr;
            const auto &[made, fixed] = *stages[stage];
            constants += fixed.size();
            kept_.push_back(compiler::host_side(compiler::lower_device_stage(made, "opencl", fixed), opencl_calls()));
            return reinterpret_cast<DeviceFunction>(reinterpret_cast<void *>(kept_.back().argv_function()));
        };
        fixed_.kernel.layer = function(compiler::kLayerStage);
        fixed_.kernel.pack = function(compiler::kPackStage);
        fixed_.kernel.activate = function(compiler::kActivateStage);
        fixed_.kernel.softmax = function(compiler::kSoftmaxStage);
        fixed_.kernel.phase_table = function(compiler::kPhaseTableStage);
    }
    const DeviceKernel &kernel() const { return fixed_.kernel; }

    size_t constants = 0;

private:
    compiler::FixedLayer fixed_;
    std::vector<JITModule> kept_;
};

// The output's bits, by the layer's own code.
std::vector<uint64_t> run_compiled(Problem &problem) {
    std::unique_ptr<Compiled> compiled;
    OpenclRunner runner;
    runner.prepare = [&](DeviceLayer &layer) {
        compiled = std::make_unique<Compiled>(layer);
        layer.kernel = &compiled->kernel();
    };
    EXPECT_EQ(runner.run(problem), TCONV_OK) << testing::text_of(problem.spec) << "\n" << runner.message;
    if (compiled != nullptr && problem.spec.batch > 0) {
        EXPECT_GT(compiled->constants, 60u);
    }
    return problem.output.bits();
}

TEST(CompiledForADevice, EqualsTheOracle) {
    ASSERT_EQ(testing::opencl_missing(), "");
    // Borders all round, phases without taps, several images, groups, a residual, each form of kernel.
    for (const char *layer : {"n2_c8_h5_w7_o12_k4x4_s2x2_p1,1,1,1_op0,0_d1x1_g1_f32_nhwc_relu",
                              "n1_c5_h6_w4_o7_k3x5_s2x3_p1,2,1,2_op1,1_d1x1_g1_f32_nchw",
                              "n2_c6_h4_w5_o9_k2x2_s3x3_p0,0,0,0_op0,0_d2x2_g3_f32_nchw_leaky_relu0.25_resbefore",
                              "n1_c12_h5_w5_o12_k3x3_s2x2_p1,1,1,1_op1,1_d1x1_g12_f32_nhwc_clip-1,4",
                              "n2_c4_h3_w9_o8_k1x4_s1x2_p0,1,0,1_op0,0_d1x1_g1_f64_nhwc_prelu_resafter",
                              "n1_c8_h4_w4_o3_k5x5_s2x2_p2,2,2,2_op1,1_d1x1_g1_bf16_nchw_nobias",
                              "n1_c4_h4_w4_o4_k3x3_s1x1_p-1,0,2,0_op0,0_d1x1_g1_f16_nhwc",
                              "n1_c16_h5_w6_o24_k4x4_s2x2_p1,1,1,1_op0,0_d1x1_g1_f16_nhwc_relu",
                              "n1_c16_h5_w6_o24_k3x3_s2x2_p1,1,1,1_op0,0_d1x1_g1_f32_nhwc_tf32"}) {
        Problem problem(testing::layer(layer), 7, Placement::kDense);
        run_compiled(problem);
        ASSERT_EQ(problem.compare(problem.expected()), "") << layer;
    }
}

// TCONV_COMPILED_LAYERS of them, since each is compiled; types, layouts and depthwise ones take turns.
TEST(CompiledForADevice, RandomLayersEqualTheOracle) {
    ASSERT_EQ(testing::opencl_missing(), "");
    const char *const wanted = std::getenv("TCONV_COMPILED_LAYERS"), *const seed = std::getenv("TCONV_SEED");
    const int layers = wanted != nullptr ? std::atoi(wanted) : 8;
    const std::vector<int32_t> dtypes = testing::device_dtypes();
    testing::Random random(seed != nullptr ? std::strtoull(seed, nullptr, 10) : 30);
    testing::SpecLimits limits;
    limits.most_flops = 1e6;
    limits.most_outputs = 10000;
    limits.exact_only = true;
    for (int i = 0; i < layers; i++) {
        limits.dtype = dtypes[static_cast<size_t>(i) % dtypes.size()];
        limits.depthwise = i % 5 == 0;
        const tconv_spec spec = testing::random_legal_spec(random, limits);
        Problem problem(spec, static_cast<uint64_t>(i), Placement::kDense);
        run_compiled(problem);
        ASSERT_EQ(problem.compare(problem.expected()), "") << testing::text_of(spec);
    }
}

TEST(CompiledForADevice, GivesTheBitsOfTheCatalogue) {
    ASSERT_EQ(testing::opencl_missing(), "");
    // With a second pass: in place, in the workspace, along either axis.
    for (const char *layer : {"n2_c5_h4_w6_o7_k3x3_s2x2_p1,1,1,1_op0,0_d1x1_g1_f32_nchw_tanh",
                              "n2_c8_h3_w5_o12_k4x4_s2x2_p1,0,1,2_op0,0_d1x1_g1_f32_nhwc_elu1_resafter",
                              "n1_c8_h3_w5_o12_k4x4_s2x2_p1,0,1,2_op0,0_d1x1_g1_bf16_nhwc_softmax",
                              "n1_c4_h3_w5_o4_k2x2_s2x2_p0,0,0,0_op0,0_d1x1_g1_f32_nchw_softmax_last_resafter"}) {
        Problem problem(testing::layer(layer), 5, Placement::kDense);
        problem.scale_arguments();
        OpenclRunner runner;
        ASSERT_EQ(runner.run(problem), TCONV_OK) << runner.message;
        const std::vector<uint64_t> catalogue = problem.output.bits();
        EXPECT_EQ(run_compiled(problem), catalogue) << layer;
    }
}

}  // namespace
}  // namespace tconv
