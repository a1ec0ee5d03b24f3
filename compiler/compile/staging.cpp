#include "staging.h"

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <stdexcept>
#include <string>
#include <utility>

namespace tconv::compiler {

namespace fs = std::filesystem;

MadeFolders::~MadeFolders() {
    std::error_code ignored;
    for (auto folder = made_.rbegin(); folder != made_.rend(); ++folder) {
        fs::remove(*folder, ignored);
    }
}

void MadeFolders::make(const fs::path &folder) {
    fs::path so_far;
    for (const fs::path &part : folder) {
        so_far /= part;
        std::error_code absent, error;
        if (!fs::is_directory(so_far, absent) && fs::create_directory(so_far, error)) {
            made_.push_back(so_far);
        }
        if (error) {
            throw std::runtime_error("--out " + folder.string() + ": cannot make the folder " + so_far.string() + ": " +
                                     error.message());
        }
    }
}

Staging::Staging(const fs::path &out) : out_(out) {
    made_.make(out_);
    // Never one that is there: what a killed command left would be taken for files of this one.
    std::string name = (out_ / ".tconv-compile-XXXXXX").string();
    if (mkdtemp(name.data()) == nullptr) {
        throw std::runtime_error("--out " + out_.string() + ": cannot be written: " + std::strerror(errno));
    }
    path_ = name;
}

Staging::~Staging() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
}

void Staging::publish() {
    std::vector<std::pair<fs::path, fs::path>> moves;
    for (const fs::directory_entry &entry : fs::recursive_directory_iterator(path_)) {
        if (entry.is_regular_file()) {
            moves.emplace_back(entry.path(), out_ / fs::relative(entry.path(), path_));
        }
    }
    // All that can be foreseen first, so that no file is moved where another cannot be.
    for (const auto &[from, to] : moves) {
        made_.make(to.parent_path());
        if (fs::is_directory(to)) {
            throw std::runtime_error("--out " + out_.string() + ": " + to.string() + " is a folder, where a file should be");
        }
    }
    for (const auto &[from, to] : moves) {
        fs::rename(from, to);
    }
}

}  // namespace tconv::compiler
