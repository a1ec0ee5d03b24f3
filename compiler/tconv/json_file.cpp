#include "json_file.h"

#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iostream>

#include "failure.h"
#include "selection.h"

namespace tconv::tool {

void add_json_option(CLI::App &command, std::string &json) {
    command
        .add_option("--json", json, "also write the results here; - means standard output, and no text there")
        ->type_name("FILE")
        ->check(not_empty());
}

void check_json(const std::string &json) {
    if (json.empty() || json == "-")
        return;
    std::error_code none;
    const std::filesystem::path file = json, folder = file.has_parent_path() ? file.parent_path() : ".";
    if (std::filesystem::is_directory(file, none))
        errno = EISDIR;
    else if (access(std::filesystem::exists(file, none) ? file.c_str() : folder.c_str(), W_OK) == 0)
        return;
    throw Failure(kBadInput, "--json " + json + ": cannot be written: " + std::strerror(errno));
}

void write_json_text(const std::string &json, const std::string &text) {
    if (json.empty())
        return;
    if (json == "-") {
        std::cout << text << std::endl;
        if (!std::cout)
            throw Failure(kBadInput, "standard output: cannot be written");
        return;
    }
    std::ofstream file(json);
    file << text << "\n";
    file.close();
    if (!file)
        throw Failure(kBadInput, "--json " + json + ": cannot be written: " + std::strerror(errno));
}

}  // namespace tconv::tool
