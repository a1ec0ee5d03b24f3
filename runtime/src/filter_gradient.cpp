#include "filter_gradient.h"

#include <algorithm>
#include <limits>
#include <numeric>
#include <utility>

#include "geometry.h"
#include "layer_shape.h"
#include "layer_text.h"
#include "shares.h"
#include "spec.h"

namespace tconv {

namespace {

// Bytes of both staged blocks: beside the partial sums of a tile they should stay in the second level of cache.
constexpr int64_t kStagedTarget = 512 << 10, kStagedLimit = 1280 << 10;
// Positions of a block: enough for loading and storing a tile's sums not to show, few enough for the lanes of a block and
// the channels of a tile to stay in the first level of cache over all tiles. The loop of a 64 x 6 tile alone, on one Ice
// Lake core with 48 KiB: 98 % of the FMA peak with 128 positions whose other channels lie a line apart, 77 % five lines
// apart, 74 % with 192 positions.
constexpr int64_t kPositions = 128;
constexpr int64_t kDepthwiseLanes = 256;
// Partial sums of a unit stay in the second level of cache from block to block. (1024 to 512 channels of 8 x 8, 4 x 4 taps:
// from 12 % of the peak to 36 %, one thread on that core.)
constexpr int64_t kUnitBytes = 512 << 10;
// Enough tasks for a few threads, unless the partial sums would outgrow the filter and this. A split of few positions
// would write, and read again, more than it multiplies.
constexpr int64_t kTasks = 8, kPartialBytes = 16 << 20, kSplitPositions = 512;
// Of one core, for each number staged: a line takes some six to write and read again.
constexpr double kStagingCycles = 0.4;

struct Roles {
    bool swapped;  // the input's channels lie along the lanes
    int64_t lanes, narrow, groups;
};

// Vector multiplications and loads of one position and tap, padding included.
double cycles_of(const Kernel &kernel, const Roles &roles) {
    const double vectors = static_cast<double>(kernel.tile_a) / kernel.vector;
    const double blocks = static_cast<double>(ceil_div(roles.lanes, kernel.tile_a) * roles.groups);
    if (kernel.lanes == Lanes::depthwise)
        return blocks * std::max(4.0, 2 * vectors);
    const double tiles = static_cast<double>(ceil_div(roles.narrow, kernel.tile_m));
    const double m = static_cast<double>(roles.narrow) / tiles;
    return blocks * tiles * std::max({vectors * m / 2, (vectors + m) / 1.1, 4.0});
}

void fill_axis(const Axis &axis, int32_t &gcd, int32_t &nearest) {
    gcd = static_cast<int32_t>(std::gcd(axis.stride, axis.dilation));
    nearest = static_cast<int32_t>(axis.dilation * (axis.kernel - 1) / axis.stride);
}

LayerParams geometry_params(const tconv_spec &spec) {
    const Geometry geometry = geometry_of(spec);
    LayerParams p = {};
    p.in_h = spec.in_h, p.in_w = spec.in_w;
    p.out_h = static_cast<int32_t>(geometry.h.out), p.out_w = static_cast<int32_t>(geometry.w.out);
    p.kernel_h = spec.kernel_h, p.kernel_w = spec.kernel_w;
    p.stride_h = spec.stride_h, p.stride_w = spec.stride_w;
    p.dilation_h = spec.dilation_h, p.dilation_w = spec.dilation_w;
    p.crop_h = static_cast<int32_t>(geometry.h.crop), p.crop_w = static_cast<int32_t>(geometry.w.crop);
    fill_axis(geometry.h, p.gcd_h, p.nearest_h);
    fill_axis(geometry.w, p.gcd_w, p.nearest_w);
    return p;
}

struct Unit {
    int64_t lane_blocks, channels;
    double staged;  // numbers for each position, of all units
};

// The unit that stages least, of those whose partial sums fit kUnitBytes. For each position it stages its channels of the
// input, and of as many outputs as there are phases.
Unit unit_of(const Kernel &kernel, const Roles &roles, int64_t taps, int64_t phases, int64_t element) {
    const int64_t lane_blocks = ceil_div(roles.lanes, kernel.tile_a);
    if (kernel.lanes == Lanes::depthwise)
        return {even_share(lane_blocks, std::max<int64_t>(1, kDepthwiseLanes / kernel.tile_a)), 1, 0};
    Unit best = {0, 0, std::numeric_limits<double>::infinity()};
    const int64_t block_bytes = kernel.tile_a * taps * element;
    const int64_t most = std::clamp<int64_t>(kUnitBytes / block_bytes, 1, lane_blocks);
    for (int64_t blocks = even_share(lane_blocks, most); blocks >= 1; blocks--) {
        const int64_t lanes = blocks * kernel.tile_a;
        // Rounded up: 64 channels that fit exactly are eleven tiles of six.
        const int64_t tiles = ceil_div(kUnitBytes, blocks * block_bytes * kernel.tile_m);
        const int64_t share = ceil_div(even_share(roles.narrow, tiles * kernel.tile_m), kernel.tile_m);
        const int64_t channels = std::min(roles.narrow, share * kernel.tile_m);
        const int64_t of_lanes = lanes * (roles.swapped ? 1 : phases),
                      of_channels = channels * (roles.swapped ? phases : 1);
        const double staged = static_cast<double>(ceil_div(lane_blocks, blocks) * ceil_div(roles.narrow, channels)) *
                              static_cast<double>(roles.groups) * static_cast<double>(of_lanes + of_channels);
        if (staged < best.staged)
            best = {blocks, channels, staged};
    }
    return best;
}

// The best kernel and roles; false if there is none.
bool choose(const tconv_spec &spec, int64_t phases, std::span<const Kernel> kernels, Isa usable, const Kernel **kernel,
            Roles *roles, Unit *unit) {
    const int64_t taps = int64_t{spec.kernel_h} * spec.kernel_w, element = computed_bytes(spec.dtype);
    const int64_t in = spec.in_channels / spec.groups, out = spec.out_channels / spec.groups;
    double best = std::numeric_limits<double>::infinity();
    *kernel = nullptr;
    for (const Kernel &candidate : kernels) {
        if (candidate.dtype != spec.dtype || candidate.filter_gradient == nullptr || !isa_runs(candidate.isa, usable))
            continue;
        const bool depthwise = candidate.lanes == Lanes::depthwise;
        if (depthwise && (in != 1 || out != 1))
            continue;
        for (bool swapped : {true, false}) {
            const Roles tried = depthwise ? Roles{false, spec.groups, 1, 1}
                                : swapped ? Roles{true, in, out, spec.groups}
                                          : Roles{false, out, in, spec.groups};
            const Unit of_tried = unit_of(candidate, tried, taps, phases, element);
            const double cycles =
                static_cast<double>(taps) * cycles_of(candidate, tried) + kStagingCycles * of_tried.staged;
            const bool higher =
                *kernel != nullptr && candidate.isa != (*kernel)->isa && isa_runs((*kernel)->isa, candidate.isa);
            const bool lower = *kernel != nullptr && candidate.isa != (*kernel)->isa && !higher;
            if (*kernel == nullptr || higher || (!lower && cycles < best)) {
                best = cycles;
                *kernel = &candidate;
                *roles = tried;
                *unit = of_tried;
            }
        }
    }
    return *kernel != nullptr;
}

int32_t splits_of(int64_t items, int64_t positions, int64_t units, int64_t partial_bytes) {
    const int64_t affordable = std::max<int64_t>(1, kPartialBytes / std::max<int64_t>(partial_bytes, 1));
    const int64_t wanted = std::min(ceil_div(kTasks, units), std::max<int64_t>(1, positions / kSplitPositions));
    return static_cast<int32_t>(std::min({items, wanted, affordable}));
}

}  // namespace

tconv_status plan_filter_gradient(const tconv_spec &spec, std::span<const Kernel> kernels, Isa usable,
                                  FilterGradient *plan, Message &message) {
    LayerParams p = geometry_params(spec);
    const int64_t phases =
        int64_t{std::min(p.kernel_h, p.stride_h / p.gcd_h)} * std::min(p.kernel_w, p.stride_w / p.gcd_w);
    Roles roles;
    Unit unit;
    const Kernel *kernel;
    if (!choose(spec, phases, kernels, usable, &kernel, &roles, &unit)) {
        return message.fail(TCONV_UNSUPPORTED,
                            "no kernel of this library computes the filter's gradient (dtype %s%s%s)",
                            dtype_name(spec.dtype), kernels.size() == 1 ? ", kernel " : "",
                            kernels.size() == 1 ? kernels.front().name : "");
    }
    const int64_t element = computed_bytes(spec.dtype), line = kCacheLine / element;
    const bool depthwise = kernel->lanes == Lanes::depthwise;
    const int64_t lane_blocks = ceil_div(roles.lanes, kernel->tile_a);
    const int64_t taps = int64_t{spec.kernel_h} * spec.kernel_w;
    // Staged channels: in panels of a lane block, and of as many whole tiles as a cache line holds.
    struct Staged {
        int64_t minor, panels;
    };
    const int64_t narrow_minor = ceil_div(kernel->tile_m, line) * line;
    const int64_t narrow_panel = depthwise ? 1 : narrow_minor / kernel->tile_m * kernel->tile_m;
    const Staged wide = {kernel->tile_a, unit.lane_blocks},
                 narrow = depthwise ? wide : Staged{narrow_minor, ceil_div(unit.channels, narrow_panel)};
    const Staged x = roles.swapped ? wide : narrow, gy = roles.swapped ? narrow : wide;

    // Columns, then rows, then images.
    int64_t block_h = 1, block_w = even_share(spec.in_w, kPositions), images = 1;
    auto x_image = [&] { return bounded_product(block_h, block_w, x.minor); };
    auto gy_image = [&] { return bounded_product(block_h + p.nearest_h, block_w + p.nearest_w, gy.minor); };
    auto staged = [&] {
        return bounded_product(
            images, bounded_product(x_image(), x.panels) + bounded_product(phases, gy_image(), gy.panels), element);
    };
    while (block_w > 1 && staged() > kStagedLimit && block_w > p.nearest_w / 2) {
        const int64_t smaller = even_share(spec.in_w, ceil_div(block_w, 2));
        if (smaller == block_w)
            break;
        block_w = smaller;
    }
    auto grow = [&](int64_t &extent, int64_t limit) {
        while (extent < limit && images * block_h * block_w < kPositions) {
            extent++;
            if (staged() > kStagedTarget || images * block_h * block_w > kPositions + kPositions / 4) {
                extent--;
                break;
            }
        }
        extent = even_share(limit, extent);
    };
    grow(block_h, spec.in_h);
    if (block_h == spec.in_h && block_w == spec.in_w)
        grow(images, std::max(spec.batch, 1));

    const int64_t group_units = ceil_div(lane_blocks, unit.lane_blocks);
    const int64_t channel_units = ceil_div(roles.narrow, unit.channels);
    const int64_t units = group_units * channel_units * roles.groups;
    const int64_t blocks = ceil_div(spec.in_h, block_h) * ceil_div(spec.in_w, block_w);
    const double unit_numbers = static_cast<double>(unit.lane_blocks * kernel->tile_a) *
                                static_cast<double>(unit.channels) * static_cast<double>(taps);
    const double partial = unit_numbers * static_cast<double>(units);
    constexpr double most = std::numeric_limits<int32_t>::max();
    if (partial > most || static_cast<double>(staged()) > most || static_cast<double>(blocks * units) > most)
        return message.fail(TCONV_UNSUPPORTED,
                            "no kernel of this library computes the filter's gradient: a task would need arrays of more than "
                            "2^31-1 elements");

    p.channels = static_cast<int32_t>(roles.narrow), p.outputs = static_cast<int32_t>(roles.lanes);
    p.groups = static_cast<int32_t>(roles.groups);
    p.swapped = roles.swapped;
    p.tile = kernel->tile, p.tile_a = kernel->tile_a;
    p.block_h = static_cast<int32_t>(block_h), p.block_w = static_cast<int32_t>(block_w);
    p.blocks_h = static_cast<int32_t>(ceil_div(spec.in_h, block_h));
    p.blocks_w = static_cast<int32_t>(ceil_div(spec.in_w, block_w));
    p.lanes = p.outputs, p.lane_blocks = static_cast<int32_t>(lane_blocks);
    p.unit_blocks = static_cast<int32_t>(unit.lane_blocks), p.group_units = static_cast<int32_t>(group_units);
    p.unit_channels = static_cast<int32_t>(unit.channels), p.channel_units = static_cast<int32_t>(channel_units);
    p.narrow_panel = static_cast<int32_t>(narrow_panel);
    p.units = static_cast<int32_t>(units);
    p.staged_minor = static_cast<int32_t>(x.minor), p.staged_row = static_cast<int32_t>(block_w * x.minor);
    p.staged_image = static_cast<int32_t>(x_image()), p.staged_panel = static_cast<int32_t>(images * x_image());
    p.gy_at = static_cast<int32_t>(ceil_div(images * x_image() * x.panels, line) * line);
    p.gy_minor = static_cast<int32_t>(gy.minor);
    p.gy_row = static_cast<int32_t>((block_w + p.nearest_w) * gy.minor);
    p.gy_image = static_cast<int32_t>(gy_image()), p.gy_panel = static_cast<int32_t>(images * gy_image());
    p.gy_phase = static_cast<int32_t>(images * gy_image() * gy.panels);
    p.split_pitch = static_cast<int32_t>(partial);

    plan->kernel = kernel;
    plan->images = static_cast<int32_t>(images);
    plan->blocks = static_cast<int32_t>(blocks);
    plan->units = p.units;
    plan->unit_bytes = static_cast<int64_t>(unit_numbers) * element;
    const int64_t batch = std::max(spec.batch, 1);
    plan->splits =
        splits_of(ceil_div(batch, images) * blocks, batch * spec.in_h * spec.in_w, units, plan->unit_bytes * units);
    plan->scratch_bytes = (p.gy_at + phases * p.gy_phase) * element;
    p.splits = plan->splits;
    plan->params = p;
    return TCONV_OK;
}

tconv_status plan_bias_gradient(const tconv_spec &spec, std::span<const Kernel> kernels, Isa usable,
                                FilterGradient *plan, Message &message) {
    const Kernel *best = nullptr;
    for (const Kernel &kernel : kernels) {
        if (kernel.dtype == spec.dtype && isa_runs(kernel.isa, usable) &&
            (best == nullptr || (kernel.isa != best->isa && isa_runs(best->isa, kernel.isa)))) {
            best = &kernel;
        }
    }
    if (best == nullptr) {
        return message.fail(TCONV_UNSUPPORTED, "no kernel of this library computes the bias's gradient (dtype %s)",
                            dtype_name(spec.dtype));
    }
    LayerParams p = geometry_params(spec);
    constexpr int64_t kRowsPositions = 4096;
    const int64_t block_h = even_share(p.out_h, std::max<int64_t>(1, kRowsPositions / p.out_w));
    // As the gradient of a filter of one tap and one input channel, whose lanes are one block.
    p.channels = p.groups = p.kernel_h = p.kernel_w = p.lane_blocks = p.unit_blocks = p.group_units = p.units =
        p.unit_channels = p.channel_units = 1;
    p.outputs = p.lanes = p.tile_a = spec.out_channels;
    p.block_h = static_cast<int32_t>(block_h);
    const int64_t split_pitch = round_up(spec.out_channels, kCacheLine);
    if (!fits_int32(split_pitch))
        return message.fail(TCONV_SIZE_OVERFLOW, "a task would need arrays of more than 2^31-1 elements");
    p.split_pitch = static_cast<int32_t>(split_pitch);
    p.filter_co = 1;
    plan->kernel = best;
    plan->images = 1;
    plan->blocks = static_cast<int32_t>(ceil_div(p.out_h, block_h));
    plan->units = 1;
    plan->unit_bytes = int64_t{p.split_pitch} * computed_bytes(spec.dtype);
    const int64_t batch = std::max(spec.batch, 1);
    plan->splits = splits_of(batch * plan->blocks, batch * p.out_h * p.out_w, 1, plan->unit_bytes);
    plan->scratch_bytes = 0;
    p.splits = plan->splits;
    plan->params = p;
    return TCONV_OK;
}

}  // namespace tconv
