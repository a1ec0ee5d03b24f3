// Which layers a command works on: --layer, --layers, --ids, --tier, --layout, --dtype.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "layers_csv.h"

namespace CLI {
class App;
class Validator;
}

namespace tconv::tool {

struct Selection {
    std::vector<std::string> texts, files, ids;
    std::string tier, layout, dtype;

    bool empty() const { return texts.empty() && files.empty(); }
};

// Refuses an empty text: that is a shell's variable that is not set, not an option that is not given.
CLI::Validator not_empty();

// Adds --kernel to a command.
void add_kernel_option(CLI::App &command, std::string &kernel);
// Whether --kernel finds a name; an empty expression finds all. Failure (kBadInput) for a malformed one.
std::function<bool(const char *name)> kernel_filter(const std::string &expression);

// Adds the options to a command. Layer texts may also stand without --layer.
void add_selection_options(CLI::App &command, Selection &selection);

// In the order given: texts, then files. layout and dtype override what a row or a text says. Failure (kBadInput) if
// something is malformed or unknown, or if nothing is selected.
std::vector<Layer> select_layers(const Selection &selection);

}  // namespace tconv::tool
