// Conditions that decide for a whole loop, moved out of it.
#pragma once

#include "Halide.h"

namespace tconv::compiler {

// A lowering pass: where all that a serial loop does is under conditions on one number that a Func holds, and which the loop
// does not change, the loop is entered only if that holds. Halide asks in each iteration, before each Func computed in it,
// because it does not move conditions that read memory; and LLVM does not find out where the body is large.
class ConditionsBeforeLoops : public Halide::Internal::IRMutator {
    using IRMutator::visit;

    Halide::Internal::Stmt visit(const Halide::Internal::For *op) override;
};

}  // namespace tconv::compiler
