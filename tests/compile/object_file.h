// What a static library holds, read from its bytes: enough of ar, ELF, Mach-O and COFF to see what was promised.
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <vector>

namespace tconv::testing {

struct Member {
    std::string name, bytes;
};

std::vector<Member> members_of(const std::string &archive);  // without the symbol table

struct Library {
    std::set<std::string> defined, undefined;  // global symbols; undefined: in no member of the library
    int64_t read_only = 0;                     // bytes of code and constants that are loaded
    int64_t writable = 0;                      // bytes of data and zeroed memory
};

Library read_elf_library(const std::string &path);

// "elf x86-64", "elf arm-64", "mach-o arm-64", "coff x86-64" or "unknown".
std::string format_of(const std::string &bytes);

}  // namespace tconv::testing
