#include "blocking.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "geometry.h"
#include "layer_shape.h"
#include "merging.h"
#include "overlap_blocking.h"
#include "plane_blocking.h"
#include "shares.h"
#include "spec.h"
#include "winograd_blocking.h"

namespace tconv {

namespace {

// Targets in bytes. A task's input and sums should live in the second level of cache (512 KiB on the smallest
// server cores) beside the weights of a lane block, and 256 pixels are enough to use each weight that is fetched
// from memory often. A task may exceed them only where one row of one block cannot be made smaller.
constexpr int64_t kStagedTarget = 384 << 10, kStagedLimit = 1280 << 10;
// Weights beyond this many bytes are not kept by any cache from one task to the next: then it pays to stage more, so
// that kPixelTarget pixels share them. With the sums this stays below the 2 MiB a thread that interfaces promise.
constexpr int64_t kStreamedWeights = 4 << 20, kStagedForStreaming = 1792 << 10;
// Weights of fewer bytes stay in the second level of cache from one image to the next.
constexpr int64_t kWeightsInCache = 1 << 20;
constexpr int64_t kSumsTarget = 96 << 10, kSumsLimit = 512 << 10;
// Of a single position, of which a unit keeps all phases: where strides are so large that these exceed what interfaces promise
// for a thread, another kernel has to do.
constexpr int64_t kMostSums = 1536 << 10;
// Blocks of lanes that store beside one another, each all positions of a task, leave lines that the next block's prefetched
// neighbours drive out, if a task's outputs are more than half of that cache: 192 depthwise channels of 157 x 157, k3 s2, took
// 22 ms by 970 KiB, 14 by 485 and 13 by 190 (Emerald Rapids, whose second level is 2 MiB). Not where weights have to be read
// again by each task: 256 x 256 channels of 37 x 37, k4 s4, lost a fifth.
constexpr int64_t kStoredTarget = 512 << 10;
// Fewer bytes of outputs stay there as a whole: 1024 channels of 7 x 7 lost a tenth by smaller tasks.
constexpr double kKeptOutputs = 2 << 20;
constexpr int64_t kPixelTarget = 256;
// Of a group whose lanes lie beside those of other groups: more channels fill scratch, more outputs lanes of their own.
constexpr int64_t kMostOfGroup = 32;
// So few channels are staged without gaps: a cache line for each pixel would be many times what is read. A layer of one
// channel and a stride of 16 ran at a fourth of its speed for it.
constexpr int64_t kTightChannels = 4;
// Enough tasks to keep a few threads evenly busy, unless they would be smaller than this many multiplications.
constexpr int64_t kTaskTarget = 16, kTaskWork = 2'000'000;
// Depthwise lanes load as often as they multiply, and wait for what they store: 256 channels of 14 x 14 by two threads, 0.45
// million multiplications, took 93 us as one task and 47 as several. But threads that store to the same pixels take lines from
// each other: 64 channels of 32 x 32, k8 s4, took 307 us where tasks were lanes, too, and 201 by rows only.
constexpr int64_t kDepthwiseTasks = 4, kDepthwiseWork = 125'000;

struct Shape {                          // 64-bit twin of the parameters that blocking decides on
    int64_t element;                    // bytes of a computed number
    int64_t channels, outputs, groups;  // channels: operands of one or two (channels_of_operand), of a group
    int64_t count_h, count_w;           // quotients
    int64_t span_h, span_w;             // input rows and columns that one quotient reads, less one
    int64_t stride_w;
    int64_t stored;  // bytes of all lane blocks' outputs at one quotient, where they are beside one another and many; else 0
    double weights;
    int64_t lanes, width, lane_blocks;
    Merging merging;
    int64_t phases, staged_phases;  // whose sums, whose staged planes lie side by side
    int64_t panels, panel_channels, block_panels, reduction, channel_step;  // see LayerParams
    bool by_block, single_blocks, images_share_weights;
    int64_t block_h, block_w, unit_blocks, group_units, units, task_units, images;
    int64_t staged_minor, staged_row, staged_panel, staged_phase, staged_image, staged, sums_pitch, sums_image, sums;

