#include "views.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "geometry.h"
#include "spec.h"

namespace tconv {
namespace {

constexpr const char *kTensorAxes[4] = {"N", "C", "H", "W"};

bool empty(const Extents &extents) {
    return std::any_of(extents.size, extents.size + 4, [](int64_t size) { return size <= 0; });
}

// A few items; std::sort inlines to code that gcc 12 takes for an out-of-bounds access.
template<typename Item>
void sort_by_stride(Item *items, int count) {
    for (int i = 1; i < count; ++i) {
        for (int j = i; j > 0 && items[j].stride < items[j - 1].stride; --j)
            std::swap(items[j], items[j - 1]);
    }
}

// Furthest element offsets below and above data over dimensions [first, 4); false on int64 overflow.
struct Span {
    int64_t below, above;  // both >= 0
};
bool span_of(const tconv_view &view, const Extents &extents, int first, Span *span) {
    *span = {0, 0};
    for (int d = first; d < 4; ++d) {
        if (extents.size[d] <= 1)
            continue;
        int64_t reach;
        if (__builtin_mul_overflow(view.stride[d], extents.size[d] - 1, &reach))
            return false;
        if (reach == INT64_MIN)
            return false;
        int64_t *const side = reach < 0 ? &span->below : &span->above;
        if (__builtin_add_overflow(*side, reach < 0 ? -reach : reach, side))
            return false;
    }
    int64_t total;
    return !__builtin_add_overflow(span->below, span->above, &total) && total < INT64_MAX;
}

struct Dimension {
    int64_t stride, extent;
};

// Dimensions with more than one index, by increasing stride; returns how many.
int sorted_dimensions(const tconv_view &view, const Extents &extents, Dimension (&dimensions)[4]) {
    int count = 0;
    for (int d = 0; d < 4; ++d) {
        if (extents.size[d] > 1)
            dimensions[count++] = {view.stride[d], extents.size[d]};
    }
    sort_by_stride(dimensions, count);
    return count;
}

tconv_status check_reach(const tconv_view &view, const Extents &extents, int64_t element_bytes, int image_from,
                         const char *name, Message &message) {
    Span image, all;
    const bool fits = span_of(view, extents, image_from, &image);
    if (!fits || image.below + image.above >= kMaxElements) {
        char reach[32] = "more than 2^63";
        if (fits)
            std::snprintf(reach, sizeof reach, "%lld", static_cast<long long>(image.below + image.above + 1));
        return message.fail(TCONV_SIZE_OVERFLOW, "%s strides give %s a reach of %s elements; allowed: at most %lld",
                            name, image_from > 0 ? "one image" : "it", reach, static_cast<long long>(kMaxElements));
    }
    int64_t bytes;
    if (!span_of(view, extents, 0, &all) || __builtin_mul_overflow(all.below + all.above + 1, element_bytes, &bytes)) {
        return message.fail(TCONV_SIZE_OVERFLOW, "%s stride N is %lld, with which %lld images exceed 2^63 - 1 bytes",
                            name, static_cast<long long>(view.stride[0]), static_cast<long long>(extents.size[0]));
    }
    return TCONV_OK;
}

// Strides that are not negative: sorted, each must exceed the span of the smaller ones.
tconv_status check_distinct(const tconv_view &view, const Extents &extents, const char *name, Message &message) {
    Dimension dimensions[4];
    const int count = sorted_dimensions(view, extents, dimensions);
    int64_t spanned = 0;
    for (int i = 0; i < count; ++i) {
        if (dimensions[i].stride <= spanned) {
            return message.fail(TCONV_INVALID_ARGUMENT,
                                "%s stride %lld makes elements overlap; it must exceed %lld, the span of the smaller "
                                "strides",
                                name, static_cast<long long>(dimensions[i].stride), static_cast<long long>(spanned));
        }
        int64_t reach;
        if (__builtin_mul_overflow(dimensions[i].stride, dimensions[i].extent - 1, &reach) ||
            __builtin_add_overflow(spanned, reach, &spanned)) {
            break;  // check_reach says so
        }
    }
    return TCONV_OK;
}

// How far, in steps of one stride, elements of two views can be apart.
struct Difference {
    int64_t stride, low, high;  // stride > 0
};

// Whether some choice of one difference per stride gives sum of stride*difference == delta. By increasing stride. Where
// strides nest, as in every slice of a dense array, at most two candidates per level remain; other strides may need
// more, so the steps are bounded and running out counts as reachable.
bool reachable(const Difference *d, int count, int64_t delta, int *steps) {
    if (count == 0)
        return delta == 0;
    const Difference &top = d[count - 1];
    int64_t low = 0, high = 0;  // what the smaller strides can add
    int64_t divisor = top.stride;
    for (int i = 0; i < count - 1; ++i) {
        low += d[i].stride * d[i].low;
        high += d[i].stride * d[i].high;
        divisor = std::gcd(divisor, d[i].stride);
    }
    if (delta % divisor != 0)
        return false;
    const int64_t first = std::max(top.low, -floor_div(high - delta, top.stride));
    const int64_t last = std::min(top.high, floor_div(delta - low, top.stride));
    for (int64_t step = first; step <= last; ++step) {
        if (--*steps < 0 || reachable(d, count - 1, delta - step * top.stride, steps))
            return true;
    }
    return false;
}

// By stride, so that views of one array are walked together, and by increasing stride.
class Differences {
public:
    // Steps of a view; `away`: of the one whose offsets are taken off.
    void add(const tconv_view &view, const Extents &extents, bool away) {
        for (int d = 0; d < 4; ++d) {
            const int64_t most = extents.size[d] - 1, stride = view.stride[d];
            if (most < 1 || stride == 0)
                continue;
            const bool down = (stride < 0) != away;
            Difference &of = entry(stride < 0 ? -stride : stride);
            (down ? of.low : of.high) += down ? -most : most;
        }
    }
    bool reach(int64_t delta) {
        sort_by_stride(entries_, count_);
        int steps = 1000;
        return reachable(entries_, count_, delta, &steps);
    }

private:
    Difference &entry(int64_t stride) {
        for (int i = 0; i < count_; ++i) {
            if (entries_[i].stride == stride)
                return entries_[i];
        }
        entries_[count_] = {stride, 0, 0};
        return entries_[count_++];
    }

