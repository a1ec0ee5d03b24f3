#include "elf_symbols.h"

#include <elf.h>

#include <cstring>
#include <stdexcept>
#include <vector>

namespace tconv::compiler {

namespace {

template<typename Record>
std::vector<Record> records_at(const std::string &bytes, uint64_t offset, uint64_t count) {
    std::vector<Record> records(count);
    if (offset > bytes.size() || count > (bytes.size() - offset) / sizeof(Record))
        throw std::logic_error("an object file ends early");
    std::memcpy(records.data(), bytes.data() + offset, count * sizeof(Record));
    return records;
}

template<typename Record>
void put(std::string &bytes, uint64_t offset, const std::vector<Record> &records) {
    std::memcpy(bytes.data() + offset, records.data(), records.size() * sizeof(Record));
}

}  // namespace

std::string with_symbols_renamed(const std::string &object, const std::map<std::string, std::string> &names) {
    const Elf64_Ehdr header = records_at<Elf64_Ehdr>(object, 0, 1).front();
    if (std::memcmp(header.e_ident, ELFMAG, SELFMAG) != 0 || header.e_ident[EI_CLASS] != ELFCLASS64 ||
        header.e_type != ET_REL || header.e_shentsize != sizeof(Elf64_Shdr))
        throw std::logic_error("not a relocatable ELF file of 64 bits");
    std::vector<Elf64_Shdr> sections = records_at<Elf64_Shdr>(object, header.e_shoff, header.e_shnum);
    std::string renamed = object;
    size_t found = 0;
    for (const Elf64_Shdr &symbols : std::vector<Elf64_Shdr>(sections)) {
        if (symbols.sh_type != SHT_SYMTAB)
            continue;
        // New names go behind the old ones, and the table of names to the end of the file.
        Elf64_Shdr &strings = sections.at(symbols.sh_link);
        const std::vector<char> old = records_at<char>(object, strings.sh_offset, strings.sh_size);
        std::string table(old.begin(), old.end());
        auto entries = records_at<Elf64_Sym>(object, symbols.sh_offset, symbols.sh_size / sizeof(Elf64_Sym));
        for (Elf64_Sym &symbol : entries) {
            const auto name = names.find(table.c_str() + symbol.st_name);
            if (name == names.end())
                continue;
            found++;
            symbol.st_name = static_cast<Elf64_Word>(table.size());
            table.append(name->second.c_str(), name->second.size() + 1);
        }
        put(renamed, symbols.sh_offset, entries);
        strings.sh_offset = renamed.size();
        strings.sh_size = table.size();
        renamed += table;
    }
    if (found != names.size())
        throw std::logic_error("an object file lacks a symbol that is to have another name");
    put(renamed, header.e_shoff, sections);
    return renamed;
}

}  // namespace tconv::compiler
