#include "merging.h"

#include <utility>

namespace tconv {

namespace {

// More phases than this side by side would make tasks of too few pixels.
constexpr int64_t kMostMerged = 64;

struct MergedAxis {
    int64_t kernel, stride, dilation, span;

    int64_t taps(int64_t phases) const { return phases > 1 ? span + 1 : kernel; }
    bool multiplies_zeros() const { return kernel % stride != 0 || dilation != 1; }
};

}  // namespace

// Merging an axis multiplies zeros where its kernel is no multiple of its stride; it pays where the lanes fill the
// register tiles so much better.
Merging merge_phases(const tconv_spec &spec, const Kernel &kernel, int64_t outputs, int64_t span_h, int64_t span_w) {
    const MergedAxis h = {spec.kernel_h, spec.stride_h, spec.dilation_h, span_h};
    const MergedAxis w = {spec.kernel_w, spec.stride_w, spec.dilation_w, span_w};
    auto merging = [&](int64_t phases_h, int64_t phases_w) {
        return Merging{phases_h, phases_w, h.taps(phases_h), w.taps(phases_w)};
    };
    // Tiles times taps, over all phases: one that is not merged is a pass of its own over its share of the taps.
    auto work = [&](const Merging &m) {
        const int64_t lanes = outputs * m.phases_h * m.phases_w;
        const int64_t blocks = (lanes + kernel.tile_a - 1) / kernel.tile_a;
        return static_cast<double>(blocks) * static_cast<double>(m.taps_h) * static_cast<double>(m.taps_w);
    };
    const bool merged = kernel.lanes == Lanes::merged;
    Merging best = merging(1, merged ? w.stride : 1);
    if ((!merged && kernel.lanes != Lanes::pixels) || spec.activation == TCONV_ACT_SOFTMAX)
        return best;
    const bool strict = spec.math == TCONV_MATH_STRICT;
    for (const auto &[phases_h, phases_w] : {std::pair{int64_t{1}, w.stride}, std::pair{h.stride, w.stride}}) {
        const bool refused =
            strict && ((phases_h > 1 && h.multiplies_zeros()) || (phases_w > 1 && w.multiplies_zeros()));
        const Merging candidate = merging(phases_h, phases_w);
        if (!refused && phases_h * phases_w <= kMostMerged && work(candidate) < work(best))
            best = candidate;
    }
    return best;
}

}  // namespace tconv
