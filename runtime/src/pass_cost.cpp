#include "pass_cost.h"

#include <algorithm>

namespace tconv {

namespace {

constexpr double kTransposedStore = 1.6, kPixelOverhead = 10, kDirectStore = 4;
// A channel of a group, copied for one of its lanes (generators/stage.h).
constexpr double kLaneCopy = 1.2;
// By squares of 16 x 16 (generators/transpose.h).
constexpr double kSquareCopy = 0.6, kSquareStore = 1.2;
constexpr int32_t kSquareEdge = 16;

bool has_squares(const Kernel &kernel, int64_t columns) {
    return isa_runs(Isa::avx512, kernel.isa) && columns >= kSquareEdge;
}

}  // namespace

double store_cycles(const tconv_spec &spec, const Kernel &kernel, const Geometry &geometry, const LayerParams &p) {
    const bool channels_last = spec.layout == TCONV_NHWC;
    const double out_h = static_cast<double>(geometry.h.out), out_w = static_cast<double>(geometry.w.out);
    const double outputs = out_h * out_w * spec.out_channels;
    const bool curve = p.curve != 0 || p.softmax != 0;
    if (kernel.lanes == Lanes::pixels) {
        // Rows of one phase and channel: vectors at stride 1, else elements, apart by the stride or the channels.
        const bool contiguous = spec.stride_w == 1 && (!channels_last || spec.out_channels == 1);
        const bool rows = p.residual == TCONV_RESIDUAL_NONE && out_w >= 8.0 * spec.stride_w;
        // generators::FinishInterleaved
        const int32_t streams = spec.stride_w * (channels_last ? spec.out_channels : 1);
        const bool interleaved = rows && (!channels_last || spec.groups == 1 || spec.out_channels == 1) &&
                                 (streams <= 4 || streams == 6 || streams == 8);
        const double element = contiguous || interleaved                ? 0.7
                               : channels_last && spec.out_channels > 1 ? 2.2
                                                                        : kStridedCopy;
        return outputs * (element + (curve ? kCurve / kernel.vector : 0)) +
               out_h * spec.out_channels * spec.stride_w * kRowOverhead;
    }
    // Transposed into rows (generators::FinishRows).
    if (kernel.lanes != Lanes::merged && !channels_last && p.residual == TCONV_RESIDUAL_NONE && geometry.w.out >= 8) {
        const bool squares = has_squares(kernel, geometry.w.out);
        return outputs *
               ((squares ? kSquareStore : kTransposedStore) * std::max(1.0, (squares ? kSquareEdge : 8.0) / p.outputs) +
                (curve ? kCurve / kernel.vector : 0));
    }
    // Rows of lanes, one for each pixel: whole vectors, then the rest one by one.
    const bool flat = kernel.lanes == Lanes::merged && spec.groups == 1 && (channels_last || spec.out_channels == 1);
    const int32_t width = flat ? p.lanes : p.outputs;
    const double vectors = width / kernel.vector, rest = width % kernel.vector;
    // The rest is one masked vector, which AVX2 stores slowly; without masks it goes element by element.
    const double rest_cycles = rest == 0                           ? 0
                               : isa_runs(Isa::avx512, kernel.isa) ? 6
                               : kernel.isa == Isa::avx2           ? 20
                                                                   : rest * 6;
    const double rows = outputs / width;
    // Sums of a depthwise tile go straight from registers to their pixels. As a pass of its own, as those of dense layers were
    // fitted, 8 channels were left to pixel lanes, which took 3.2 times as long.
    if (kernel.lanes == Lanes::depthwise && channels_last && p.direct != 0)
        return rows *
               (vectors * kDirectStore +
                (isa_runs(Isa::avx512, kernel.isa) ? std::min(rest_cycles, kDirectStore) : rest_cycles));
    double row = kPixelOverhead;
    if (channels_last || flat) {
        row += vectors * 10 + rest_cycles;
    } else {
        // Each lane goes to a plane of its own; planes a multiple of 4 KiB apart share a set of the first-level cache.
        row += width * (geometry.h.out * geometry.w.out % 1024 == 0 ? 9.0 : 6.0);
    }
    if (curve)
        row += kPixelOverhead + (vectors + rest) * kCurve;
    return rows * row;
}

double staging_cycles(const tconv_spec &spec, const Kernel &kernel, const LayerParams &p) {
    const double inputs = static_cast<double>(spec.in_channels) * spec.in_h * spec.in_w / channels_of_operand(kernel);
    const double passes = p.unit_tasks > 1 && p.groups == 1 ? p.unit_tasks : 1;
    const double halo = (1 + static_cast<double>(p.nearest_h - p.farthest_h) / p.block_h) *
                        (1 + static_cast<double>(p.nearest_w - p.farthest_w) / p.block_w);
    const bool planar = kernel.lanes == Lanes::pixels, depthwise = kernel.lanes == Lanes::depthwise;
    if (depthwise && (p.reduction > 1 || p.lanes != p.channels))
        return static_cast<double>(p.lanes) * p.reduction * spec.in_h * spec.in_w * std::min(halo, 4.0) * kLaneCopy;
    const int32_t channels = depthwise ? spec.in_channels : p.reduction;
    const bool staged_as_given = planar == (spec.layout == TCONV_NCHW) || spec.in_channels == 1;
    return inputs * std::min(halo, 4.0) * passes *
           (staged_as_given ? 3.0 / kernel.vector
            : channels >= 8 && spec.in_w >= 8
                ? channels >= kSquareEdge && has_squares(kernel, spec.in_w) ? kSquareCopy : kTransposedCopy
                : kStridedCopy);
}

}  // namespace tconv
