// One function a command; each returns an ExitCode or throws Failure.
#pragma once

#include "options.h"

namespace tconv::tool {

struct CheckOptions : Options {
    double most_seconds = 5;  // a kernel that is estimated to need longer on a layer is skipped
};

struct BenchOptions : Options {
    double seconds = 0.4;  // per row
};

int list_command(const Options &options);
int explain_command(const Options &options);
int check_command(const CheckOptions &options);
int bench_command(const BenchOptions &options);

// Replaces this process by tconv-compiler with the same arguments; returns only if there is none.
int compile_command(char **arguments);

}  // namespace tconv::tool
