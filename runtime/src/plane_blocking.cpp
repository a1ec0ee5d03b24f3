#include "plane_blocking.h"

#include <algorithm>

#include "geometry.h"
#include "layer_shape.h"
#include "shares.h"
#include "spec.h"

namespace tconv {

namespace {

// As many phases of a row as there are loops for (generators/multiply_planes.h).
constexpr int32_t kMostPhases = 4;
// Channels and outputs of a group: a unit holds whole groups, and more of either would fill the lanes of other kernels.
constexpr int32_t kMostOfGroup = 32;
// Bytes of a unit: what is staged and its sums should stay in the first level of cache, or at least in the second.
constexpr int64_t kUnitTarget = 28 << 10, kUnitLimit = 512 << 10;
constexpr int64_t kLeastColumns = 256;
// Woven tiles read many channels of a few vectors, for one block of outputs after the other, which the second level of cache
// is good enough for; what counts are long runs of the output. 1 x 1 of 64 to 128 channels on 248 x 216, whose joined rows
// are such runs, took 7.1 ms row by row and 6.2 ms by four rows.
constexpr int64_t kWovenTarget = 224 << 10, kWovenRows = 2, kWovenPixels = 64, kJoinedPixels = 768;
constexpr int64_t kWovenLimit = 1000 << 10;  // with sums, which few layers need
constexpr int64_t kTaskTarget = 16, kTaskWork = 2'000'000;
// Planes of few channels wait for what they store, so that less work is worth a few tasks: a depthwise layer of 64 channels,
// 100 x 16, k3 s2, 0.3 million multiplications, took 50 to 85 us by two threads as one task, on either, and takes 25 as two.
constexpr int64_t kFewTasks = 4, kPlaneWork = 125'000;

struct Shape {
    int64_t line, vector, element;
    int64_t channels, outputs;  // of a group
    int64_t count_h, count_w, span_h, span_w, stride_w;
    int64_t block_h, block_w, groups;  // of a unit
    int64_t pitch, plane, sums_pitch;
    bool woven;

