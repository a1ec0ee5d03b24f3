// Halide functions on bare pointers.
//
// Halide passes every buffer as a halide_buffer_t and calls its runtime for checks and memory. Our stages need none
// of that: they run inside one layer function that knows every size, on memory the caller owns. A raw function takes
// the host pointers and exactly those strides and extents that its loops read, as plain scalar arguments, and calls
// nothing. Stages are joined to a layer by calling them from IR.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "Halide.h"

namespace tconv::compiler {

// A buffer argument of a call: where element (0, 0, ...) lies, and its extents and strides in elements.
struct BufferArgument {
    Halide::Expr host;  // UInt(64) address
    std::vector<Halide::Expr> extent, stride;
};

class RawFunction {
public:
    // Lowers `output` to a function `name` with internal linkage. `output_name` is the name under which callers know
    // the output buffer; memory that two stages share must carry one name in both, because LLVM is told that
    // differently named buffers do not overlap. `previous` is the argument, if any, that is the output as it was before.
    RawFunction(Halide::Func output, const std::string &output_name, const std::vector<Halide::Argument> &arguments,
                const std::string &name, const Halide::Target &target, const std::string &previous = "");

    const Halide::Internal::LoweredFunc &lowered() const { return function; }

    // Appends arguments, and has the body rewritten by whoever reads them.
    void rewrite(const std::vector<Halide::Internal::LoweredArgument> &arguments,
                 const std::function<Halide::Internal::Stmt(const Halide::Internal::Stmt &)> &rewritten);

    // One call; every buffer and scalar that the function reads must be given.
    Halide::Internal::Stmt call(const std::map<std::string, BufferArgument> &buffers,
                                const std::map<std::string, Halide::Expr> &scalars) const;

private:
    Halide::Internal::LoweredFunc function;
};

}  // namespace tconv::compiler
