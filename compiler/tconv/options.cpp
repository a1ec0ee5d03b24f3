#include "options.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <cstring>
#include <iostream>

#include "machine.h"
#include "table_folders.h"

namespace tconv::tool {

void add_run_options(CLI::App &command, Options &options) {
    add_kernel_option(command, options.kernel);
    command.add_option("--threads", options.threads, "threads of a run; default: TCONV_NUM_THREADS, else 1")
        ->type_name("N");
    command.add_option("--isa", options.isa, "lower the instruction set that may be used, as TCONV_ISA does")
        ->type_name("baseline|avx2|avx512|avx512bf16|neon")
        ->check(not_empty());
    add_db_option(command, options.db);
    add_json_option(command, options.json);
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
    const auto finds = kernel_filter(options.kernel);
    std::vector<const Kernel *> matching;
    for (const Kernel &kernel : kernels()) {
        if (finds(kernel.name))
            matching.push_back(&kernel);
    }
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

void write_json(const Options &options, const Json &document) {
    if (options.json.empty())
        return;
    // Ids and paths may be in another encoding than UTF-8. Before the file is opened, which empties it.
    const std::string text = document.dump(2, ' ', false, Json::error_handler_t::replace);
    write_json_text(options.json, text);
}

}  // namespace tconv::tool
