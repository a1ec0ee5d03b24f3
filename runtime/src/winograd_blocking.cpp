#include "winograd_blocking.h"

#include <algorithm>

#include "cost.h"
#include "geometry.h"
#include "layer_shape.h"
#include "shares.h"
#include "spec.h"

namespace tconv {

namespace {

// Lanes of a unit, and bytes of channels that are multiplied at once: 16 or 32 KiB of weights, which stay in the first level
// of cache for all tiles of a block. With 256 channels, whose weights every tile reads from the second, 256 channels to 256
// with a 4 x 4 kernel and stride 2 took 13.0 ms instead of 9.3 (Ice Lake).
constexpr int64_t kUnitLanes = 64, kBlockBytes[] = {256, 512};
constexpr int64_t kTaskTarget = 16, kTaskWork = 2'000'000;
// Weights that the second level of cache could hold are read from it again and again if scratch leaves them room: with 1 MiB
// instead of 2, the least times of two of the suite's layers were 4 to 8 % shorter, of two others about half (Emerald
// Rapids, a busy machine). For more weights as many tiles as possible share each that is read.
constexpr int64_t kFewWeights = 4 << 20, kScratchBesideThem = 1 << 20;

struct Shape {
    int64_t element, outputs;  // bytes of a number; of a tile along an axis
    WinogradAxis h, w;
    int64_t span_h = 0, span_w = 0, phases = 0;  // phases: of a row, by its residues
    int64_t residues_h = 1, residues_w = 1;
    Panels panels = {};
    int64_t lanes = 0, width = 0, lane_blocks = 0, unit_blocks = 0, units = 0;
    int64_t block_h = 0, block_w = 0;
    // What is at hand at once: panels that are staged and that are transformed, units whose products are kept.
    int64_t staged_panels = 0, block_panels = 0, kept_units = 0;
    bool direct = false;  // sums are kept for other views only, of one unit
    // Numbers of scratch.
    int64_t staged_row = 0, staged_panel = 0, staged = 0, transformed = 0, products = 0, sums = 0;

