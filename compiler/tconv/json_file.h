// Where --json FILE goes: a file, or for - standard output.
#pragma once

#include <string>

namespace CLI {
class App;
}

namespace tconv::tool {

// Adds --json to a command.
void add_json_option(CLI::App &command, std::string &json);

// Before anything is computed: Failure (kBadInput) where write_json_text could not write it.
void check_json(const std::string &json);

// Nothing without --json. Failure (kBadInput) where it cannot be written.
void write_json_text(const std::string &json, const std::string &text);

}  // namespace tconv::tool
