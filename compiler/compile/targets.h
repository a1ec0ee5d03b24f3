// What --target names: a Halide target, and whose tuned tables layers for it follow.
#pragma once

#include <string>

#include "Halide.h"

namespace tconv::compiler {

// "host", or a target in Halide's spelling; throws std::runtime_error for what there are no schedules for.
Halide::Target parse_target(const std::string &text);

// The same with no instruction set above `isa`, as --isa has it, and as it is where its own is not above. Throws
// std::runtime_error for a name that is none, or one of another architecture.
Halide::Target lowered_to(const Halide::Target &target, const std::string &isa);

// The microarchitecture that a target names, as tuned tables spell it: of host this processor's, of others that of their
// AVX-512 features (avx512_zen4) or of what they are tuned for (tune_znver3). Empty for a target that names none.
std::string microarchitecture_of(const std::string &text, const Halide::Target &target);

}  // namespace tconv::compiler
