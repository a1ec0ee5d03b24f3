#include "targets.h"

#include <stdexcept>

#include "cpu_features.h"
#include "microarchitecture.h"
#include "variants.h"

namespace tconv::compiler {

using Halide::Target;

namespace {

// Of a valid spelling. Features of another architecture are a mistake in it, not something that Halide lacks.
Target target_of(const std::string &text) {
    try {
        return Target(text);
    } catch (const Halide::CompileError &error) {
        throw std::runtime_error("--target '" + text + "': " + error.what());
    }
}

// Features that have code call Halide's runtime or a sanitizer's. No compiled layer links either.
constexpr Target::Feature kCallingFeatures[] = {Target::Debug,
                                                Target::Profile,
                                                Target::ProfileByTimer,
                                                Target::ASAN,
                                                Target::MSAN,
                                                Target::TSAN,
                                                Target::TraceLoads,
                                                Target::TraceStores,
                                                Target::TraceRealizations,
                                                Target::TracePipeline,
                                                Target::SanitizerCoverage,
                                                Target::CheckUnsafePromises,
                                                Target::UserContext};

}  // namespace

Target parse_target(const std::string &text) {
    if (text == "host") {
        Target host = Halide::get_host_target();
        // Zen 4 and Sapphire Rapids report more than the schedules use; naming less keeps the library portable.
        for (Target::Feature feature :
             {Target::AVX512_Zen4, Target::AVX512_Zen5, Target::AVX512_SapphireRapids, Target::AVX512_Cannonlake}) {
            if (host.has_feature(feature)) {
                host.set_feature(feature, false);
            }
        }
        return host;
    }
    if (!Target::validate_target_string(text)) {
        throw std::runtime_error("--target '" + text +
                                 "' is not a target: use host, or for example x86-64-linux-avx2-fma-avx-f16c-sse41, "
                                 "arm-64-android, arm-64-ios, x86-64-windows, cuda-sm_80-sm_90");
    }
    const Target target = target_of(text);
    if (target.os == Target::OSUnknown || target.bits != 64 ||
        (target.arch != Target::X86 && target.arch != Target::ARM)) {
        throw std::runtime_error("--target '" + text +
                                 "': there are schedules for x86-64 and arm-64, on a named system");
    }
    if (target.has_gpu_feature()) {
        throw std::runtime_error("--target '" + text +
                                 "': a layer for NVIDIA's GPUs is --target cuda, or cuda-sm_80-sm_90");
    }
    if (target.has_feature(Target::SVE) || target.has_feature(Target::SVE2)) {
        throw std::runtime_error("--target '" + text +
                                 "': Halide 21 writes SVE code that is wrong on another vector length; leave SVE out");
    }
    for (const Target::Feature feature : kCallingFeatures) {
        if (target.has_feature(feature)) {
            throw std::runtime_error("--target '" + text + "': " + Target::feature_to_name(feature) +
                                     " adds calls that a compiled layer has nothing to link for; leave it out");
        }
    }
    return target;
}

Target lowered_to(const Target &target, const std::string &isa) {
    Isa most, own;
    if (!isa_from_name(isa.c_str(), &most)) {
        throw std::runtime_error("--isa '" + isa + "' is none of baseline, avx2, avx512, avx512bf16, neon");
    }
    const std::string name = isa_of_target(target);
    // Not isa_runs: to it baseline, whose gather needs no vectors, is below neon.
    if (!isa_from_name(name.c_str(), &own) || (own == Isa::neon) != (most == Isa::neon)) {
        throw std::runtime_error("--isa " + isa + ": target " + target.to_string() + " has " + name);
    }
    if (isa_runs(own, most)) {
        return target;
    }
    const Target model = target_of_isa(isa, "linux", {});
    Target lowered = target;
    for (const Target::Feature feature :
         {Target::SSE41, Target::AVX, Target::F16C, Target::FMA, Target::FMA4, Target::AVX2, Target::AVXVNNI, Target::AVX512,
          Target::AVX512_KNL, Target::AVX512_Skylake, Target::AVX512_Cannonlake, Target::AVX512_SapphireRapids,
          Target::AVX512_Zen4, Target::AVX512_Zen5, Target::AVX10_1}) {
        lowered.set_feature(feature, model.has_feature(feature));
    }
    return lowered;
}

std::string microarchitecture_of(const std::string &text, const Target &target) {
    if (text == "host") {
        return microarchitecture();
    }
    constexpr struct {
        Target::Processor tuned_for;
        const char *name;
    } kTunedFor[] = {{Target::Processor::ZnVer1, "znver1"},
                     {Target::Processor::ZnVer2, "znver2"},
                     {Target::Processor::ZnVer3, "znver3"},
                     {Target::Processor::ZnVer4, "znver4"},
                     {Target::Processor::ZnVer5, "znver5"}};
    for (const auto &known : kTunedFor) {
        if (target.processor_tune == known.tuned_for) {
            return known.name;
        }
    }
    // The last that a target has: those of newer processors include the older ones'.
    constexpr struct {
        Target::Feature feature;
        const char *name;
    } kFeatures[] = {{Target::AVX512_Zen5, "znver5"},
                     {Target::AVX512_Zen4, "znver4"},
                     {Target::AVX512_SapphireRapids, "sapphirerapids"},
                     {Target::AVX512_Cannonlake, ""},  // no server, and Ice Lake's are not told from it
                     {Target::AVX512_Skylake, "skylake-avx512"}};
    for (const auto &known : kFeatures) {
        if (target.has_feature(known.feature)) {
            return known.name;
        }
    }
    return "";
}

}  // namespace tconv::compiler
