// The plan: an immutable record of everything that runs of one layer need.
#pragma once

#include <cstdint>

#include "choose.h"
#include "hooks.h"
#include "tconv/tconv.h"

namespace tconv {

// Packed filters and the workspace start on a cache line.
constexpr size_t kAlignment = 64;

// What stands before a packed filter's numbers.
struct PackedHeader {
    char magic[8];        // "tconvpk" and the format's version
    uint32_t byte_order;  // 0x01020304 where it was written
    uint32_t library;     // tconv_version
    uint64_t layer;       // hash of what the packing depends on
    uint64_t bytes;       // of the numbers that follow
    uint64_t checksum;    // of those numbers
    char kernel[88];      // name
};
static_assert(sizeof(PackedHeader) % kAlignment == 0);  // so that the numbers start on a cache line

inline int64_t packed_bytes_of(const Blocking &blocking) {
    return static_cast<int64_t>(sizeof(PackedHeader)) + blocking.packed_bytes;
}

// Bytes of a part of the workspace, so that the next part is aligned too.
inline int64_t aligned(int64_t bytes) {
    const int64_t alignment = kAlignment;
    return (bytes + alignment - 1) / alignment * alignment;
}

// That a workspace of `others` bytes and a slot for each thread of the hooks can be counted.
tconv_status check_workspace(int64_t others, int64_t slot_bytes, const Hooks &hooks, Message &message);

}  // namespace tconv

struct tconv_plan {
    tconv_spec spec;
    tconv::Hooks hooks;
    tconv::Choice choice;
    int64_t packed_bytes, slot_bytes;  // slot: scratch of one concurrent task
    bool named;                        // the caller asked for this kernel
    tconv::Isa usable;                 // by processor and environment when the plan was created
};

namespace tconv {

// A plan of what was chosen already; OUT_OF_MEMORY if hooks.allocate says so.
tconv_status make_plan(const tconv_spec &spec, const Choice &choice, const Hooks &hooks, tconv_plan **plan,
                       Message &message);

inline int64_t workspace_bytes_of(const tconv_plan &plan) {
    return plan.slot_bytes * plan.hooks.concurrency;
}

}  // namespace tconv
