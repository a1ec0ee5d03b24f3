// `tconv compile`: one layer, all sizes constant, as a static library and a header.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "Halide.h"
#include "tconv/tconv.h"
#include "tuned_tables.h"
#include "weights.h"

namespace tconv::compiler {

struct CompileOptions {
    bool hooks = false;  // also a function for one task, so that a host program can run tasks in parallel
    bool size = false;   // smaller code: fewer register tiles
    std::string kernel = {};  // a regular expression that its name must match
    TunedSources tables = {};
};

// Everything that the header says about a compiled layer.
struct CompiledLayer {
    std::string name, kernel;
    std::string chosen, rows;  // how the kernel was chosen; lines about rows of tuned tables
    tconv_spec spec;
    int64_t packed_bytes, workspace_bytes;
    int64_t alignment;         // of packed and workspace
    int64_t tensor_alignment;  // of input, output and residual, on devices
    int32_t tasks;             // all images
    bool baked, hooks, device;
};

// Compiles to objects in `folder` and appends their paths. `name` prefixes every symbol.
CompiledLayer compile_layer(const std::string &name, const tconv_spec &spec, const std::optional<Weights> &weights,
                            const Halide::Target &target, const CompileOptions &options, const std::string &folder,
                            std::vector<std::string> &objects);

// What the names of a layer's macros begin with.
std::string macro_prefix(const std::string &name);

// The header of one library, which may hold several layers; `target` as --target has it.
std::string header_of(const std::string &library, const std::vector<CompiledLayer> &layers, const std::string &target);

}  // namespace tconv::compiler
