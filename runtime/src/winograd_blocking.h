// Layers by Winograd's minimal filtering (generators/winograd.h): which they are, and how they are cut into tasks.
#pragma once

#include <algorithm>
#include <cstdint>

#include "blocking.h"

namespace tconv {

// One axis of such a layer. Phases of more taps come first: `longer` of them have one more than the others.
struct WinogradAxis {
    int64_t taps, phases, longer;

    WinogradAxis(int64_t kernel, int64_t stride) : taps(kernel / stride), phases(stride), longer(kernel % stride) {}

    int64_t most_taps() const { return taps + (longer > 0 ? 1 : 0); }
};

// Tiles have at most so many points along an axis (generators/winograd.h).
constexpr int64_t kMostPoints = 6;
constexpr int64_t most_taps_of_tile(int64_t outputs) {
    return kMostPoints + 1 - outputs;
}

// Where taps lie d apart, outputs d apart make a layer without dilation of the inputs d apart: there are so many of these.
// They are multiplied together along a row, and by a task each along a column.
constexpr int64_t residues_of(int64_t dilation, int64_t out) {
    return std::min(dilation, out);
}

// A single tap is no filter: its tiles are of one output and one point.
constexpr int64_t outputs_along(int64_t outputs, int64_t taps) {
    return taps == 1 ? 1 : outputs;
}
constexpr int64_t points_along(int64_t outputs, int64_t taps) {
    return taps == 1 ? 1 : outputs + taps - 1;
}
// Of all phases of an axis.
constexpr int64_t points_of(const WinogradAxis &axis, int64_t outputs) {
    return axis.longer * points_along(outputs, axis.taps + 1) +
           (axis.phases - axis.longer) * points_along(outputs, axis.taps);
}

// As block_layer.
tconv_status block_winograd(const tconv_spec &spec, Direction direction, const Kernel &kernel, Blocking *blocking,
                            Message &why, const Cut &cut);

}  // namespace tconv
