#include "overlap_blocking.h"

#include <algorithm>

#include "geometry.h"
#include "layer_shape.h"
#include "shares.h"
#include "spec.h"

namespace tconv {

namespace {

// Bytes: what is staged at once should stay in the first level of cache, a strip's products in the second, and those of
// a strip of one row must stay below the 2 MiB a thread that interfaces promise.
constexpr int64_t kStagedTarget = 32 << 10, kProductsTarget = 512 << 10, kSumsTarget = 128 << 10;
constexpr int64_t kMostBytes = 1800 << 10;
// As in blocking.cpp. A task multiplies the rows that its neighbours read too once more: at most one in so many.
constexpr int64_t kTaskTarget = 16, kTaskWork = 2'000'000, kRowsForOneMore = 12;
constexpr int64_t kColumnsForOneMore = 24;
// A strip takes over rows of products from the one before, which takes as long as multiplying four channels: strips of so
// many rows for each of them, by the channels, make that 4 %. With strips of a single row, 4 of 9 that are added up, a layer of 56
// channels to one (9 x 9, stride 2) spent a fifth of its time on it. Of planes, which are read in runs, rows had better stay
// long: 4 % faster for that layer.
constexpr int64_t kRowsOfStrip = 100, kRowsOfPlanarStrip = 40;
// Input channels that are staged without gaps, and pixels that a loop of overlap-add takes at once (schedules/cpu_overlap.cpp).
constexpr int64_t kTightChannels = 4, kPixels = 4;

struct Shape {
    int64_t element, vector, outputs, stride_w, span_h, span_w;
    bool planar, transposes;
    Panels panels;
    int64_t channels, width, lane_blocks;
    int64_t block_w, strip, segment, tile_m;
    int64_t staged_minor, staged_row, staged_panel, staged, products_pitch, products_row, products, sums_pitch, sums,
        bias;

