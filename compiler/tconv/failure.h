// What ends a command early, with the exit code that scripts rely on.
#pragma once

#include <stdexcept>
#include <string>

#include "tconv/tconv.h"

namespace tconv::tool {

enum ExitCode {
    kOk = 0,
    kMiss = 1,         // a kernel's result is wrong
    kBadInput = 2,     // a mistake in what was asked, or nothing matched it, or nothing could be compared
    kUnsupported = 3,  // right, but not on this machine or in this build
};

// Of a failed plan or run.
inline ExitCode exit_code_of(tconv_status status) {
    const bool right = status == TCONV_UNSUPPORTED || status == TCONV_UNSUPPORTED_CPU || status == TCONV_OUT_OF_MEMORY;
    return right ? kUnsupported : kBadInput;
}

// The message says what is wrong and, where there is more than one way, what to do next.
struct Failure : std::runtime_error {
    Failure(ExitCode exit_code, const std::string &message) : std::runtime_error(message), code(exit_code) {}
    ExitCode code;
};

}  // namespace tconv::tool
