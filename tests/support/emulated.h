// Whether the tests run under qemu's user emulation, as those of a cross build do (tests/CMakeLists.txt).
#pragma once

#include <cstdlib>

namespace tconv::testing {

// qemu keeps tables of the address space that a program only reserves, 24 GB of them for some tests, and ignores
// setrlimit(RLIMIT_AS).
inline bool emulated() { return std::getenv("TCONV_EMULATED") != nullptr; }

}  // namespace tconv::testing
