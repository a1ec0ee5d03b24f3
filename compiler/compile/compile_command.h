// The compile command: reads layers and weights, compiles for each target, and puts libraries and headers in place.
#pragma once

namespace tconv::compiler {

// argv[1] is "compile". Returns the exit status; throws std::runtime_error. Writes nothing unless everything has been
// compiled.
int compile_command(int argc, char **argv);

}  // namespace tconv::compiler
