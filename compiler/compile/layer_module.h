// The functions and constants of a compiled layer, as a module that Halide turns into an object.
#pragma once

#include <string>
#include <vector>

#include "Halide.h"
#include "element.h"
#include "tconv/tconv.h"

namespace tconv::compiler {

Halide::Internal::LoweredArgument handle_argument(const std::string &name);

// The number that a handle of this name is.
Halide::Expr address(const std::string &name);

// A constant array in the library, as an address.
Halide::Expr embed(Halide::Module &module, const std::string &name, const Halide::Buffer<> &values);

// Numbers as the layer's tensors store them.
Halide::Buffer<> stored(generators::Element element, const std::vector<double> &values);

// The pointers of NAME_run in the order of its parameters.
struct TensorArgument {
    std::string name;
    bool present;
};
std::vector<TensorArgument> tensor_arguments(const tconv_spec &spec, bool baked);

}  // namespace tconv::compiler
