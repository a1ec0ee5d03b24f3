// Views: arrays of int64 element strides over the logical order N, C, H, W (or C_in, C_out/groups, kH, kW),
// and the checks that make them safe to hand to kernels, which index one image with int32.
#pragma once

#include <cstddef>
#include <cstdint>

#include "message.h"
#include "tconv/tconv.h"

namespace tconv {

struct Extents {
    int64_t size[4];
};

Extents input_extents(const tconv_spec &spec);
Extents output_extents(const tconv_spec &spec);
Extents filter_extents(const tconv_spec &spec);

enum class Access { kRead, kWrite };

// Data that is NULL (INVALID_ARGUMENT). An empty batch needs none.
tconv_status check_given(const tconv_view &view, const Extents &extents, const char *name, Message &message);

// Checks of the strides of one tensor (input, output, residual). An extent of 1 or 0 makes its stride irrelevant. In
// order: negative strides, and for kWrite overlapping elements (INVALID_ARGUMENT); the reach of one image beyond 2^31 - 1
// elements or of all images beyond int64 bytes (SIZE_OVERFLOW). kWrite asks that, by increasing stride, each stride
// exceeds what the smaller ones span: true for every permutation, slice and padded form of a dense array. An empty batch
// passes.
tconv_status check_strides(const tconv_view &view, const Extents &extents, int64_t element_bytes, Access access,
                           const char *name, Message &message);

// The same for a filter, whose strides may have any sign and, where it is read, be zero; their reach comes first.
tconv_status check_filter_strides(const tconv_view &view, const Extents &extents, int64_t element_bytes, Access access,
                                  const char *name, Message &message);

// Data not aligned to its element (MISALIGNED).
tconv_status check_alignment(const tconv_view &view, const Extents &extents, int64_t element_bytes, const char *name,
                             Message &message);

// An image's address within a view, computed in bytes so that batches may span more than 2^31 elements.
inline char *image_of(const tconv_view &view, int64_t image, int64_t element_bytes) {
    return static_cast<char *>(view.data) + image * view.stride[0] * element_bytes;
}

// Bytes [begin, end) that a view can touch; end == begin for an empty one.
struct ByteRange {
    uintptr_t begin, end;
};
ByteRange range_of(const tconv_view &view, const Extents &extents, int64_t element_bytes);
inline ByteRange range_of(const void *data, size_t bytes) {
    const uintptr_t begin = reinterpret_cast<uintptr_t>(data);
    return {begin, begin + bytes};
}
inline bool overlap(const ByteRange &a, const ByteRange &b) {
    return a.begin < b.end && b.begin < a.end && a.begin < a.end && b.begin < b.end;
}

// Whether two checked views share an element: slices of one buffer do not, nor tensors that lie image by image beside each
// other. Where strides nest in so many ways that this is not found out in a thousand steps, they count as overlapping.
bool overlap(const tconv_view &a, const Extents &a_extents, const tconv_view &b, const Extents &b_extents,
             int64_t element_bytes);

// Memory that a run touches, by the name that messages call it: a tensor's, or an array's.
struct Region {
    Region(const char *its_name, const tconv_view &its_view, const Extents &its_extents, int64_t element_bytes)
        : name(its_name), view(its_view), extents(its_extents), element(element_bytes),
          range(range_of(view, extents, element_bytes)) {}
    Region(const char *its_name, const void *data, size_t bytes, int64_t element_bytes)
        : name(its_name),
          view{const_cast<void *>(data), {0, 0, 0, 1}},
          extents{{1, 1, 1, (static_cast<int64_t>(bytes) + element_bytes - 1) / element_bytes}},
          element(element_bytes),
          range(range_of(data, bytes)) {}

    const char *name;
    tconv_view view;
    Extents extents;
    int64_t element;  // bytes
    ByteRange range;
};
// Of elements of one size.
inline bool overlap(const Region &a, const Region &b) {
    return overlap(a.range, b.range) && overlap(a.view, a.extents, b.view, b.extents, a.element);
}

// Same data, same strides wherever the extent is above 1.
bool same_view(const tconv_view &a, const tconv_view &b, const Extents &extents);

}  // namespace tconv
