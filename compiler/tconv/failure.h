// What ends a command early, with the exit code that scripts rely on.
#pragma once

#include <stdexcept>
#include <string>

namespace tconv::tool {

enum ExitCode {
    kOk = 0,
    kMiss = 1,         // a kernel's result is wrong
    kBadInput = 2,     // a mistake in what was asked, or nothing matched it, or nothing could be compared
    kUnsupported = 3,  // right, but not on this machine or in this build
};

// The message says what is wrong and, where there is more than one way, what to do next.
struct Failure : std::runtime_error {
    Failure(ExitCode exit_code, const std::string &message) : std::runtime_error(message), code(exit_code) {}
    ExitCode code;
};

}  // namespace tconv::tool