    Difference entries_[8] = {};
    int count_ = 0;
};

void set_strides(tconv_view *view, const Extents &extents, const int (&slowest_first)[4], const void *data) {
    int64_t stride = 1;
    for (int i = 3; i >= 0; --i) {
        view->stride[slowest_first[i]] = stride;
        stride *= extents.size[slowest_first[i]];
    }
    view->data = const_cast<void *>(data);
}

tconv_status dense_tensor(const tconv_spec *spec, int32_t layout, const void *data, tconv_view *view,
                          Extents (*extents)(const tconv_spec &)) {
    Message message(nullptr, 0);
    if (const tconv_status status = validate(spec, message))
        return status;
    if (view == nullptr)
        return TCONV_INVALID_ARGUMENT;
    constexpr int kNchw[4] = {0, 1, 2, 3}, kNhwc[4] = {0, 2, 3, 1};
    if (layout != TCONV_NCHW && layout != TCONV_NHWC)
        return TCONV_INVALID_ARGUMENT;
    set_strides(view, extents(*spec), layout == TCONV_NCHW ? kNchw : kNhwc, data);
    return TCONV_OK;
}

}  // namespace

Extents input_extents(const tconv_spec &s) {
    return {{s.batch, s.in_channels, s.in_h, s.in_w}};
}

Extents output_extents(const tconv_spec &s) {
    const Geometry geometry = geometry_of(s);
    return {{s.batch, s.out_channels, geometry.h.out, geometry.w.out}};
}

Extents filter_extents(const tconv_spec &s) {
    return {{s.in_channels, s.out_channels / s.groups, s.kernel_h, s.kernel_w}};
}

tconv_status check_given(const tconv_view &view, const Extents &extents, const char *name, Message &message) {
    if (view.data == nullptr && !empty(extents))
        return message.fail(TCONV_INVALID_ARGUMENT, "%s data is NULL", name);
    return TCONV_OK;
}

tconv_status check_strides(const tconv_view &view, const Extents &extents, int64_t element_bytes, Access access,
                           const char *name, Message &message) {
    if (empty(extents))
        return TCONV_OK;
    for (int d = 0; d < 4; ++d) {
        if (extents.size[d] > 1 && view.stride[d] < 0) {
            return message.fail(TCONV_INVALID_ARGUMENT, "%s stride %s is %lld; allowed: 0 or more", name,
                                kTensorAxes[d], static_cast<long long>(view.stride[d]));
        }
    }
    if (access == Access::kWrite) {
        if (const tconv_status status = check_distinct(view, extents, name, message))
            return status;
    }
    return check_reach(view, extents, element_bytes, 1, name, message);
}

tconv_status check_filter_strides(const tconv_view &view, const Extents &extents, int64_t element_bytes, Access access,
                                  const char *name, Message &message) {
    if (const tconv_status status = check_reach(view, extents, element_bytes, 0, name, message))
        return status;
    if (access == Access::kRead)
        return TCONV_OK;
    tconv_view turned = view;  // a flip moves no two elements together
    for (int d = 0; d < 4; ++d) {
        if (extents.size[d] > 1 && view.stride[d] < 0)
            turned.stride[d] = -view.stride[d];
    }
    return check_distinct(turned, extents, name, message);
}

tconv_status check_alignment(const tconv_view &view, const Extents &extents, int64_t element_bytes, const char *name,
                             Message &message) {
    if (empty(extents) || reinterpret_cast<uintptr_t>(view.data) % static_cast<uintptr_t>(element_bytes) == 0)
        return TCONV_OK;
    return message.fail(TCONV_MISALIGNED, "%s data %p is not aligned to its element of %lld bytes", name, view.data,
                        static_cast<long long>(element_bytes));
}

ByteRange range_of(const tconv_view &view, const Extents &extents, int64_t element_bytes) {
    const uintptr_t data = reinterpret_cast<uintptr_t>(view.data);
    Span span;
    if (empty(extents) || !span_of(view, extents, 0, &span))
        return {data, data};
    return {data - static_cast<uintptr_t>(span.below * element_bytes),
            data + static_cast<uintptr_t>((span.above + 1) * element_bytes)};
}

bool overlap(const tconv_view &a, const Extents &ea, const tconv_view &b, const Extents &eb, int64_t element_bytes) {
    const ByteRange of_a = range_of(a, ea, element_bytes), of_b = range_of(b, eb, element_bytes);
    if (!overlap(of_a, of_b))
        return false;
    // Of which no memory holds a quarter: sums of both views' offsets fit int64.
    constexpr uintptr_t kMost = uintptr_t{1} << 62;
    if (of_a.end - of_a.begin > kMost || of_b.end - of_b.begin > kMost)
        return true;
    const int64_t bytes = static_cast<int64_t>(reinterpret_cast<uintptr_t>(b.data)) -
                          static_cast<int64_t>(reinterpret_cast<uintptr_t>(a.data));
    if (bytes % element_bytes != 0)
        return true;  // shifted by part of an element
    Differences differences;
    differences.add(a, ea, false);
    differences.add(b, eb, true);
    return differences.reach(bytes / element_bytes);
}

bool same_view(const tconv_view &a, const tconv_view &b, const Extents &extents) {
    if (a.data != b.data)
        return false;
    for (int d = 0; d < 4; ++d) {
        if (extents.size[d] > 1 && a.stride[d] != b.stride[d])
            return false;
    }
    return true;
}

}  // namespace tconv

using namespace tconv;

tconv_status tconv_view_input(const tconv_spec *spec, int32_t layout, const void *data, tconv_view *view) {
    return dense_tensor(spec, layout, data, view, input_extents);
}

tconv_status tconv_view_output(const tconv_spec *spec, int32_t layout, void *data, tconv_view *view) {
    return dense_tensor(spec, layout, data, view, output_extents);
}

tconv_status tconv_view_filter(const tconv_spec *spec, int32_t filter_layout, const void *data, tconv_view *view) {
    Message message(nullptr, 0);
    if (const tconv_status status = validate(spec, message))
        return status;
    if (view == nullptr)
        return TCONV_INVALID_ARGUMENT;
    // Slowest first, of the logical 0 = I, 1 = O, 2 = H, 3 = W.
    constexpr int kOrders[4][4] = {{0, 1, 2, 3}, {2, 3, 0, 1}, {2, 3, 1, 0}, {1, 2, 3, 0}};
    if (filter_layout < TCONV_IOHW || filter_layout > TCONV_OHWI)
        return TCONV_INVALID_ARGUMENT;
    set_strides(view, filter_extents(*spec), kOrders[filter_layout - TCONV_IOHW], data);
    return TCONV_OK;
}
