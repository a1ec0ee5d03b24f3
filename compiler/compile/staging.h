// Where the files of a command are made before any of them appears in the output's folder.
#pragma once

#include <filesystem>
#include <vector>

namespace tconv::compiler {

// Folders that it made; at the end those that are empty are removed again.
class MadeFolders {
public:
    MadeFolders() = default;
    ~MadeFolders();
    MadeFolders(const MadeFolders &) = delete;
    MadeFolders &operator=(const MadeFolders &) = delete;

    // With all above it. Throws std::runtime_error.
    void make(const std::filesystem::path &folder);

private:
    std::vector<std::filesystem::path> made_;
};

class Staging {
public:
    // A new folder in `out`, which is made too. Throws std::runtime_error, and leaves nothing behind then.
    explicit Staging(const std::filesystem::path &out);
    ~Staging();  // removes it with everything in it
    Staging(const Staging &) = delete;
    Staging &operator=(const Staging &) = delete;

    const std::filesystem::path &path() const { return path_; }
    // Moves all files to where they belong. Throws std::runtime_error.
    void publish();

private:
    const std::filesystem::path out_;
    MadeFolders made_;
    std::filesystem::path path_;
};

}  // namespace tconv::compiler
