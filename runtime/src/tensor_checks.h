// The checks of a run's tensors, whatever computes it. Each is complete before anything is written.
#pragma once

#include <cstddef>
#include <span>

#include "message.h"
#include "tconv/tconv.h"
#include "views.h"

namespace tconv {

// What a plan asks for.
struct Needs {
    size_t packed_bytes, workspace_bytes;
    size_t alignment;  // of both
};

// A tensor or a filter as a run touches it, by the name that messages call it.
struct NamedView {
    const char *name;
    const tconv_view *view;
    Extents extents;
    Access access;
    bool filter = false;
};

// An array without strides.
struct NamedArray {
    const char *name;
    const void *data;
    size_t alignment;
};

// What a run touches. The order of the checks does not depend on that of the additions.
class Touched {
public:
    void add(const NamedView &view) { views_[view_count_++] = view; }
    void add(const NamedArray &array) { arrays_[array_count_++] = array; }

    // All that needs no look into memory: what is NULL (INVALID_ARGUMENT), views by themselves, the size of the workspace,
    // which is added here, alignment. Where no workspace is needed, it may be NULL.
    tconv_status check(const Needs &needs, const void *workspace, size_t workspace_bytes, int64_t element_bytes,
                       Message &message);

private:
    std::span<const NamedView> views() const { return {views_, view_count_}; }
    std::span<const NamedArray> arrays() const { return {arrays_, array_count_}; }

    NamedView views_[3] = {};
    NamedArray arrays_[4] = {};
    size_t view_count_ = 0, array_count_ = 0;
};

tconv_status check_tensors(const tconv_spec &spec, const Needs &needs, const tconv_tensors &tensors, Message &message);

// What a filter is packed from and to, NULL included.
tconv_status check_packing(const tconv_spec &spec, const Needs &needs, const tconv_view *filter, const void *packed,
                           size_t packed_bytes, Message &message);

// That what is written overlaps nothing else, nor the workspace what is read.
tconv_status check_apart(const Region &written, std::span<const Region> read, const Region &workspace, Message &message);

// What must not share memory.
tconv_status check_overlaps(const tconv_spec &spec, const Needs &needs, const tconv_tensors &tensors, Message &message);

}  // namespace tconv
