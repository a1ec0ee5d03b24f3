// What every command takes besides its layers: --kernel, --threads, --isa, --db, --json; and what follows from them.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "cpu_features.h"
#include "json_file.h"
#include "registry.h"
#include "selection.h"

namespace CLI {
class App;
}

namespace tconv::tool {

struct Options {
    Selection layers;
    std::string kernel, isa, db, json;
    std::optional<int> threads;  // none: TCONV_NUM_THREADS, else 1
};

void add_run_options(CLI::App &command, Options &options);

// Puts --isa into the environment, where the library reads it. Failure (kBadInput) for a name it does not know.
Isa apply_isa(const Options &options);

int thread_count(const Options &options);

// Kernels whose names match --kernel. Failure: kBadInput if there are none, or the expression is malformed.
std::vector<const Kernel *> matching_kernels(const Options &options);
// Those of them that `usable` allows; Failure (kUnsupported) if there are none.
std::vector<const Kernel *> usable_kernels(const Options &options, Isa usable);

// On standard error, where no table is: what of a row is not computed.
void print_notes(const std::vector<Layer> &layers);

// Human-readable lines go to standard output, unless JSON goes there.
bool prints_text(const Options &options);

using Json = nlohmann::ordered_json;
Json json_head(const char *command, Isa usable);  // tconv, command, commit, cpu, isa
void write_json(const Options &options, const Json &document);

}  // namespace tconv::tool
