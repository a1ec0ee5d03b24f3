// Whether the tests run under qemu's user emulation, as those of a cross build do (tests/CMakeLists.txt).
#pragma once

#include <cstdlib>

namespace tconv::testing {

// Address space that a program only reserves costs qemu memory, 24 GB for contract.run_memory, and it ignores
// setrlimit(RLIMIT_AS).
inline bool emulated() { return std::getenv("TCONV_EMULATED") != nullptr; }

}  // namespace tconv::testing
