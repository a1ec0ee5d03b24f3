#include <algorithm>
#include <cctype>
#include <cstdio>

#include "compile_layer.h"
#include "geometry.h"
#include "layer_module.h"

namespace tconv::compiler {

namespace {

// What holds for all functions of a library for devices.
constexpr const char *kDeviceRules =
    ", and where the C library\n * has no dlopen, -ldl -lpthread. The driver, libcuda.so.1, is loaded by the first call.\n"
    " *\n"
    " * Pointers are device memory of the context that is current in the calling thread (cudaSetDevice makes one so);\n"
    " * stream is a CUstream or cudaStream_t of it, NULL the default one. Once a layer is loaded, its functions allocate\n"
    " * nothing, wait for nothing, and may be captured into a CUDA graph.\n"
    " *\n"
    " * All return 0 or a value of tconv_status, and then have launched nothing or not everything: 10 a NULL pointer,\n"
    " * 31 a misaligned one, 42 no driver, 43 no current context, 22 a device below compute capability 8.0, 40 out of\n"
    " * memory, 41 the driver refused something. */\n";

std::string define(const std::string &name, const std::string &value) {
    return "#define " + name + " " + value + "\n";
}

struct Parameters {
    std::string declared, passed;
};

Parameters parameters_of(const CompiledLayer &layer) {
    std::string declared = "const void *input", passed = "input";
    auto add = [&](bool present, const std::string &name) {
        if (present) {
            declared += ", const void *" + name;
            passed += ", " + name;
        }
    };
    add(!layer.baked, "packed");
    add(!layer.baked && layer.spec.has_bias, "bias");
    add(!layer.baked && layer.spec.activation == TCONV_ACT_PRELU, "slope");
    add(layer.spec.residual != TCONV_RESIDUAL_NONE, "residual");
    return {declared + ", void *output", passed + ", output"};
}

std::string type_of(int32_t dtype) {
    switch (dtype) {
        case TCONV_F64:
            return "float64";
        case TCONV_F16:
            return "float16";
        case TCONV_BF16:
            return "bfloat16";
        default:
            return "float32";
    }
}

std::string shapes_of(const tconv_spec &spec) {
    const Geometry geometry = geometry_of(spec);
    auto shape = [&](int64_t channels, int64_t h, int64_t w) {
        char text[128];
        if (spec.layout == TCONV_NCHW) {
            std::snprintf(text, sizeof text, "[%d, %lld, %lld, %lld]", spec.batch, static_cast<long long>(channels),
                          static_cast<long long>(h), static_cast<long long>(w));
        } else {
            std::snprintf(text, sizeof text, "[%d, %lld, %lld, %lld]", spec.batch, static_cast<long long>(h),
                          static_cast<long long>(w), static_cast<long long>(channels));
        }
        return std::string(text);
    };
    const std::string type = type_of(spec.dtype), order = spec.layout == TCONV_NCHW ? "N, C, H, W" : "N, H, W, C";
    char filter[96];
    std::snprintf(filter, sizeof filter, "[%d, %d, %d, %d]", spec.in_channels, spec.out_channels / spec.groups,
                  spec.kernel_h, spec.kernel_w);
    return " *   input   " + type + " " + shape(spec.in_channels, spec.in_h, spec.in_w) + " (" + order + ")\n" +
           " *   output  " + type + " " + shape(spec.out_channels, geometry.h.out, geometry.w.out) +
           ", and residual if there is one\n" + " *   filter  " + type + " " + filter +
           " (C_in, C_out / groups, kH, kW)\n";
}

// Of a layer for NVIDIA's GPUs. Pointers are the device's, and a stream is a CUstream or cudaStream_t.
std::string device_functions(const CompiledLayer &layer, const Parameters &parameters) {
    const std::string name = layer.name;
    std::string out = define(macro_prefix(name) + "_TENSOR_ALIGNMENT", std::to_string(layer.tensor_alignment) +
                                                                    " /* of input, output and residual, in bytes */");
    out += "\n/* Loads the layer" + std::string(layer.baked ? ", its weights too," : "") +
           " into the current context, once; the functions below do so too if nobody has.\n"
           " * Unload before a context is destroyed, when nothing of the layer runs there. */\n";
    out += "int " + name + "_load(void);\nint " + name + "_unload(void);\n";
    if (!layer.baked) {
        out += "\n/* Reorders a filter once, on the stream; keep packed as long as the layer runs. */\n";
        out += "int " + name + "_pack(const void *filter, void *packed, void *stream);\n";
    }
    out +=
        "\n/* Puts its launches on the stream and returns; all of output will be written. workspace may hold anything;\n"
        " * calls at the same time need one each" +
        std::string(layer.workspace_bytes == 0 ? ", NULL as it has no bytes" : "") + ". */\n";
    return out + "int " + name + "_run(" + parameters.declared + ", void *workspace, void *stream);\n";
}

std::string layer_text(const CompiledLayer &layer) {
    const std::string name = layer.name, prefix = macro_prefix(layer.name);
    const Work work = work_of(layer.spec);
    char text[TCONV_LAYER_TEXT_BYTES], flops[64];
    tconv_spec_format(&layer.spec, text, sizeof text);
    std::snprintf(flops, sizeof flops, "%.1f", work.flops_nominal);  // a double, so that FLOPS / ns does not truncate
    const Parameters parameters = parameters_of(layer);

    std::string out = "\n/* " + std::string(text) + "\n" + shapes_of(layer.spec);
    out += layer.baked ? " * Filter" + std::string(layer.spec.has_bias ? ", bias" : "") +
                             (layer.spec.activation == TCONV_ACT_PRELU ? ", slope" : "") + " are in the library. */\n"
                       : " * bias and slope, if there are any: " + type_of(layer.spec.dtype) + " [C_out] */\n";
    out += define(prefix + "_LAYER", "\"" + std::string(text) + "\"");
    out += define(prefix + "_KERNEL", "\"" + layer.kernel + "\"");
    out += define(prefix + "_FLOPS", std::string(flops) + " /* every input times every tap */");
    out += define(prefix + "_INPUT_BYTES", std::to_string(work.input_bytes));
    out += define(prefix + "_FILTER_BYTES", std::to_string(work.filter_bytes));
    out += define(prefix + "_PACKED_BYTES", std::to_string(layer.packed_bytes));
    out += define(prefix + "_BIAS_BYTES", std::to_string(work.bias_bytes));
    out += define(prefix + "_OUTPUT_BYTES", std::to_string(work.output_bytes));
    out += define(prefix + "_WORKSPACE_BYTES", std::to_string(layer.workspace_bytes));
    out += define(prefix + "_ALIGNMENT", std::to_string(layer.alignment) + " /* of packed and workspace */");
    if (layer.device) {
        return out + device_functions(layer, parameters);
    }
    if (!layer.baked) {
        out += "\n/* Reorders a filter once; keep packed as long as the layer runs. */\n";
        out += "int " + name + "_pack(const void *filter, void *packed);\n";
    }
    out +=
        "\n/* Writes all of output. workspace may hold anything; calls at the same time need one each.\n"
        " * Like all functions here it returns 0; 10 for a NULL pointer, 31 for a misaligned packed or workspace, and then\n"
        " * does nothing. */\n";
    out += "int " + name + "_run(" + parameters.declared + ", void *workspace);\n";
    if (layer.hooks) {
        out += "\n/* One of " + prefix +
               "_TASKS independent parts, in any order and on any thread: each concurrent one\n"
               " * needs a workspace of its own. */\n";
        out += define(prefix + "_TASKS", std::to_string(layer.tasks));
        out += "int " + name + "_run_task(int32_t task, " + parameters.declared + ", void *workspace);\n";
    }
    return out;
}

// What the library's functions check too, but for all parts at once: a part's workspace is no NULL where the first one's is,
// and a batch of 0 has no parts.
std::string hooks_checks(const CompiledLayer &layer) {
    std::string null = "!hooks", misaligned = "(uintptr_t)workspace";
    for (const TensorArgument &tensor : tensor_arguments(layer.spec, layer.baked)) {
        null += tensor.present ? " || !" + tensor.name : "";
    }
    misaligned += layer.baked ? "" : " | (uintptr_t)packed";
    return "    if (" + null + ") return 10;\n    if ((" + misaligned + ") % " + macro_prefix(layer.name) +
           "_ALIGNMENT != 0) return 31;\n";
}

// The parallel run needs tconv.h for tconv_hooks; it is inline, so that the library itself stays free of threads.
std::string hooks_text(const CompiledLayer &layer) {
    const std::string name = layer.name, prefix = macro_prefix(layer.name);
    const Parameters parameters = parameters_of(layer);
    std::string members, fill, unpack;
    std::string list = parameters.passed;
    for (size_t at = 0; at < list.size();) {
        const size_t end = std::min(list.find(", ", at), list.size());
        const std::string parameter = list.substr(at, end - at);
        members += std::string(parameter == "output" ? "    void *" : "    const void *") + parameter + ";\n";
        unpack += "run->" + parameter + ", ";
        at = end + 2;
    }
    std::string out = "\nstruct " + name + "_job_ {\n" + members + "    char *workspace;\n    int32_t slots;\n};\n\n";
    out += "static int " + name + "_slot_(void *job, int32_t slot) {\n    const struct " + name +
           "_job_ *run = (const struct " + name + "_job_ *)job;\n    int32_t task;\n    for (task = slot; task < " +
           prefix + "_TASKS; task += run->slots) {\n" + "        const int status = " + name + "_run_task(task, " +
           unpack + "run->workspace + (size_t)slot * " + prefix +
           "_WORKSPACE_BYTES);\n        if (status != 0) return status;\n    }\n    return 0;\n}\n\n";
    out += "/* The layer on hooks->parallel_for; workspace is hooks->concurrency times " + prefix +
           "_WORKSPACE_BYTES. */\n";
    out += "static inline int " + name + "_run_hooks(const tconv_hooks *hooks, " + parameters.declared +
           ", void *workspace) {\n" + "    struct " + name + "_job_ job;\n" + hooks_checks(layer);
    for (size_t at = 0; at < list.size();) {
        const size_t end = std::min(list.find(", ", at), list.size());
        const std::string parameter = list.substr(at, end - at);
        out += "    job." + parameter + " = " + parameter + ";\n";
        at = end + 2;
    }
    out +=
        "    job.workspace = (char *)workspace;\n    job.slots = hooks->parallel_for && hooks->concurrency > 1 ? "
        "hooks->concurrency : 1;\n"
        "    if (job.slots == 1) return " +
        name + "_run(" + parameters.passed + ", workspace);\n" +
        "    return hooks->parallel_for(hooks->user, job.slots, " + name + "_slot_, &job);\n}\n";
    return out;
}

}  // namespace

std::string macro_prefix(const std::string &name) {
    std::string prefix = name;
    std::transform(prefix.begin(), prefix.end(), prefix.begin(),
                   [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
    return prefix;
}

std::string header_of(const std::string &library, const std::vector<CompiledLayer> &layers, const std::string &target) {
    const std::string guard = macro_prefix(library) + "_H";
    bool hooks = false, device = false;
    for (const CompiledLayer &layer : layers) {
        hooks = hooks || layer.hooks;
        device = device || layer.device;
    }
    std::string out = "/* " + library + ".h: made by tconv compile for " + target + ". Link lib" + library + ".a" +
                      (device ? kDeviceRules : ". */\n");
    out += "#ifndef " + guard + "\n#define " + guard + "\n\n";
    out += hooks ? "#include <stddef.h>\n#include <stdint.h>\n\n#include <tconv/tconv.h>\n\n" : "";
    out += "#ifdef __cplusplus\nextern \"C\" {\n#endif\n";
    for (const CompiledLayer &layer : layers) {
        out += layer_text(layer);
        if (layer.hooks) {
            out += hooks_text(layer);
        }
    }
    return out + "\n#ifdef __cplusplus\n}\n#endif\n\n#endif\n";
}

}  // namespace tconv::compiler
