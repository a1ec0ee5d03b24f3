// The lanes of a warp multiply fragments together, or the result is undefined.
#pragma once

#include "Halide.h"

namespace tconv::compiler {

// A lowering pass that changes nothing: a call of a tensor core's instruction which one lane may reach and its neighbour not,
// because a condition or the number of a loop's iterations depends on the lane, is a std::runtime_error which names it; so is one
// outside all loops over lanes. Halide
// puts what a lane computes under conditions of its stores where it can, which no processor's tests notice.
class ConvergingProducts : public Halide::Internal::IRMutator {
public:
    using IRMutator::mutate;
    Halide::Internal::Stmt mutate(const Halide::Internal::Stmt &s) override;
};

}  // namespace tconv::compiler
