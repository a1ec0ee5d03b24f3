// A layer compiled for devices, as `tconv compile --target cuda` puts it into libNAME.a: its launches, all sizes fixed. One
// block of bytes without pointers, which tconv-compiler writes and compiled_layer.cpp runs.
#pragma once

#include <cstdint>

namespace tconv {

constexpr char kLaunchesMagic[8] = {'t', 'c', 'o', 'n', 'v', 'r', 'u', 'n'};

// Where a pointer comes from: the calls' parameters, and the weights that are baked in.
enum Place : int32_t { kFilter, kInput, kPacked, kBias, kSlope, kResidual, kOutput, kWorkspace, kBaked, kPlaces };

// Kernels follow the header, then launches, then arguments; names, device code and baked weights lie at offsets from the
// header's first byte.
struct LaunchesHeader {
    char magic[8];
    uint32_t kernels, launches, arguments;
    uint32_t pack_launches;         // the first of the launches; the others are a run
    uint32_t alignment[kPlaces];    // in bytes; 0 where the layer takes no such pointer
    uint32_t reserved;
    uint64_t baked, baked_bytes;
};

constexpr uint32_t kMostKernels = 6;  // phases' tables, packing, the layer, one pass behind the sums; and room for two
constexpr uint32_t kMostArguments = 128;

struct CompiledKernel {
    uint64_t entry, images;  // a name; code in the form of images.h
};

struct CompiledLaunch {
    uint32_t kernel, first_argument, arguments, shared_bytes;
    uint32_t grid[3], block[3];
};

struct CompiledArgument {
    int32_t place;  // kPlaces: none, the value is a number
    uint32_t reserved;
    int64_t value;  // bytes from the place; or the number, in its first bytes
};

}  // namespace tconv