    int64_t staged() const { return bounded_product(groups, channels, plane, element); }
    int64_t bytes() const {
        return bounded_product(groups, bounded_product(channels, plane) + bounded_product(outputs, sums_pitch),
                               element);
    }
};

void measure(Shape &shape) {
    shape.pitch = shape.block_w + shape.span_w;
    auto odd_lines = [&](int64_t numbers) { return (ceil_div(numbers, shape.line) | 1) * shape.line; };
    // Vectors reach past the last pixel, here and there.
    shape.plane = odd_lines(bounded_product(shape.block_h + shape.span_h, shape.pitch) + shape.vector + 1);
    const int64_t pixels = bounded_product(shape.block_h - 1, shape.pitch) + shape.block_w;
    shape.sums_pitch = odd_lines(bounded_product(shape.stride_w, round_up(pixels, shape.vector)));
}

void choose_blocks(Shape &shape, int64_t groups, const Cut &cut) {
    shape.groups = 1;
    shape.block_h = 1;
    shape.block_w = shape.count_w;
    measure(shape);
    const int64_t rows_wanted = std::max(kWovenRows, 4 * shape.span_h);
    if (shape.woven) {
        const int64_t column = bounded_product(rows_wanted + shape.span_h, shape.channels, shape.element);
        const int64_t columns = std::max(kWovenTarget / column, shape.vector);
        shape.block_w = std::min(shape.count_w, round_up(even_share(shape.count_w, columns), shape.vector));
        measure(shape);
    } else if (shape.bytes() > kUnitTarget) {
        shape.block_w = even_share(shape.count_w, std::max(kLeastColumns, 4 * shape.span_w));
        measure(shape);
    }
    const int64_t most_bytes = shape.woven ? kWovenLimit : kUnitLimit;
    while (shape.block_w > 1 && shape.bytes() > most_bytes) {
        shape.block_w = even_share(shape.count_w, ceil_div(shape.block_w, 2));
        measure(shape);
    }
    // Few rows would mostly stage what their neighbours stage too.
    for (int64_t rows = 2; rows <= shape.count_h; rows++) {
        Shape taller = shape;
        taller.block_h = rows;
        measure(taller);
        const bool enough =
            rows > rows_wanted && shape.block_h * shape.block_w >= (shape.stride_w == 1 ? kJoinedPixels : kWovenPixels);
        const int64_t limit = rows <= 2 * shape.span_h ? 4 * kUnitTarget : kUnitTarget;
        if (shape.woven ? enough || taller.staged() > kWovenTarget * 9 / 8 || taller.bytes() > most_bytes
                        : taller.bytes() > limit)
            break;
        shape = taller;
    }
    shape.block_h = even_share(shape.count_h, shape.block_h);
    shape.block_h = cut.block_h > 0 ? cut.block_h : shape.block_h;
    shape.block_w = cut.block_w > 0 ? cut.block_w : shape.block_w;
    measure(shape);
    shape.groups = std::clamp<int64_t>(kUnitTarget / shape.bytes(), 1, groups);
    shape.groups = even_share(groups, shape.groups);
}

// Every phase of a row has one tap, and the first of a pixel is the first of an output.
bool weaves(const tconv_spec &spec) {
    return spec.kernel_w == spec.stride_w && (spec.kernel_w == 1 || spec.dilation_w == 1) &&
           spec.pad_left % spec.stride_w == 0;
}

}  // namespace

tconv_status block_planes(const tconv_spec &spec, Direction direction, const Kernel &kernel, Blocking *blocking,
                          Message &why, const Cut &cut) {
    if (direction != Direction::output)
        return why.fail(TCONV_UNSUPPORTED, "planes compute no gradient");
    const int32_t most_phases = std::min(kMostPhases, kernel.tile_m / kernel.vector);
    if (spec.stride_w > most_phases)
        return why.fail(TCONV_UNSUPPORTED, "planes weave at most %d phases of a row", most_phases);
    if (spec.activation == TCONV_ACT_SOFTMAX)
        return why.fail(TCONV_UNSUPPORTED, "planes keep no sums for softmax");
    const int32_t channels = spec.in_channels / spec.groups, outputs = spec.out_channels / spec.groups;
    const bool woven = kernel.lanes == Lanes::woven;
    if (woven && !weaves(spec))
        return why.fail(TCONV_UNSUPPORTED, "woven phases have one tap each, of the same column");
    const int32_t most_channels = woven ? kChannelBlock : kMostOfGroup;
    if (channels > most_channels || (!woven && outputs > kMostOfGroup))
        return why.fail(TCONV_UNSUPPORTED, "planes are for at most %d channels a group", most_channels);
    if (outputs % kernel.tile_a != 0)
        return why.fail(TCONV_UNSUPPORTED, "outputs of a group are no multiple of %d", kernel.tile_a);

    LayerParams p = layer_params_of(spec, Positions::quotients, true);
    const int64_t element = computed_bytes(spec.dtype);
    Shape shape = {};
    shape.line = kCacheLine / element, shape.vector = kernel.vector, shape.element = element;
    shape.channels = channels, shape.outputs = outputs;
    shape.count_h = p.end_h - p.first_h, shape.count_w = p.end_w - p.first_w;
    shape.span_h = p.nearest_h - p.farthest_h, shape.span_w = p.nearest_w - p.farthest_w;
    shape.stride_w = p.stride_w;
    shape.woven = woven;
    const int64_t group_blocks = outputs / kernel.tile_a;
    if (cut.block_h > shape.count_h || cut.block_w > shape.count_w || cut.units % group_blocks != 0 ||
        cut.units > group_blocks * spec.groups)
        return why.fail(TCONV_UNSUPPORTED, "%s", kUnsuitableCut);
    choose_blocks(shape, spec.groups, cut);
    if (cut.units > 0)
        shape.groups = even_share(spec.groups, cut.units / group_blocks);
    if (!fits_int32(shape.bytes() * 4) || shape.bytes() > kMaxElements / 4)
        return why.fail(TCONV_SIZE_OVERFLOW, "a task would need arrays of more than 2^31-1 elements");

    p.tile = kernel.tile, p.tile_a = kernel.tile_a;
    p.merged_h = p.merged_w = 1;
    p.taps_h = p.kernel_h, p.taps_w = p.kernel_w;
    p.direct = p.direct && dtype_bytes(spec.dtype) == element;
    p.block_h = static_cast<int32_t>(shape.block_h), p.block_w = static_cast<int32_t>(shape.block_w);
    p.blocks_h = static_cast<int32_t>(ceil_div(shape.count_h, shape.block_h));
    p.blocks_w = static_cast<int32_t>(ceil_div(shape.count_w, shape.block_w));
    p.panels = spec.groups, p.panel_channels = channels, p.reduction = channels, p.block_panels = 1;
    p.channel_step = 1;
    p.lanes = spec.out_channels, p.lane_blocks = static_cast<int32_t>(group_blocks * spec.groups);
    p.unit_blocks = static_cast<int32_t>(shape.groups * group_blocks);
    p.units = p.group_units = static_cast<int32_t>(ceil_div(spec.groups, shape.groups));
    p.sums_units = 1;
    p.staged_minor = static_cast<int32_t>(shape.plane), p.staged_row = static_cast<int32_t>(shape.pitch);
    p.staged_panel = static_cast<int32_t>(channels * shape.plane);
    p.sums_pitch = static_cast<int32_t>(shape.sums_pitch);

    const int64_t blocks = int64_t{p.blocks_h} * p.blocks_w;
    const double work = static_cast<double>(shape.count_h) * static_cast<double>(shape.count_w) * channels *
                        spec.out_channels * spec.kernel_h * spec.kernel_w;
    const auto few = woven ? int64_t{1} : std::min(kFewTasks, static_cast<int64_t>(work / kPlaneWork));
    const int64_t wanted =
        std::clamp<int64_t>(static_cast<int64_t>(work / kTaskWork), std::max<int64_t>(few, 1), kTaskTarget);
    const int64_t shares = std::min<int64_t>(p.units, ceil_div(wanted, blocks));
    p.task_units = static_cast<int32_t>(ceil_div(p.units, shares));
    p.unit_tasks = static_cast<int32_t>(ceil_div(p.units, p.task_units));

    Places scratch_places(shape.line);
    scratch_places.place(p.lanes);  // bias
    p.slope_at = scratch_places.place(p.lanes);
    const int64_t staged = shape.groups * channels * shape.plane, sums = shape.groups * outputs * shape.sums_pitch;
    p.staged_at = scratch_places.place(staged);
    p.sums_at = scratch_places.place(sums + kernel.vector);
    p.peak_at = p.total_at = static_cast<int32_t>(scratch_places.all());
    const int64_t tasks = blocks * p.unit_tasks;
    if (!fits_int32(scratch_places.all()) || !fits_int32(tasks))
        return why.fail(TCONV_SIZE_OVERFLOW, "a task would need scratch of more than 2^31-1 elements");
    if (is_given(cut) && scratch_places.all() * element > kMostScratch)
        return why.fail(TCONV_UNSUPPORTED, "%s", kUnsuitableCut);
    blocking->params = p;
    blocking->packed_bytes = int64_t{p.lane_blocks} * p.tile_a * channels * p.kernel_h * p.kernel_w * element;
    blocking->scratch_bytes = scratch_places.all() * element;
    blocking->staged_bytes = staged * element;
    blocking->sums_bytes = sums * element;
    blocking->tasks = static_cast<int32_t>(tasks);
    return TCONV_OK;
}

}  // namespace tconv