    int64_t line() const { return kCacheLine / element; }
    int64_t bytes() const { return (staged + products + sums + 2 * bias) * element; }
};

int64_t odd_lines(int64_t numbers, int64_t line) {
    return round_up(numbers, 2 * line) + line;
}

void measure(Shape &s) {
    const int64_t columns = s.block_w + s.span_w, rows = s.strip + s.span_h, lanes = s.lane_blocks * s.width;
    // As many tiles as stay in the first level of cache, shared out evenly; of pixels whole ones.
    const int64_t tiles = ceil_div(columns, s.tile_m);
    const int64_t at_once = even_share(tiles, kStagedTarget / (s.tile_m * s.panels.reduction * s.element));
    s.segment = s.planar ? at_once * s.tile_m : even_share(columns, at_once * s.tile_m);
    // Planes are transposed by squares of 16 x 16 (generators/transpose.h), which narrower segments have none of.
    if (s.transposes)
        s.segment = std::min(columns, round_up(std::max<int64_t>(s.segment, 32), 16));
    if (s.planar) {
        // Vectors of pixels reach past the last one.
        s.staged_row = round_up(s.segment, s.line());
        s.staged_minor = odd_lines(s.staged_row + s.vector, s.line());
        s.staged_panel = bounded_product(s.channels, s.staged_minor);
        s.staged = s.staged_panel;
        s.products_row = columns + s.vector;
        s.products_pitch = odd_lines(bounded_product(rows, s.products_row) + s.vector, s.line());
        s.products = bounded_product(lanes, s.products_pitch);
        s.sums_pitch = round_up(s.block_w, s.vector);
        s.sums = bounded_product(s.outputs, s.stride_w, s.strip, s.sums_pitch);
        s.bias = s.outputs;
    } else {
        s.staged_minor = s.channels <= kTightChannels ? s.channels : kPanelBytes / s.element;
        s.staged_row = bounded_product(s.segment, s.staged_minor);
        s.staged_panel = odd_lines(s.staged_row, s.line());
        s.staged = bounded_product(s.staged_panel, s.panels.count);
        s.products_pitch = lanes;
        s.products_row = bounded_product(columns, lanes);
        s.products = bounded_product(rows, s.products_row) + kPixels * lanes + s.vector;
        s.sums_pitch = bounded_product(s.stride_w, s.outputs);
        s.sums = bounded_product(s.strip, s.block_w, s.sums_pitch) + kPixels * s.sums_pitch + s.vector;
        s.bias = bounded_product(s.block_w, s.sums_pitch);
    }
    s.staged += 4 * s.line();
}

bool in_cache(const Shape &s) {
    return s.products * s.element <= kProductsTarget && s.sums * s.element <= kSumsTarget && s.bytes() <= kMostBytes;
}

// Whole rows where as many of them stay in cache as are wanted, then as many as do.
bool choose_strip(Shape &s, int64_t count_w, int64_t block_h, int64_t block_w) {
    const int64_t wanted =
        std::min(block_h, ceil_div((s.planar ? kRowsOfPlanarStrip : kRowsOfStrip) * s.span_h, s.channels));
    s.block_w = block_w > 0 ? block_w : count_w;
    s.strip = std::max<int64_t>(wanted, 1);
    measure(s);
    // False where there is nothing left to halve.
    auto narrower = [&](int64_t least) {
        const int64_t smaller = even_share(count_w, ceil_div(s.block_w, 2));
        if (block_w > 0 || s.block_w <= least || smaller == s.block_w)
            return false;
        s.block_w = smaller;
        measure(s);
        return true;
    };
    while (!in_cache(s) && narrower(kColumnsForOneMore * std::max<int64_t>(s.span_w, 1))) {
    }
    if (!in_cache(s)) {
        s.strip = 1;
        measure(s);
    }
    while (s.bytes() > kMostBytes && narrower(1)) {
    }
    if (s.bytes() > kMostBytes)
        return false;
    while (s.strip < block_h) {
        Shape taller = s;
        taller.strip++;
        measure(taller);
        if (!in_cache(taller))
            break;
        s = taller;
    }
    s.strip = even_share(block_h, s.strip);
    measure(s);
    return true;
}

}  // namespace

int64_t multiplied_rows(const LayerParams &p) {
    int64_t rows = 0;
    for (int64_t block = 0; block < p.blocks_h; block++) {
        const int64_t begin = p.first_h + block * p.block_h;
        const int64_t end = std::min<int64_t>(begin + p.block_h, p.end_h);
        rows += std::max<int64_t>(
            0, std::min<int64_t>(end + p.nearest_h, p.in_h) - std::max<int64_t>(begin + p.farthest_h, 0));
    }
    return rows;
}

int64_t multiplied_columns(const LayerParams &p, int32_t block, int32_t pixels_of_vector) {
    const int64_t begin = p.first_w + int64_t{block} * p.block_w;
    const int64_t end = std::min<int64_t>(begin + p.block_w, p.end_w);
    const int64_t first = std::max<int64_t>(begin + p.farthest_w, 0);
    const int64_t last = std::max(first, std::min<int64_t>(end + p.nearest_w, p.in_w));
    return round_up(last - first, pixels_of_vector);
}

tconv_status block_overlap(const tconv_spec &spec, Direction direction, const Kernel &kernel, Blocking *blocking,
                           Message &why, const Cut &cut) {
    auto refuse = [&](const char *reason) { return why.fail(TCONV_UNSUPPORTED, "%s", reason); };
    if (direction != Direction::output)
        return refuse("does not compute this gradient");
    if (spec.math == TCONV_MATH_STRICT)
        return refuse("adds up channels first, then taps, which STRICT rules out");
    if (spec.groups != 1)
        return refuse("only for groups = 1");
    if (spec.dilation_h != 1 || spec.dilation_w != 1)
        return refuse("only for dilation = 1");
    if (spec.kernel_h < spec.stride_h || spec.kernel_w < spec.stride_w ||
        (spec.kernel_h == spec.stride_h && spec.kernel_w == spec.stride_w))
        return refuse("nothing overlaps, or some phases have no tap: only for kernel >= stride, not both equal");
    if (spec.activation == TCONV_ACT_SOFTMAX && spec.softmax_axis == TCONV_AXIS_LAST)
        return refuse("softmax along a row needs whole rows, which strips may cut");

    LayerParams p = layer_params_of(spec, Positions::quotients, false);
    const int64_t count_h = p.end_h - p.first_h, count_w = p.end_w - p.first_w;
    Shape shape = {};
    shape.element = computed_bytes(spec.dtype), shape.vector = kernel.vector;
    shape.planar = kernel.lanes == Lanes::pixels;
    shape.transposes = !shape.planar && spec.layout == TCONV_NCHW;
    shape.outputs = p.outputs, shape.stride_w = p.stride_w, shape.channels = p.channels;
    shape.span_h = p.nearest_h - p.farthest_h, shape.span_w = p.nearest_w - p.farthest_w;
    shape.width = kernel.tile_a, shape.tile_m = kernel.tile_m;
    const double lanes = static_cast<double>(p.outputs) * p.kernel_h * p.kernel_w;
    const double row = static_cast<double>(count_w) * p.stride_w * p.outputs;
    if (lanes * static_cast<double>(shape.element) > kMostBytes || lanes * p.channels > kMaxElements / 2 ||
        row > kMaxElements / 4)
        return refuse("the products of a row would take more than the 2 MiB a thread");
    shape.lane_blocks = ceil_div(static_cast<int64_t>(lanes), shape.width);
    if (shape.planar) {
        shape.panels = {1, p.channels, 1, p.channels, p.channels % 2 != 0 ? 1 : 2};
    } else {
        shape.panels = cut_panels(p.channels, shape.element);
        if (p.channels <= kTightChannels)
            shape.panels.step = 1;
    }
    const double work = static_cast<double>(count_h) * static_cast<double>(count_w) * p.channels * lanes;
    const int64_t wanted = std::clamp<int64_t>(static_cast<int64_t>(work / kTaskWork), 1, kTaskTarget);
    int64_t block_h = even_share(count_h, std::max(ceil_div(count_h, wanted), kRowsForOneMore * shape.span_h));
    if (is_given(cut)) {
        if (cut.units > 0 || cut.block_h > count_h || cut.block_w > count_w)
            return refuse(kUnsuitableCut);
        block_h = cut.block_h > 0 ? cut.block_h : block_h;
    }
    if (!choose_strip(shape, count_w, block_h, cut.block_w)) {
        return refuse(is_given(cut) ? kUnsuitableCut : "the products of a row would take more than the 2 MiB a thread");
    }

    p.tile = kernel.tile, p.tile_a = kernel.tile_a;
    p.direct = 0;
    p.block_h = static_cast<int32_t>(block_h), p.block_w = static_cast<int32_t>(shape.block_w);
    p.blocks_h = static_cast<int32_t>(ceil_div(count_h, block_h));
    p.blocks_w = static_cast<int32_t>(ceil_div(count_w, shape.block_w));
    p.strip = static_cast<int32_t>(shape.strip);
    p.segment = static_cast<int32_t>(shape.segment);
    p.merged_h = 1, p.merged_w = shape.planar ? 1 : p.stride_w;
    p.taps_h = p.taps_w = 1;
    p.lanes = static_cast<int32_t>(shape.planar ? p.outputs : p.outputs * p.stride_w);
    p.lane_blocks = p.unit_blocks = static_cast<int32_t>(shape.lane_blocks);
    p.units = p.group_units = p.task_units = p.unit_tasks = p.sums_units = 1;
    p.staged_minor = static_cast<int32_t>(shape.staged_minor), p.staged_row = static_cast<int32_t>(shape.staged_row);
    p.staged_panel = static_cast<int32_t>(shape.staged_panel);
    p.panels = static_cast<int32_t>(shape.panels.count);
    p.panel_channels = static_cast<int32_t>(shape.panels.channels);
    p.block_panels = static_cast<int32_t>(shape.panels.of_block);
    p.reduction = static_cast<int32_t>(shape.panels.reduction);
    p.channel_step = static_cast<int32_t>(shape.panels.step);
    p.products_pitch = static_cast<int32_t>(shape.products_pitch);
    p.products_row = static_cast<int32_t>(shape.products_row);
    p.sums_pitch = static_cast<int32_t>(shape.sums_pitch);

    Places places(shape.line());
    places.place(shape.bias);
    p.slope_at = places.place(shape.bias);
    p.staged_at = places.place(shape.staged);
    p.products_at = places.place(shape.products);
    p.sums_at = places.place(shape.sums + kernel.vector);
    const int64_t statistics = p.softmax != 0 ? shape.block_w * p.stride_w * p.block_h : 0;
    p.peak_at = places.place(statistics);
    p.total_at = places.place(statistics);
    const int64_t tasks = static_cast<int64_t>(p.blocks_h) * p.blocks_w;
    if (!fits_int32(places.all()) || !fits_int32(tasks))
        return why.fail(TCONV_SIZE_OVERFLOW, "a task would need scratch of more than 2^31-1 elements");
    if (places.all() * shape.element > kMostScratch)
        return refuse(is_given(cut) ? kUnsuitableCut : "the products of a row would take more than the 2 MiB a thread");
    blocking->params = p;
    blocking->packed_bytes = shape.panels.reduction * shape.lane_blocks * shape.width * shape.element;
    blocking->scratch_bytes = places.all() * shape.element;
    blocking->staged_bytes = shape.staged * shape.element;
    blocking->sums_bytes = (shape.products + shape.sums) * shape.element;
    blocking->tasks = static_cast<int32_t>(tasks);
    return TCONV_OK;
}

}  // namespace tconv
