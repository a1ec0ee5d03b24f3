#include "options.h"

#include <regex.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iostream>

#include "machine.h"
#include "table_folders.h"

namespace tconv::tool {

void add_run_options(CLI::App &command, Options &options) {
    command
        .add_option("--kernel", options.kernel,
                    "only kernels whose name this regular expression finds; tconv list prints the names")
        ->type_name("RE");
    command.add_option("--threads", options.threads, "threads of a run; default: TCONV_NUM_THREADS, else 1")
        ->type_name("N");
    command.add_option("--isa", options.isa, "lower the instruction set that may be used, as TCONV_ISA does")
        ->type_name("baseline|avx2|avx512|avx512bf16|neon");
    add_db_option(command, options.db);
    command
        .add_option("--json", options.json, "also write the results here; - means standard output, and no text there")
        ->type_name("FILE");
}

Isa apply_isa(const Options &options) {
    if (!options.isa.empty())
        setenv("TCONV_ISA", options.isa.c_str(), 1);
    char text[256];
    Message message(text, sizeof text);
    Isa usable;
    if (usable_isa(&usable, message) != TCONV_OK)
        throw Failure(kBadInput, (options.isa.empty() ? "" : "--isa " + options.isa + ": ") + text);
    return usable;
}

int thread_count(const Options &options) {
    int threads = options.threads.value_or(1);
    std::string from = "--threads " + std::to_string(threads);
    if (const char *text = std::getenv("TCONV_NUM_THREADS"); !options.threads && text != nullptr && *text != '\0') {
        const char *const end = text + std::strlen(text);
        // What fits no int leaves `threads` as it was.
        if (const auto [stop, error] = std::from_chars(text, end, threads); stop != end || error != std::errc())
            threads = -1;
        from = std::string("TCONV_NUM_THREADS=") + text;
    }
    if (threads < 1 || threads > 1024)
        throw Failure(kBadInput, from + ": must be a number from 1 to 1024");
    return threads;
}

std::vector<const Kernel *> matching_kernels(const Options &options) {
    // POSIX's, not std::regex, whose headers set off false warnings of GCC 12 under the sanitizers.
    regex_t expression;
    if (const int error = regcomp(&expression, options.kernel.c_str(), REG_EXTENDED | REG_NOSUB); error != 0) {
        char text[128];
        regerror(error, &expression, text, sizeof text);
        throw Failure(kBadInput, "--kernel '" + options.kernel + "' is not a regular expression: " + text);
    }
    std::vector<const Kernel *> matching;
    for (const Kernel &kernel : kernels()) {
        if (options.kernel.empty() || regexec(&expression, kernel.name, 0, nullptr, 0) == 0)
            matching.push_back(&kernel);
    }
    regfree(&expression);
    if (matching.empty())
        throw Failure(kBadInput, "--kernel '" + options.kernel + "' matches no kernel; tconv list prints their names");
    return matching;
}

std::vector<const Kernel *> usable_kernels(const Options &options, Isa usable) {
    std::vector<const Kernel *> matching = matching_kernels(options);
    std::erase_if(matching, [&](const Kernel *kernel) { return !isa_runs(kernel->isa, usable); });
    if (matching.empty()) {
        throw Failure(kUnsupported, "this processor, or TCONV_ISA, allows " + std::string(isa_name(usable)) +
                                        "; no kernel that --kernel '" + options.kernel + "' matches runs on it");
    }
    return matching;
}

void print_notes(const std::vector<Layer> &layers) {
    for (const Layer &layer : layers) {
        if (!layer.note.empty())
            std::cerr << "note: " << layer.id << ": " << layer.note << "\n";
    }
}

bool prints_text(const Options &options) {
    return options.json != "-";
}

Json json_head(const char *command, Isa usable) {
    const std::string version = std::to_string(TCONV_VERSION_MAJOR) + "." + std::to_string(TCONV_VERSION_MINOR) + "." +
                                std::to_string(TCONV_VERSION_PATCH);
    return {{"tconv", version},
            {"command", command},
            {"commit", build_commit()},
            {"cpu", cpu_name()},
            {"isa", isa_name(usable)}};
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

void write_json(const Options &options, const Json &document) {
    if (options.json.empty())
        return;
    // Ids and paths may be in another encoding than UTF-8. Before the file is opened, which empties it.
    const std::string text = document.dump(2, ' ', false, Json::error_handler_t::replace);
    if (options.json == "-") {
        std::cout << text << std::endl;
        if (!std::cout)
            throw Failure(kBadInput, "standard output: cannot be written");
        return;
    }
    std::ofstream file(options.json);
    file << text << "\n";
    file.close();
    if (!file)
        throw Failure(kBadInput, "--json " + options.json + ": cannot be written: " + std::strerror(errno));
}

}  // namespace tconv::tool
