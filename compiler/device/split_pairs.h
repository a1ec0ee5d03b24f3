// Two float32 numbers in one register of 64 bits, as LLVM keeps them, in a register each.
#pragma once

#include <string>

namespace tconv::compiler {

// PTX as Halide 21's LLVM writes it, without the 64-bit registers that only hold two numbers of 32 bits: those that are packed,
// unpacked, copied, selected, read and stored, and nothing else. ptxas (12.8 to 13.0, for all architectures) may take the
// second number of such a pair for dead while a branch still needs it, and compute the first one's successor in its register:
// of a lane's sums every second one was lost where a residual was added before the activation. A pair that is assigned in
// several places and cannot be split is a std::runtime_error which shows it.
std::string with_pairs_split(const std::string &ptx);

}  // namespace tconv::compiler
