// Device code with the sizes of one layer in it, as `tconv compile --target cuda` makes it, here for OpenCL: run by PoCL and
// held against the oracle with ==.
#include <gtest/gtest.h>

#include <memory>

#include "HalideRuntimeOpenCL.h"
#include "launch_recording.h"
#include "opencl_runner.h"
#include "random_spec.h"
#include "shape_classes.h"

namespace tconv {
namespace {

using namespace Halide;
using Halide::Internal::JITModule;
using testing::OpenclRunner;
using testing::Placement;
using testing::Problem;

// What generated code calls, of the runtime that is linked here.
JITModule opencl_runtime() {
    JITModule calls;
    auto provide = [&](const char *name, auto *function) {
        calls.add_symbol_for_export(name, JITModule::Symbol(reinterpret_cast<void *>(function)));
    };
    provide("halide_opencl_device_interface", halide_opencl_device_interface);
    provide("halide_opencl_initialize_kernels", halide_opencl_initialize_kernels);
    provide("halide_opencl_finalize_kernels", halide_opencl_finalize_kernels);
    provide("halide_opencl_run", halide_opencl_run);
    provide("halide_copy_to_device", halide_copy_to_device);
    return calls;
}

JITModule host_side(const Module &module) {
    Target target = get_host_target();
    target.set_features({Target::UserContext, Target::NoAsserts, Target::NoBoundsQuery, Target::NoRuntime});
    Module here(module.name(), target);
    for (const Internal::LoweredFunc &function : module.functions())
        here.append(function);
    for (const Buffer<> &buffer : module.buffers())
        here.append(buffer);
    return JITModule(here, here.get_function_by_name(module.name()), {opencl_runtime()});
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
            kept_.push_back(host_side(compiler::lower_device_stage(stages[stage]->stage, "opencl", stages[stage]->constants)));
            constants += stages[stage]->constants.size();
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

void check(const tconv_spec &spec, const std::string &kernel = "") {
    std::string why;
    ASSERT_TRUE(testing::opencl_usable(&why)) << why;
    Problem problem(spec, 7, Placement::kDense);
    std::unique_ptr<Compiled> compiled;
    OpenclRunner runner;
    runner.prepare = [&](DeviceLayer &layer) {
        compiled = std::make_unique<Compiled>(layer);
        layer.kernel = &compiled->kernel();
    };
    ASSERT_EQ(runner.run(problem, kernel), TCONV_OK) << testing::text_of(spec) << "\n" << runner.message;
    EXPECT_GT(compiled->constants, 60u);
    EXPECT_EQ(problem.difference(problem.expected()), "") << testing::text_of(spec) << " by " << runner.kernel;
}

TEST(CompiledForADevice, EqualsTheOracle) {
    // By both tables of taps, borders all round, phases without taps, several images, groups, a residual.
    for (const char *layer :
         {"n2_c8_h5_w7_o12_k4x4_s2x2_p1,1,1,1_op0,0_d1x1_g1_f32_nhwc_relu", "n1_c5_h6_w4_o7_k3x5_s2x3_p1,2,1,2_op1,1_d1x1_g1_f32_nchw",
          "n2_c6_h4_w5_o9_k2x2_s3x3_p0,0,0,0_op0,0_d2x2_g3_f32_nchw_resbefore_leaky_relu0.25",
          "n1_c12_h5_w5_o12_k3x3_s2x2_p1,1,1,1_op1,1_d1x1_g12_f32_nhwc_clip-1,4",
          "n2_c4_h3_w9_o8_k1x4_s1x2_p0,1,0,1_op0,0_d1x1_g1_f64_nhwc_prelu_resafter",
          "n1_c8_h4_w4_o3_k5x5_s2x2_p2,2,2,2_op1,1_d1x1_g1_bf16_nchw_nobias", "n1_c4_h4_w4_o4_k3x3_s1x1_p-1,0,2,0_op0,0_d1x1_g1_f16_nhwc"}) {
        check(testing::layer(layer));
        if (HasFatalFailure())
            return;
    }
}

}  // namespace
}  // namespace tconv
