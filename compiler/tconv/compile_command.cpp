#include <unistd.h>

#include <cstdio>
#include <cstring>
#include <filesystem>
#include <string>

#include "commands.h"

namespace tconv::tool {

int compile_command(char **arguments) {
    constexpr const char *kProgram = "tconv-compiler";
    std::error_code error;
    const std::filesystem::path folder = std::filesystem::read_symlink("/proc/self/exe", error).parent_path();
    // Beside this program, as in a build tree or an installed folder; else wherever the shell would find it.
    if (!error)
        execv((folder / kProgram).c_str(), arguments);
    if (error || errno == ENOENT)
        execvp(kProgram, arguments);
    if (errno != ENOENT) {
        throw Failure(kUnsupported, std::string(kProgram) + " cannot be started: " + std::strerror(errno));
    }
    throw Failure(kUnsupported, "'compile' needs tconv-compiler, which holds Halide; it is neither in " +
                                    folder.string() +
                                    " nor on PATH. In the project's folder, this installs it:\n"
                                    "    pip install '.[compiler]'");
}

}  // namespace tconv::tool
