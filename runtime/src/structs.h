// The growing structs of the C ABI: which sizes are known, and how defaults reach a caller whose struct is
// smaller or larger than this library's.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstring>

#include "tconv/tconv.h"

namespace tconv {

// So far every struct has exactly one published size; when one grows, its earlier sizes join here.
template<typename Struct>
constexpr bool struct_size_known(size_t size) {
    return size == sizeof(Struct);
}

// Copies defaults into as much of the caller's struct as both sides know, and records the caller's size: an
// unknown one is refused by the first function that reads the struct.
template<typename Struct>
void fill_struct(Struct *out, Struct defaults, size_t struct_size) {
    if (out == nullptr || struct_size < sizeof(defaults.struct_size))
        return;
    defaults.struct_size = struct_size;
    std::memcpy(static_cast<void *>(out), &defaults, std::min(struct_size, sizeof defaults));
}

// The part of a plan's requirements that follows from the layer alone, but for the alignment.
tconv_requirements requirements_of(const tconv_spec &spec, size_t alignment);

}  // namespace tconv
