#include "table_folders.h"

#include <CLI/CLI.hpp>
#include <cstdlib>
#include <filesystem>
#include <sstream>

#include "failure.h"
#include "selection.h"

namespace tconv::tool {

namespace {

// Folders as TCONV_DB takes them, separated by colons.
void check_folders(const std::string &db) {
    std::istringstream folders(db);
    for (std::string folder; std::getline(folders, folder, ':');) {
        std::error_code none;
        if (!folder.empty() && !std::filesystem::is_directory(folder, none))
            throw Failure(kBadInput, "--db " + folder + ": there is no such folder; none rules out every table");
    }
}

}  // namespace

std::string cache_folder() {
    const auto set = [](const char *name) {
        const char *const value = std::getenv(name);
        return std::string(value == nullptr ? "" : value);
    };
    if (const std::string folder = set("TCONV_CACHE_DIR"); !folder.empty())
        return folder + "/tuned";
    if (const std::string folder = set("XDG_CACHE_HOME"); !folder.empty())
        return folder + "/tconv/tuned";
    const std::string home = set("HOME");
    return home.empty() ? "" : home + "/.cache/tconv/tuned";
}

void add_db_option(CLI::App &command, std::string &db) {
    command
        .add_option("--db", db,
                    "folder of tuned tables that come before the user's and the library's own; none: no table at all")
        ->type_name("DIR|none")
        ->check(not_empty());
}

void apply_db(const std::string &db, bool writes) {
    const std::string cache = cache_folder();
    if (db.empty()) {
        setenv("TCONV_DB", cache.c_str(), 0);
        return;
    }
    if (db != "none" && !writes)
        check_folders(db);
    setenv("TCONV_DB", db == "none" || cache.empty() ? db.c_str() : (db + ":" + cache).c_str(), 1);
}

}  // namespace tconv::tool
