// The compile command: reads layers and weights, compiles for each target, and puts libraries and headers in place.
#pragma once

#include "selection.h"

namespace CLI {
class App;
}

namespace tconv::compiler {

struct CompileCommand {
    tool::Selection layers;
    std::string name, threads = "serial", optimize = "speed", weights, targets = "host", out;
    bool no_runtime = false, bundle = false;
};

void add_compile_options(CLI::App &command, CompileCommand &options);

// Writes nothing unless everything has been compiled. Throws std::runtime_error.
void run_compile(const CompileCommand &options);

}  // namespace tconv::compiler
