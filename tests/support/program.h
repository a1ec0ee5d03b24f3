// Other programs, run to their end, and folders that do not outlive a test.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace tconv::testing {

struct Outcome {
    int status;  // exit status, or 128 + signal
    std::string out, err;
};

// command[0] is searched in PATH. Its standard input is empty.
Outcome run_program(const std::vector<std::string> &command);

class TemporaryFolder {
public:
    TemporaryFolder();
    ~TemporaryFolder();
    TemporaryFolder(const TemporaryFolder &) = delete;
    TemporaryFolder &operator=(const TemporaryFolder &) = delete;

    const std::filesystem::path &path() const { return path_; }
    std::string operator/(const std::string &name) const { return (path_ / name).string(); }

private:
    std::filesystem::path path_;
};

std::string read_file(const std::string &path);
void write_file(const std::string &path, const std::string &content);

}  // namespace tconv::testing
