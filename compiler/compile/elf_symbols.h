// Names of symbols in an object file.
#pragma once

#include <map>
#include <string>

namespace tconv::compiler {

// A relocatable ELF file of this machine's byte order and 64 bits, in which symbols have other names; throws
// std::logic_error for what is none, or has no such symbol.
std::string with_symbols_renamed(const std::string &object, const std::map<std::string, std::string> &names);

}  // namespace tconv::compiler
