// Device code as it lies in the library: machine code for some architectures, and PTX for those that came later. What
// tconv-compiler writes, and the loader reads.
#pragma once

#include <cstddef>
#include <cstdint>

namespace tconv {

constexpr char kImagesMagic[8] = {'t', 'c', 'o', 'n', 'v', 'g', 'p', 'u'};
constexpr size_t kImageAlignment = 64;

struct ImagesHeader {
    char magic[8];
    uint32_t count, reserved;
};

// Entries follow the header; code lies at `offset` from the header's first byte.
struct ImageEntry {
    uint32_t arch, reserved;  // 80 is sm_80; 0 is PTX
    uint64_t offset, bytes;
};

}  // namespace tconv
