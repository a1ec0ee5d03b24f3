// A library that tconv-compiler made for a device, linked into a shared object and loaded.
#pragma once

#include <dlfcn.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <vector>

#include "object_file.h"
#include "program.h"

namespace tconv::testing {

// Addresses that are never dereferenced: those of a device, one for each tensor.
inline char *device_memory(int which) {
    return reinterpret_cast<char *>(uintptr_t{0x7f0000000000} + static_cast<uintptr_t>(which) * 0x100000000);
}

class DeviceLibrary {
public:
    // tconv-compiler compile ARGUMENTS... --name NAME; what fails is a failure of the test.
    explicit DeviceLibrary(std::vector<std::string> arguments, const std::string &name = "layer");
    ~DeviceLibrary();
    DeviceLibrary(const DeviceLibrary &) = delete;
    DeviceLibrary &operator=(const DeviceLibrary &) = delete;

    // Functions take nothing but pointers, and return a status.
    template<typename... Pointers>
    int call(const std::string &function, Pointers... pointers) const {
        const auto found = reinterpret_cast<int (*)(Pointers...)>(dlsym(library_, function.c_str()));
        EXPECT_NE(found, nullptr) << function;
        return found == nullptr ? -1 : found(pointers...);
    }
    int64_t macro(const std::string &name) const;  // a number that the header defines

    std::string header, said;  // by tconv-compiler
    Library symbols;

private:
    TemporaryFolder folder_;
    void *library_ = nullptr;
};

}  // namespace tconv::testing
