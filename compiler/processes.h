// Work in processes of its own: Halide compiles a module on one core.
#pragma once

#include <cstddef>
#include <functional>

namespace tconv::compiler {

// Calls work(i) for each i in [0, count), as many at a time as there are processors. Throws if one fails, which has printed
// why.
void in_processes(size_t count, const std::function<void(size_t)> &work);

}  // namespace tconv::compiler
