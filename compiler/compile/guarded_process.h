// Work whose process may end at any time.
#pragma once

#include <functional>

namespace tconv::compiler {

// Does the work in a process of its own, of which this one survives whatever ends it: LLVM exits where it cannot write, and an
// interruption reaches both. What the work throws is thrown in the other process only. Returns 0, or the exit code with
// which the other ended after it said why.
//
// After SIGINT, SIGTERM or SIGHUP throws Interrupted, so that the caller can clean up.
int in_guarded_process(const std::function<void()> &work);

struct Interrupted {
    int signal;
};

}  // namespace tconv::compiler
