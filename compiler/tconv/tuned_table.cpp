#include "tuned_table.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "cpu_features.h"
#include "text_table.h"

namespace tconv::tool {

namespace fs = std::filesystem;

namespace {

double number(const char *decimal) {
    double value = 0;
    std::from_chars(decimal, decimal + std::strlen(decimal), value);
    return value;
}

std::string line_of(const TunedRow &row) {
    return formatted("\"%s\",%s,%s,%d,%d,%d,%s,%s,%s,%s,%s\n", row.layer, row.microarchitecture, row.kernel,
                     row.cut.block_h, row.cut.block_w, row.cut.units, row.gflops, row.of_peak, row.cpu, row.version,
                     row.date);
}

[[noreturn]] void fail(const std::string &path, const char *what) {
    throw Failure(kBadInput, path + ": " + what + ": " + std::strerror(errno));
}

void make(const std::string &folder) {
    std::error_code error;
    fs::create_directories(folder, error);
    if (error)
        throw Failure(kBadInput, folder + ": cannot be made: " + error.message());
}

// Held until the end of its scope.
class FolderLock {
public:
    explicit FolderLock(const std::string &folder) {
        const std::string path = folder + "/.lock";
        file_ = open(path.c_str(), O_CREAT | O_RDWR | O_CLOEXEC, 0666);
        if (file_ < 0 || flock(file_, LOCK_EX) != 0)
            fail(path, "cannot be locked");
    }
    ~FolderLock() { close(file_); }
    FolderLock(const FolderLock &) = delete;
    FolderLock &operator=(const FolderLock &) = delete;

private:
    int file_;
};

// By renaming, so that no reader sees a part.
void write_whole(const std::string &path, const std::string &text) {
    const std::string part = path + "." + std::to_string(getpid()) + ".part";
    std::ofstream file(part);
    file << text;
    file.close();
    const bool written = !file.fail();
    if (written && std::rename(part.c_str(), path.c_str()) == 0)
        return;
    const int reason = errno;
    std::remove(part.c_str());
    errno = reason;
    fail(path, written ? "cannot be replaced" : "cannot be written");
}

}  // namespace

// tconv_bf16_phase_channels64x6_avx512bf16 -> avx512-bf16.csv
std::string table_file_of(const std::string &kernel) {
    const size_t dtype = kernel.find('_') + 1;
    std::string isa = kernel.substr(kernel.rfind('_') + 1);
    if (Isa known; isa_from_name(isa.c_str(), &known))
        isa = isa_name(least_with_vectors_of(known));
    return isa + "-" + kernel.substr(dtype, kernel.find('_', dtype) - dtype) + ".csv";
}

void TunedTable::merge_file(const std::string &path) {
    // A FIFO would keep its reader waiting, and a device may never end.
    if (std::error_code none; fs::exists(path, none) && !fs::is_regular_file(path, none))
        throw Failure(kBadInput, path + ": is no regular file");
    std::ifstream file(path);
    if (!file)
        fail(path, "cannot be read");
    std::string line;
    if (!std::getline(file, line) || line != kTunedHeader)
        throw Failure(kBadInput, path + ":1: the header is not " + kTunedHeader);
    for (int at = 2; std::getline(file, line); at++) {
        char text[384];
        Message complaint(text, sizeof text);
        TunedRow row;
        if (!parse_tuned_row(line.c_str(), &row, complaint))
            throw Failure(kBadInput, path + ":" + std::to_string(at) + ": " + text);
        const auto known = rows_.find(key_of(row));
        if (known != rows_.end()) {
            const int later = std::strcmp(row.date, known->second.date);
            if (later < 0 || (later == 0 && number(row.gflops) <= number(known->second.gflops)))
                continue;
        }
        put(row);
    }
}

void TunedTable::put(const TunedRow &row) {
    rows_[key_of(row)] = row;
}

bool TunedTable::has(const std::string &kernel, const std::string &layer, const std::string &microarchitecture) const {
    return rows_.contains({table_file_of(kernel), layer, microarchitecture});
}

void TunedTable::prepare(const std::string &folder) {
    make(folder);
    const FolderLock lock(folder);
    of_folder(folder);
}

std::vector<std::string> TunedTable::store(const std::string &folder) const {
    make(folder);
    const FolderLock lock(folder);
    std::map<std::string, TunedTable> files;
    for (const auto &[key, row] : rows_) {
        const std::string path = folder + "/" + std::get<0>(key);
        const auto [file, added] = files.try_emplace(path);
        if (std::error_code none; added && fs::exists(fs::symlink_status(path, none)))
            file->second.merge_file(path);
        file->second.put(row);
    }
    std::vector<std::string> written;
    for (const auto &[path, table] : files) {
        std::string text = std::string(kTunedHeader) + "\n";
        for (const auto &[key, row] : table.rows_)
            text += line_of(row);
        write_whole(path, text);
        written.push_back(path);
    }
    return written;
}

TunedTable TunedTable::of_folder(const std::string &folder) {
    TunedTable table;
    std::error_code error;
    for (const fs::directory_entry &entry : fs::directory_iterator(folder, error)) {
        if (entry.path().extension() == ".csv")
            table.merge_file(entry.path().string());
    }
    return table;
}

}  // namespace tconv::tool