    int64_t line() const { return kCacheLine / element; }
    double packed_bytes() const {
        return static_cast<double>(points_of(h, outputs)) * static_cast<double>(points_of(w, outputs)) *
               static_cast<double>(panels.reduction) * static_cast<double>(width * lane_blocks * element);
    }
    int64_t sums_units() const { return direct ? 1 : kept_units; }
    int64_t bytes() const { return (staged + transformed + products + sums) * element; }
};

// An odd number of cache lines, so that what lies so far apart does not share sets of the first-level cache.
int64_t odd_lines(int64_t numbers, int64_t line) {
    const int64_t lines = ceil_div(numbers, line);
    return (lines + (lines % 2 == 0 ? 1 : 0)) * line;
}

void measure(Shape &shape) {
    const int64_t line = shape.line(), lanes = shape.unit_blocks * shape.width;
    const int64_t rows = round_up(shape.block_h, shape.outputs) + shape.span_h;
    const int64_t columns = (round_up(shape.block_w, shape.outputs) + shape.span_w) * shape.residues_w;
    shape.staged_row = bounded_product(columns, line);
    shape.staged_panel = odd_lines(bounded_product(rows, shape.staged_row), line);
    shape.staged = bounded_product(shape.staged_panel, shape.staged_panels);
    shape.transformed = shape.products = 0;
    for (const int64_t taps_h : {shape.h.taps, shape.h.most_taps()}) {
        for (const int64_t taps_w : {shape.w.taps, shape.w.most_taps()}) {
            const int64_t points = points_along(shape.outputs, taps_h) * points_along(shape.outputs, taps_w);
            const int64_t tiles =
                bounded_product(ceil_div(shape.block_h, outputs_along(shape.outputs, taps_h)),
                                ceil_div(shape.block_w, outputs_along(shape.outputs, taps_w)), shape.residues_w);
            shape.transformed =
                std::max(shape.transformed,
                         bounded_product(points, shape.block_panels, odd_lines(bounded_product(tiles, line), line)));
            shape.products = std::max(shape.products, bounded_product(shape.kept_units, points,
                                                                      odd_lines(bounded_product(tiles, lanes), line)));
        }
    }
    shape.sums = bounded_product(shape.sums_units(), shape.block_h, shape.block_w, lanes, shape.phases);
}

// Whole rows of tiles where they fit, else a part of one.
void choose_blocks(Shape &shape, int64_t count_h, int64_t count_w) {
    const int64_t tiles_h = ceil_div(count_h, shape.outputs), tiles_w = ceil_div(count_w, shape.outputs);
    const int64_t limit = shape.packed_bytes() <= kFewWeights ? kScratchBesideThem : kMostScratch;
    auto fits = [&](int64_t high, int64_t wide) {
        shape.block_h = std::min(count_h, high * shape.outputs);
        shape.block_w = std::min(count_w, wide * shape.outputs);
        measure(shape);
        return shape.bytes() <= limit;
    };
    int64_t high = 1, wide = tiles_w;
    while (wide > 1 && !fits(1, wide)) {
        wide = even_share(tiles_w, wide - 1);
    }
    while (high < tiles_h && fits(high + 1, wide)) {
        high++;
    }
    fits(even_share(tiles_h, high), wide);
}

// How much to keep at hand at once. The fewer tiles a block has, the more often weights are read; the fewer units, the more
// often the input is transformed, or even staged, anew; the fewer channels, the more often products are added to.
void choose_shape(Shape &shape, int64_t count_h, int64_t count_w, bool all_units) {
    // Cycles of a vector of channels, for each point: to transform it; to stage what it needs, which comes from beyond the
    // second level of cache (13 % of the time of 192 channels to 192 with a 5 x 5 kernel, Sapphire Rapids); and of a vector
    // of products, to load and store it.
    constexpr double kTransform = 5, kStage = 8, kProducts = 4;
    const double vectors = static_cast<double>(shape.width) / static_cast<double>(shape.line());
    double least = 0;
    Shape best = shape;
    auto consider = [&](int64_t block_panels, int64_t units, bool all_staged) {
        Shape candidate = shape;
        candidate.block_panels = block_panels;
        candidate.kept_units = all_units ? shape.units : std::min(units, shape.units);
        candidate.staged_panels = all_staged ? shape.panels.count : block_panels;
        choose_blocks(candidate, count_h, count_w);
        const double tiles = static_cast<double>(ceil_div(candidate.block_h, shape.outputs) *
                                                 ceil_div(candidate.block_w, shape.outputs) * shape.residues_w);
        const double again = kTransform + (all_staged ? 0 : kStage);
        const double cycles =
            again / (static_cast<double>(candidate.kept_units * shape.unit_blocks) * vectors) +
            kProducts / static_cast<double>(block_panels) +
            static_cast<double>(shape.line() * kCacheLine) / (weight_bytes_per_cycle(shape.packed_bytes()) * tiles);
        if (least == 0 || cycles < least) {
            least = cycles;
            best = candidate;
        }
    };
    for (const int64_t bytes : kBlockBytes) {
        const int64_t block_panels = std::min(shape.panels.count, bytes / kPanelBytes);
        for (const int64_t units : {int64_t{1}, int64_t{2}, int64_t{4}}) {
            consider(block_panels, units, true);
            consider(block_panels, units, false);
        }
    }
    shape = best;
}

// False for what does not suit the layer: tiles must begin where they would without it, since their sums round each in
// their own way.
bool apply_cut(Shape &shape, const Cut &cut, int64_t count_h, int64_t count_w, bool all_units) {
    auto whole_tiles = [&](int64_t block, int64_t count) {
        return block <= count && (block % shape.outputs == 0 || block == count);
    };
    shape.block_h = cut.block_h > 0 ? cut.block_h : shape.block_h;
    shape.block_w = cut.block_w > 0 ? cut.block_w : shape.block_w;
    shape.kept_units = cut.units > 0 ? cut.units : shape.kept_units;
    // Sizes that no map has would overflow what is measured.
    if (!whole_tiles(shape.block_h, count_h) || !whole_tiles(shape.block_w, count_w) ||
        shape.kept_units > shape.units || (all_units && shape.kept_units != shape.units))
        return false;
    measure(shape);
    return shape.bytes() <= kMostScratch;
}

}  // namespace

tconv_status block_winograd(const tconv_spec &spec, Direction direction, const Kernel &kernel, Blocking *blocking,
                            Message &why, const Cut &cut) {
    auto refuse = [&](const char *reason) { return why.fail(TCONV_UNSUPPORTED, "%s", reason); };
    if (direction != Direction::output)
        return refuse("does not compute this gradient");
    if (spec.math == TCONV_MATH_STRICT)
        return refuse("rounds otherwise than the direct sum, which STRICT rules out");
    if (spec.groups != 1)
        return refuse("only for groups = 1");
    if ((spec.dilation_h != 1 && spec.stride_h != 1) || (spec.dilation_w != 1 && spec.stride_w != 1))
        return refuse("dilation only along axes of stride 1");
    Shape shape = {.element = computed_bytes(spec.dtype),
                   .outputs = outputs_of_tile(kernel.family),
                   .h = WinogradAxis(spec.kernel_h, spec.stride_h),
                   .w = WinogradAxis(spec.kernel_w, spec.stride_w)};
    if (std::min(shape.h.taps, shape.w.taps) < 1)
        return refuse("only for phases that all have taps: stride <= kernel");
    if (std::max(shape.h.most_taps(), shape.w.most_taps()) > most_taps_of_tile(shape.outputs))
        return why.fail(TCONV_UNSUPPORTED, "only for phases of 1 to %d taps: kernel <= %d * stride",
                        static_cast<int>(most_taps_of_tile(shape.outputs)),
                        static_cast<int>(most_taps_of_tile(shape.outputs)));
    if (spec.activation == TCONV_ACT_SOFTMAX && spec.softmax_axis == TCONV_AXIS_LAST)
        return refuse("softmax along a row needs whole rows, which blocks of tiles cut");
    if (shape.h.most_taps() == 1 && shape.w.most_taps() == 1)
        return refuse("phases of one tap leave nothing to save");

    tconv_spec dense = spec;  // a single tap lies nowhere else for a dilation
    dense.dilation_h = spec.kernel_h == 1 ? 1 : spec.dilation_h;
    dense.dilation_w = spec.kernel_w == 1 ? 1 : spec.dilation_w;
    LayerParams p = layer_params_of(dense, Positions::strides, false);
    p.tile = kernel.tile, p.tile_a = kernel.tile_a;
    shape.span_h = p.nearest_h - p.farthest_h, shape.span_w = p.nearest_w - p.farthest_w;
    shape.residues_h = residues_of(p.dilation_h, p.out_h), shape.residues_w = residues_of(p.dilation_w, p.out_w);
    shape.phases = p.stride_w * shape.residues_w;
    shape.panels = cut_panels(p.channels, shape.element);
    shape.lanes = p.outputs, shape.width = kernel.tile_a;
    shape.lane_blocks = ceil_div(shape.lanes, shape.width);
    shape.unit_blocks = std::clamp<int64_t>(kUnitLanes / shape.width, 1, shape.lane_blocks);
    shape.units = ceil_div(shape.lane_blocks, shape.unit_blocks);
    const bool softmax = p.softmax != 0;
    shape.direct = p.direct && dtype_bytes(spec.dtype) == shape.element && shape.lanes % shape.width == 0 &&
                   spec.layout == TCONV_NHWC;
    choose_shape(shape, p.end_h, p.end_w, softmax);
    if (is_given(cut) && !apply_cut(shape, cut, p.end_h, p.end_w, softmax))
        return refuse(kUnsuitableCut);

    // One tile of each phase and residue is the least there is; softmax over channels keeps them all.
    if (!softmax && shape.bytes() > kMostScratch)
        return refuse("so many phases, or residues of the dilation, take more memory than a task may");
    const double scratch = static_cast<double>(shape.staged) + static_cast<double>(shape.transformed) +
                           static_cast<double>(shape.products) + static_cast<double>(shape.sums);
    if (shape.packed_bytes() > kMaxElements || scratch > kMaxElements / 4)
        return why.fail(TCONV_SIZE_OVERFLOW, "a task would need arrays of more than 2^31-1 elements");
    blocking->packed_bytes = static_cast<int64_t>(shape.packed_bytes());

    p.block_h = static_cast<int32_t>(shape.block_h), p.block_w = static_cast<int32_t>(shape.block_w);
    p.blocks_h = static_cast<int32_t>(ceil_div(p.end_h, shape.block_h));
    p.blocks_w = static_cast<int32_t>(ceil_div(p.end_w, shape.block_w));
    const double work = static_cast<double>(p.end_h * shape.residues_h) *
                        static_cast<double>(p.end_w * shape.residues_w) * p.channels * p.outputs * spec.kernel_h *
                        spec.kernel_w;
    const int64_t wanted = std::clamp<int64_t>(static_cast<int64_t>(work / kTaskWork), 1, kTaskTarget);
    const int64_t blocks = shape.residues_h * p.blocks_h * p.blocks_w;
    const int64_t shares =
        softmax ? 1 : std::clamp<int64_t>(ceil_div(wanted, blocks), 1, ceil_div(shape.units, shape.kept_units));
    const int64_t task_units = ceil_div(shape.units, shares);

    p.direct = shape.direct;
    p.merged_h = p.merged_w = 1;
    p.taps_h = p.kernel_h, p.taps_w = p.kernel_w;
    p.lanes = static_cast<int32_t>(shape.lanes), p.lane_blocks = static_cast<int32_t>(shape.lane_blocks);
    p.unit_blocks = static_cast<int32_t>(shape.unit_blocks);
    p.units = p.group_units = static_cast<int32_t>(shape.units);
    p.task_units = static_cast<int32_t>(task_units);
    p.unit_tasks = static_cast<int32_t>(ceil_div(shape.units, task_units));
    p.kept_units = static_cast<int32_t>(shape.kept_units);
    p.sums_units = static_cast<int32_t>(shape.sums_units());
    p.staged_minor = static_cast<int32_t>(shape.line());
    p.staged_row = static_cast<int32_t>(shape.staged_row), p.staged_panel = static_cast<int32_t>(shape.staged_panel);
    p.panels = static_cast<int32_t>(shape.panels.count);
    p.panel_channels = static_cast<int32_t>(shape.panels.channels);
    p.block_panels = static_cast<int32_t>(shape.block_panels);
    p.staged_panels = static_cast<int32_t>(shape.staged_panels);
    p.reduction = static_cast<int32_t>(shape.panels.reduction);
    p.channel_step = static_cast<int32_t>(shape.panels.step);
    p.sums_pitch = static_cast<int32_t>(shape.unit_blocks * shape.width);

    Places places(shape.line());
    places.place(shape.lanes);  // bias
    p.slope_at = places.place(shape.lanes);
    p.staged_at = places.place(shape.staged);
    p.transformed_at = places.place(shape.transformed);
    p.products_at = places.place(shape.products);
    p.sums_at = places.place(shape.sums + kernel.vector);
    int64_t statistics = 0;
    if (softmax) {
        statistics = shape.block_h * shape.block_w * shape.phases;
    }
    p.peak_at = places.place(statistics);
    p.total_at = places.place(statistics);
    const int64_t tasks = blocks * p.unit_tasks;
    if (!fits_int32(places.all()) || !fits_int32(tasks))
        return why.fail(TCONV_SIZE_OVERFLOW, "a task would need scratch of more than 2^31-1 elements");
    blocking->params = p;
    blocking->scratch_bytes = places.all() * shape.element;
    blocking->staged_bytes = shape.staged * shape.element;
    blocking->sums_bytes = shape.sums * shape.element;
    blocking->tasks = static_cast<int32_t>(tasks);
    return TCONV_OK;
}

}  // namespace tconv
