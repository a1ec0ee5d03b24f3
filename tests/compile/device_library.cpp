#include "device_library.h"

#include "compiled.h"

namespace tconv::testing {

DeviceLibrary::DeviceLibrary(std::vector<std::string> arguments, const std::string &name) {
    const std::string archive = folder_ / ("lib" + name + ".a"), shared = folder_ / "layer.so", source = folder_ / "includes.c";
    arguments.insert(arguments.end(), {"--name", name, "--out", folder_.path().string()});
    const Outcome compiled = compile(arguments);
    said = compiled.err;
    EXPECT_EQ(compiled.status, 0) << compiled.err;
    header = read_file(folder_ / (name + ".h"));
    symbols = read_elf_library(archive);
    write_file(source, "#include \"" + name + ".h\"\nint defined = 1;\n");
    const Outcome linked = run_program({TCONV_CC, "-std=c99", "-pedantic", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC",
                                        "-o", shared, source, "-Wl,-z,defs", "-Wl,--whole-archive", archive,
                                        "-Wl,--no-whole-archive", "-ldl", "-lpthread"});
    EXPECT_EQ(linked.status, 0) << linked.err;
    library_ = dlopen(shared.c_str(), RTLD_NOW | RTLD_LOCAL);
    EXPECT_NE(library_, nullptr) << dlerror();
}

DeviceLibrary::~DeviceLibrary() {
    if (library_ != nullptr)
        dlclose(library_);
}

int64_t DeviceLibrary::macro(const std::string &name) const {
    const std::string define = "#define " + name + " ";
    const size_t at = header.find(define);
    EXPECT_NE(at, std::string::npos) << name;
    return at == std::string::npos ? -1 : std::stoll(header.substr(at + define.size()));
}

}  // namespace tconv::testing
