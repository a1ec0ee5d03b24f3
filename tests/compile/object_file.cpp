#include "object_file.h"

#include <elf.h>

#include <algorithm>
#include <cstring>
#include <stdexcept>

#include "program.h"

namespace tconv::testing {

namespace {

template<typename Value>
Value value_at(const std::string &bytes, size_t at) {
    if (at > bytes.size() || bytes.size() - at < sizeof(Value))
        throw std::runtime_error("an object file is cut short");
    Value value;
    std::memcpy(&value, bytes.data() + at, sizeof value);
    return value;
}

void add_elf(const std::string &bytes, Library &library) {
    const auto header = value_at<Elf64_Ehdr>(bytes, 0);
    const auto section = [&](size_t index) {
        return value_at<Elf64_Shdr>(bytes, header.e_shoff + index * header.e_shentsize);
    };
    for (size_t i = 0; i < header.e_shnum; ++i) {
        const Elf64_Shdr current = section(i);
        if ((current.sh_flags & SHF_ALLOC) != 0)
            ((current.sh_flags & SHF_WRITE) != 0 ? library.writable : library.read_only) +=
                static_cast<int64_t>(current.sh_size);
        if (current.sh_type != SHT_SYMTAB)
            continue;
        const Elf64_Shdr strings = section(current.sh_link);
        for (size_t at = 0; at < current.sh_size; at += sizeof(Elf64_Sym)) {
            const auto symbol = value_at<Elf64_Sym>(bytes, current.sh_offset + at);
            const std::string name = bytes.c_str() + strings.sh_offset + symbol.st_name;
            if (ELF64_ST_BIND(symbol.st_info) == STB_LOCAL || name.empty())
                continue;
            (symbol.st_shndx == SHN_UNDEF ? library.undefined : library.defined).insert(name);
        }
    }
}

}  // namespace

std::vector<Member> members_of(const std::string &archive) {
    const std::string bytes = read_file(archive);
    if (bytes.compare(0, 8, "!<arch>\n") != 0)
        throw std::runtime_error(archive + " is not an archive");
    std::vector<Member> members;
    std::string long_names;
    for (size_t at = 8; at + 60 <= bytes.size();) {
        std::string name = bytes.substr(at, 16);
        size_t size = std::stoul(bytes.substr(at + 48, 10)), begin = at + 60;
        at = begin + size + size % 2;
        name.erase(name.find_last_not_of(' ') + 1);
        if (name == "/" || name == "/SYM64/")
            continue;
        if (name == "//") {
            long_names = bytes.substr(begin, size);
            continue;
        }
        if (name.compare(0, 3, "#1/") == 0) {  // BSD: the name stands before the content
            const size_t length = std::stoul(name.substr(3));
            name = bytes.substr(begin, length).c_str();
            begin += length, size -= length;
        } else if (name[0] == '/') {
            const size_t from = std::stoul(name.substr(1));
            name = long_names.substr(from, long_names.find('/', from) - from);
        } else {
            name = name.substr(0, name.find('/'));
        }
        if (name.compare(0, 9, "__.SYMDEF") != 0)
            members.push_back({name, bytes.substr(begin, size)});
    }
    return members;
}

std::string format_of(const std::string &bytes) {
    const auto starts = [&](const char *magic, size_t size) {
        return bytes.size() > 20 && bytes.compare(0, size, magic, size) == 0;
    };
    if (starts("\x7f" "ELF\x02\x01", 6)) {
        const auto machine = value_at<uint16_t>(bytes, 18);
        return machine == EM_X86_64 ? "elf x86-64" : machine == EM_AARCH64 ? "elf arm-64" : "elf unknown";
    }
    if (starts("\xcf\xfa\xed\xfe\x0c\x00\x00\x01", 8))
        return "mach-o arm-64";
    return starts("\x64\x86", 2) ? "coff x86-64" : "unknown";
}

Library read_elf_library(const std::string &path) {
    Library library;
    for (const Member &member : members_of(path)) {
        if (format_of(member.bytes).compare(0, 3, "elf") != 0)
            throw std::runtime_error(path + ": " + member.name + " is not an ELF object");
        add_elf(member.bytes, library);
    }
    for (const std::string &name : library.defined)
        library.undefined.erase(name);
    return library;
}

}  // namespace tconv::testing
