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

struct TuneOptions : Options {
    double seconds = 10, total_seconds = 3600;  // per layer, of all
    bool missing = false;                       // only layers of which the folder has no row
    std::vector<std::string> merge;             // tables to merge instead
};

int list_command(const Options &options);
int explain_command(const Options &options);
int check_command(const CheckOptions &options);
int bench_command(const BenchOptions &options);
int tune_command(const TuneOptions &options);

// Replaces this process by tconv-compiler with the same arguments; returns only if there is none.
int compile_command(char **arguments);

}  // namespace tconv::tool