    int64_t staged_bytes() const { return staged * element; }
    int64_t sums_bytes() const { return sums * element; }
    int64_t stored_bytes() const { return bounded_product(stored, block_h, block_w); }
};

void measure(const Kernel &kernel, Shape &shape) {
    const bool planar = kernel.lanes == Lanes::pixels, depthwise = kernel.lanes == Lanes::depthwise;
    shape.group_units = ceil_div(shape.lane_blocks, shape.unit_blocks);
    shape.units = shape.groups * shape.group_units;
    const int64_t groups = std::min(
        shape.groups, ceil_div(shape.task_units, shape.group_units) + (shape.task_units % shape.group_units != 0));
    const int64_t line = kCacheLine / shape.element;
    int64_t all_panels = 1;
    const int64_t rows = shape.block_h + shape.span_h, columns = shape.block_w + shape.span_w;
    if (planar) {
        // Vector tiles read up to a vector past the last column. An odd number of cache lines between channels
        // spreads them over all sets of the cache.
        shape.staged_minor = round_up(columns + kernel.vector, 2 * line) + line;
        shape.staged_row = bounded_product(shape.channels, groups, shape.staged_minor);
        shape.staged_panel = bounded_product(rows, shape.staged_row);
    } else {
        all_panels = depthwise
                         ? bounded_product(shape.panels, std::min(bounded_product(shape.task_units, shape.unit_blocks),
                                                                  shape.lane_blocks))
                         : bounded_product(shape.by_block ? shape.block_panels : shape.panels, groups);
        shape.staged_minor = depthwise                          ? shape.width
                             : shape.channels <= kTightChannels ? shape.channels
                                                                : kPanelBytes / shape.element;
        shape.staged_row = bounded_product(columns, shape.staged_minor);
        // An odd number of lines, so that panels do not share sets of the first-level cache.
        shape.staged_panel = bounded_product(rows, shape.staged_row);
        if (shape.staged_panel / line % 2 == 0)
            shape.staged_panel += line;
    }
    shape.staged_phase = bounded_product(shape.staged_panel, all_panels);
    shape.staged_image = bounded_product(shape.staged_phase, shape.staged_phases);
    shape.staged = bounded_product(shape.staged_image, shape.images) + 4 * line;
    const int64_t lanes = bounded_product(shape.unit_blocks, shape.width);
    if (planar) {
        shape.sums_pitch = round_up(shape.block_w, kernel.vector);
        shape.sums_image = bounded_product(lanes, shape.block_h, shape.sums_pitch, shape.phases);
    } else {
        shape.sums_pitch = lanes;
        shape.sums_image = bounded_product(shape.block_h, shape.block_w, lanes, shape.phases);
    }
    shape.sums = bounded_product(shape.sums_image, shape.images);
}

void choose_blocks(const tconv_spec &spec, const Kernel &kernel, Shape &shape, const Cut &cut) {
    const bool by_channel = spec.activation == TCONV_ACT_SOFTMAX && spec.softmax_axis == TCONV_AXIS_CHANNEL;
    const bool by_row = spec.activation == TCONV_ACT_SOFTMAX && spec.softmax_axis == TCONV_AXIS_LAST;

    // Softmax over channels wants them all, and so does the interleaving of merged rows of pixels.
    const bool whole_units = by_channel || (kernel.lanes == Lanes::pixels && shape.merging.phases_w > 1);
    shape.unit_blocks = whole_units ? shape.lane_blocks : 1;
    shape.group_units = ceil_div(shape.lane_blocks, shape.unit_blocks);
    shape.units = shape.groups * shape.group_units;
    shape.task_units = by_channel ? shape.units : shape.by_block ? 1 : shape.group_units;
    const int64_t kept = by_channel ? shape.units : 1;
    const bool streams = shape.weights * static_cast<double>(shape.element) > kStreamedWeights;
    const int64_t staged_limit = streams ? kStagedForStreaming : kStagedLimit;
    const int64_t staged_target = streams ? kStagedForStreaming : kStagedTarget;

    // Columns, then rows, as many as the targets allow; a whole row where softmax runs along it.
    shape.block_h = 1;
    shape.block_w = shape.count_w;
    measure(kernel, shape);
    // Whole rows where they fit: planes are read in long runs. But not where a layer has few rows to share out.
    if (!by_row && (shape.staged_bytes() > kStagedTarget ||
                    bounded_product(shape.sums_bytes(), kept) > kSumsLimit / 2 || shape.count_h < kTaskTarget)) {
        shape.block_w = even_share(shape.count_w, std::max(kPixelTarget, shape.span_w));
        measure(kernel, shape);
    }
    // Blocks narrower than the halo would mostly stage what their neighbours stage too.
    auto too_wide = [&] {
        return ((shape.staged_bytes() > staged_limit || shape.stored_bytes() > kStoredTarget) &&
                shape.block_w > shape.span_w / 2) ||
               bounded_product(shape.sums_bytes(), kept) > kSumsLimit;
    };
    while (!by_row && shape.block_w > 1 && too_wide()) {
        const int64_t smaller = even_share(shape.count_w, ceil_div(shape.block_w, 2));
        if (smaller == shape.block_w)
            break;
        shape.block_w = smaller;
        measure(kernel, shape);
    }
    for (int64_t rows = 2; rows <= shape.count_h && (rows - 1) * shape.block_w < kPixelTarget; rows++) {
        Shape taller = shape;
        taller.block_h = rows;
        measure(kernel, taller);
        if (taller.staged_bytes() > staged_target || bounded_product(taller.sums_bytes(), kept) > kSumsLimit / 2 ||
            taller.stored_bytes() > kStoredTarget)
            break;
        shape = taller;
    }
    shape.block_h = even_share(shape.count_h, shape.block_h);
    shape.block_h = cut.block_h > 0 ? cut.block_h : shape.block_h;
    shape.block_w = cut.block_w > 0 ? cut.block_w : shape.block_w;
    // Small maps by several images, so that these share the weights: wavegan's 64 images of 16 columns read 52 MB each.
    while (shape.images_share_weights && shape.block_h == shape.count_h && shape.block_w == shape.count_w &&
           shape.images < spec.batch && shape.images * shape.block_h * shape.block_w < kPixelTarget) {
        Shape more = shape;
        more.images++;
        measure(kernel, more);
        if (more.staged_bytes() > staged_target || more.sums_bytes() > kSumsLimit / 2)
            break;
        shape = more;
    }
    shape.images = even_share(std::max(spec.batch, 1), shape.images);

    if (by_channel) {
        measure(kernel, shape);
        return;
    }
    // Lane blocks of a unit: more of them share one pass of the stores.
    while (shape.unit_blocks < shape.lane_blocks) {
        Shape wider = shape;
        wider.unit_blocks = shape.unit_blocks + 1;
        measure(kernel, wider);
        // A unit that is staged for itself wants many lanes.
        if (wider.sums_bytes() > (shape.by_block ? kSumsLimit / 2 : kSumsTarget))
            break;
        shape = wider;
    }
    shape.unit_blocks = even_share(shape.lane_blocks, cut.units > 0 ? cut.units : shape.unit_blocks);
    if (shape.single_blocks)
        shape.unit_blocks = 1;
    shape.group_units = ceil_div(shape.lane_blocks, shape.unit_blocks);
    shape.units = shape.groups * shape.group_units;
    if (by_row || shape.by_block) {
        shape.task_units = 1;
        measure(kernel, shape);
        return;
    }

    // Units of a task: all of a group, and as many groups (or depthwise channels) as the staging target allows.
    const int64_t unit = kernel.lanes == Lanes::depthwise ? 1 : shape.group_units;
    shape.task_units = unit;
    while (shape.task_units + unit <= shape.units) {
        Shape more = shape;
        more.task_units += unit;
        measure(kernel, more);
        if (more.staged_bytes() > kStagedTarget)
            break;
        shape = more;
    }
    const int64_t blocks = ceil_div(shape.count_h, shape.block_h) * ceil_div(shape.count_w, shape.block_w);
    const double work = static_cast<double>(shape.count_h) * static_cast<double>(shape.count_w) *
                        static_cast<double>(shape.channels) * static_cast<double>(shape.outputs) *
                        static_cast<double>(shape.groups) * spec.kernel_h * spec.kernel_w;
    const bool depthwise = kernel.lanes == Lanes::depthwise;
    const auto pieces = static_cast<int64_t>(work / static_cast<double>(depthwise ? kDepthwiseWork : kTaskWork));
    const int64_t wanted = std::clamp(pieces, int64_t{1}, depthwise ? kDepthwiseTasks : kTaskTarget);
    const int64_t shares = std::min(shape.units, ceil_div(wanted, blocks));
    shape.task_units = std::min(shape.task_units, ceil_div(shape.units, shares));
    measure(kernel, shape);
}

// Softmax and the interleaving of merged rows of pixels leave nothing to choose.
bool suits(const Cut &cut, const Shape &shape, bool softmax, bool other_positions, const Kernel &kernel) {
    const bool whole_units = kernel.lanes == Lanes::pixels && shape.merging.phases_w > 1;
    return !softmax && !other_positions && cut.block_h <= shape.count_h && cut.block_w <= shape.count_w &&
           cut.units <= (shape.single_blocks ? 1 : shape.lane_blocks) && (cut.units == 0 || !whole_units);
}

}  // namespace

tconv_status block_layer(const tconv_spec &spec, Direction direction, const Kernel &kernel, Blocking *blocking,
                         Message &why, const Cut &cut) {
    if (direction == Direction::output && kernel.family != Family::gather && !counts_in_int32(geometry_of(spec)))
        return why.fail(TCONV_UNSUPPORTED, "positions, strides or taps are too far apart for it to count");
    if (outputs_of_tile(kernel.family) > 0)
        return block_winograd(spec, direction, kernel, blocking, why, cut);
    if (computes_planes(kernel))
        return block_planes(spec, direction, kernel, blocking, why, cut);
    if (kernel.family == Family::overlap)
        return block_overlap(spec, direction, kernel, blocking, why, cut);
    const bool gradient = direction == Direction::input_gradient;
    const bool depthwise = kernel.lanes == Lanes::depthwise, gather = kernel.family == Family::gather;
    const bool merged = kernel.lanes == Lanes::merged;
    const bool own = spec.in_channels == spec.groups && spec.out_channels == spec.groups;  // a channel for each lane
    if (depthwise && !own &&
        (spec.groups == 1 || std::max(spec.in_channels, spec.out_channels) / spec.groups > kMostOfGroup)) {
        return why.fail(TCONV_UNSUPPORTED, "only for groups of at most %d channels and outputs", int{kMostOfGroup});
    }
    if (merged && spec.stride_w == 1)
        return why.fail(TCONV_UNSUPPORTED, "stride_w = 1 has no phases to merge");
    if (merged && spec.math == TCONV_MATH_STRICT && (spec.kernel_w % spec.stride_w != 0 || spec.dilation_w != 1)) {
        return why.fail(TCONV_UNSUPPORTED, "merged phases multiply zero weights, which STRICT rules out");
    }
    if (merged && spec.activation == TCONV_ACT_SOFTMAX && spec.softmax_axis == TCONV_AXIS_LAST) {
        return why.fail(TCONV_UNSUPPORTED,
                        "softmax along a row needs all its phases, which units of merged lanes split");
    }
    const Positions positions = gradient ? Positions::inputs : gather ? Positions::outputs : Positions::quotients;
    const int32_t pair = channels_of_operand(kernel);
    if (pair > 1 && spec.math == TCONV_MATH_STRICT) {
        return why.fail(TCONV_UNSUPPORTED, "dot products of bfloat16 round otherwise than STRICT promises");
    }
    LayerParams p = layer_params_of(spec, positions, depthwise);
    p.tile = kernel.tile;
    p.tile_a = gather ? p.outputs : kernel.tile_a;  // gather packs the outputs of a group as one block

    Shape shape = {};
    shape.element = computed_bytes(spec.dtype);
    // A depthwise layer counts as one group, each of whose lanes adds up the channels of its own.
    shape.channels = ceil_div(depthwise ? p.channels / spec.groups : p.channels, pair);
    shape.outputs = p.outputs, shape.groups = p.groups;
    shape.count_h = p.end_h - p.first_h, shape.count_w = p.end_w - p.first_w;
    shape.span_h = p.nearest_h - p.farthest_h, shape.span_w = p.nearest_w - p.farthest_w;
    shape.staged_phases = shape.images = 1;
    if (gradient) {
        shape.staged_phases = static_cast<int64_t>(std::min(p.kernel_h, p.stride_h / p.gcd_h)) *
                              std::min(p.kernel_w, p.stride_w / p.gcd_w);
    }
    shape.weights = static_cast<double>(shape.channels) * p.outputs * p.groups * p.kernel_h * p.kernel_w;
    const bool keeps_weights = depthwise || shape.weights * static_cast<double>(shape.element) <= kWeightsInCache;
    if (spec.layout == TCONV_NHWC && kernel.lanes != Lanes::pixels && keeps_weights && !gather && !gradient) {
        const int64_t stored = bounded_product(p.stride_h, p.stride_w, spec.out_channels, dtype_bytes(spec.dtype));
        const double all = static_cast<double>(stored) * static_cast<double>(shape.count_h * shape.count_w) * spec.batch;
        shape.stored = all > kKeptOutputs ? stored : 0;
    }
    shape.width = gather ? 1 : kernel.tile_a;
    shape.merging = gather || gradient ? Merging{1, 1, p.kernel_h, p.kernel_w}
                                       : merge_phases(spec, kernel, shape.outputs, shape.span_h, shape.span_w);
    shape.phases = shape.merging.phases_w > 1 || gather || gradient ? 1 : p.stride_w;
    shape.lanes = bounded_product(shape.outputs, shape.merging.phases_h, shape.merging.phases_w);
    shape.lane_blocks = ceil_div(shape.lanes, shape.width);
    if (gather || depthwise || kernel.lanes == Lanes::pixels) {
        shape.panels = shape.block_panels = depthwise ? shape.channels : 1;
        shape.panel_channels = depthwise ? 1 : shape.channels;
        shape.reduction = shape.channels;
        // Blocks of the reduction are even but for the last, which decides for all.
        shape.channel_step = depthwise || shape.channels % 2 != 0 ? 1 : 2;
    } else {
        const Panels panels = cut_panels(shape.channels, shape.element);
        shape.panels = panels.count, shape.panel_channels = panels.channels;
        shape.block_panels = panels.of_block, shape.reduction = panels.reduction;
        shape.channel_step = shape.channels <= kTightChannels ? 1 : panels.step;
    }
    // Masked tiles store the lanes of one block, which may lack some (schedules/cpu_multiply.cpp).
    shape.single_blocks = p.direct && depthwise && dtype_bytes(spec.dtype) == shape.element &&
                          kernel.isa == Isa::avx512 && !gradient && spec.layout == TCONV_NHWC &&
                          shape.lanes % shape.width != 0;
    shape.images_share_weights = (kernel.lanes == Lanes::channels || merged) && !gather && p.softmax == 0 &&
                                 shape.weights * static_cast<double>(shape.element) > kWeightsInCache;
    if (is_given(cut) && !suits(cut, shape, p.softmax != 0, gradient || gather, kernel))
        return why.fail(TCONV_UNSUPPORTED, "%s", kUnsuitableCut);
    const Shape whole = shape;
    choose_blocks(spec, kernel, shape, cut);
    if (gather)
        shape.staged = 0;
    // Merged phases have a bias and a slope each, too.
    const int64_t repeated = shape.merging.phases_w > 1 ? bounded_product(2, shape.lanes, p.groups, shape.element) : 0;
    if (!gather && p.softmax == 0 && shape.sums_bytes() + repeated > kMostSums)
        return why.fail(TCONV_UNSUPPORTED, "the sums of a row's %d phases fill scratch", p.stride_w);
    if (depthwise && !own && shape.staged_bytes() > kStagedForStreaming)
        return why.fail(TCONV_UNSUPPORTED, "the channels of its groups, each for all lanes of its group, fill scratch");
    // So many channels that few positions fit: 12 of them, with a dilation of 12 and 2048 channels, ran at a tenth of the
    // speed of 231.
    const int64_t of_task = shape.block_h * shape.block_w;
    if (gradient && shape.panels > shape.block_panels &&
        of_task < std::min(kPixelTarget / 4, shape.count_h * shape.count_w)) {
        shape = whole;
        shape.by_block = true;
        choose_blocks(spec, kernel, shape, cut);
    }

    const double block_weights = static_cast<double>(shape.reduction) * static_cast<double>(shape.width) *
                                 static_cast<double>(shape.merging.taps_w) * static_cast<double>(shape.merging.taps_h);
    const double scratch =
        static_cast<double>(shape.staged) + static_cast<double>(shape.sums) * static_cast<double>(shape.units);
    if (!fits_int32(bounded_product(shape.lanes, p.groups)) ||
        block_weights * pair * static_cast<double>(shape.unit_blocks) > kMaxElements || scratch > kMaxElements / 4) {
        return why.fail(TCONV_SIZE_OVERFLOW, "a task would need arrays of more than 2^31-1 elements");
    }
    blocking->packed_bytes = static_cast<int64_t>(block_weights) * shape.lane_blocks * p.groups * shape.element;

    const bool by_channel = p.softmax == static_cast<int32_t>(SoftmaxAxis::channel);
    p.block_h = static_cast<int32_t>(shape.block_h), p.block_w = static_cast<int32_t>(shape.block_w);
    p.blocks_h = static_cast<int32_t>(ceil_div(shape.count_h, shape.block_h));
    p.blocks_w = static_cast<int32_t>(ceil_div(shape.count_w, shape.block_w));
    // Direct stores write whole blocks of lanes, merged ones whole quotients, all as they are computed.
    p.direct = p.direct && !gather && dtype_bytes(spec.dtype) == shape.element && kernel.lanes != Lanes::pixels &&
               (shape.lanes % shape.width == 0 || shape.single_blocks) && shape.merging.phases_h == 1 &&
               (!merged || (p.crop_w % p.stride_w == 0 && (p.crop_w + p.out_w) % p.stride_w == 0));
    p.merged_h = static_cast<int32_t>(shape.merging.phases_h),
    p.merged_w = static_cast<int32_t>(shape.merging.phases_w);
    p.taps_h = static_cast<int32_t>(shape.merging.taps_h), p.taps_w = static_cast<int32_t>(shape.merging.taps_w);
    p.lanes = static_cast<int32_t>(shape.lanes), p.lane_blocks = static_cast<int32_t>(gather ? 1 : shape.lane_blocks);
    p.unit_blocks = static_cast<int32_t>(shape.unit_blocks), p.group_units = static_cast<int32_t>(shape.group_units);
    p.units = static_cast<int32_t>(shape.units), p.task_units = static_cast<int32_t>(shape.task_units);
    p.unit_tasks = static_cast<int32_t>(ceil_div(shape.units, shape.task_units));
    p.sums_units = by_channel ? p.units : 1;
    p.staged_minor = static_cast<int32_t>(shape.staged_minor), p.staged_row = static_cast<int32_t>(shape.staged_row);
    p.panels = static_cast<int32_t>(shape.panels), p.staged_panel = static_cast<int32_t>(shape.staged_panel);
    p.panel_channels = static_cast<int32_t>(shape.panel_channels);
    p.channel_step = static_cast<int32_t>(shape.channel_step);
    p.by_block = shape.by_block;
    p.block_panels = static_cast<int32_t>(shape.block_panels), p.reduction = static_cast<int32_t>(shape.reduction);
    p.staged_phase = static_cast<int32_t>(shape.staged_phase);
    p.staged_image = static_cast<int32_t>(shape.staged_image), p.sums_image = static_cast<int32_t>(shape.sums_image);
    p.task_images = p.images = static_cast<int32_t>(shape.images);
    p.sums_pitch = static_cast<int32_t>(shape.sums_pitch);

    Places scratch_places(kCacheLine / shape.element);
    scratch_places.place(shape.lanes * p.groups);  // bias
    p.slope_at = scratch_places.place(shape.lanes * p.groups);
    p.staged_at = scratch_places.place(shape.staged);
    p.sums_at = scratch_places.place(shape.sums * p.sums_units + kernel.vector);
    int64_t statistics = 0;
    if (p.softmax != 0) {
        statistics = by_channel ? shape.block_h * shape.block_w * (gather ? 1 : p.stride_w)
                                : shape.block_h * static_cast<int64_t>(p.outputs) * p.groups;
    }
    p.peak_at = scratch_places.place(statistics);
    p.total_at = scratch_places.place(statistics);
    const int64_t tasks = static_cast<int64_t>(p.blocks_h) * p.blocks_w * p.unit_tasks;
    if (!fits_int32(scratch_places.all()) || !fits_int32(tasks)) {
        return why.fail(TCONV_SIZE_OVERFLOW, "a task would need scratch of more than 2^31-1 elements");
    }
    if (is_given(cut) && scratch_places.all() * shape.element > kMostScratch)
        return why.fail(TCONV_UNSUPPORTED, "%s", kUnsuitableCut);
    blocking->params = p;
    blocking->scratch_bytes = scratch_places.all() * shape.element;
    blocking->staged_bytes = shape.staged_bytes();
    blocking->sums_bytes = shape.sums_bytes() * p.sums_units;
    blocking->tasks = static_cast<int32_t>(tasks);
    return TCONV_OK;
}

}  // namespace tconv
