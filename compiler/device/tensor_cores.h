// Instructions of tensor cores, which Halide has none of, in the place of the calls that generators/fragments.h has for them.
#pragma once

#include <string>

namespace tconv::compiler {

// PTX as Halide 21's LLVM writes it, with each call in one block from "{ // callseq" to "} // callseq"; kernels that call
// nothing come back as they are. A call that is not understood is a std::runtime_error which shows it: ptxas would take it for
// a function of another module.
std::string with_tensor_core_instructions(const std::string &ptx);

}  // namespace tconv::compiler
