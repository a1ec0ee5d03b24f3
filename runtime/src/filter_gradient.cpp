#include "filter_gradient.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <utility>

#include "geometry.h"
#include "spec.h"

namespace tconv {

namespace {

// Bytes of both staged blocks: beside the partial sums of a tile they should stay in the second level of cache.
constexpr int64_t kStagedTarget = 512 << 10, kStagedLimit = 1280 << 10;
// Positions of a block: enough for loading and storing a tile's sums not to show.
constexpr int64_t kPositions = 160;
constexpr int64_t kUnitLanes = 256;
// Enough tasks for a few threads, unless the partial sums would outgrow the filter and this.
constexpr int64_t kTasks = 16, kPartialBytes = 16 << 20;
constexpr int64_t kCacheLine = 64;

int64_t ceil_div(int64_t a, int64_t b) {
    return (a + b - 1) / b;
}
int64_t even_share(int64_t total, int64_t block) {
    return ceil_div(total, ceil_div(total, std::max<int64_t>(block, 1)));
}

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
    return blocks * tiles * std::max({vectors * m / 2, (vectors + m) / 1.6, 4.0});
}

// An odd number of cache lines from pixel to pixel spreads them over all sets of the cache.
int64_t pitch_of(int64_t channels, int64_t line) {
    const int64_t lines = ceil_div(channels, line);
    return (lines + (lines % 2 == 0)) * line;
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

// The best kernel and roles; false if there is none.
bool choose(const tconv_spec &spec, std::span<const Kernel> kernels, Isa usable, const Kernel **kernel, Roles *roles) {
    const int64_t in = spec.in_channels / spec.groups, out = spec.out_channels / spec.groups;
    double best = std::numeric_limits<double>::infinity();
    *kernel = nullptr;
    for (const Kernel &candidate : kernels) {
        if (candidate.dtype != spec.dtype || candidate.filter_gradient == nullptr || !isa_runs(candidate.isa, usable))
            continue;
        const bool depthwise = candidate.lanes == Lanes::depthwise;
        if (depthwise && (in != 1 || out != 1))
            continue;
        for (bool swapped : {false, true}) {
            const Roles tried = depthwise ? Roles{false, spec.groups, 1, 1}
                                : swapped ? Roles{true, in, out, spec.groups}
                                          : Roles{false, out, in, spec.groups};
            const double cycles = cycles_of(candidate, tried);
            const bool higher =
                *kernel != nullptr && candidate.isa != (*kernel)->isa && isa_runs((*kernel)->isa, candidate.isa);
            const bool lower = *kernel != nullptr && candidate.isa != (*kernel)->isa && !higher;
            if (*kernel == nullptr || higher || (!lower && cycles < best)) {
                best = cycles;
                *kernel = &candidate;
                *roles = tried;
            }
        }
    }
    return *kernel != nullptr;
}

int32_t splits_of(const tconv_spec &spec, int64_t blocks, int64_t units, int64_t partial_bytes) {
    const int64_t items = std::max<int64_t>(spec.batch, 1) * blocks;
    const int64_t affordable = std::max<int64_t>(1, kPartialBytes / std::max<int64_t>(partial_bytes, 1));
    return static_cast<int32_t>(std::min({items, ceil_div(kTasks, units), affordable}));
}

}  // namespace

int64_t partial_offset(const FilterGradient &plan, int32_t unit) {
    const LayerParams &p = plan.params;
    const int64_t element = plan.partial_bytes / std::max<int64_t>(p.split_pitch, 1);
    const int64_t block = int64_t{p.channels} * p.tile_a * p.kernel_h * p.kernel_w;
    const int64_t group = unit / p.group_units, first = int64_t{unit % p.group_units} * p.unit_blocks;
    return (group * p.lane_blocks + std::min<int64_t>(first, p.lane_blocks)) * block * element;
}

tconv_status plan_filter_gradient(const tconv_spec &spec, std::span<const Kernel> kernels, Isa usable,
                                  FilterGradient *plan, Message &message) {
    Roles roles;
    const Kernel *kernel;
    if (!choose(spec, kernels, usable, &kernel, &roles)) {
        return message.fail(TCONV_UNSUPPORTED,
                            "no kernel of this library computes the filter's gradient (dtype %d%s%s)", spec.dtype,
                            kernels.size() == 1 ? ", kernel " : "", kernels.size() == 1 ? kernels.front().name : "");
    }
    const int64_t element = computed_bytes(spec.dtype), line = kCacheLine / element;
    const bool depthwise = kernel->lanes == Lanes::depthwise;
    LayerParams p = geometry_params(spec);
    const int64_t lane_blocks = ceil_div(roles.lanes, kernel->tile_a);
    const int64_t unit_blocks = even_share(lane_blocks, std::max<int64_t>(1, kUnitLanes / kernel->tile_a));
    const int64_t unit_lanes = unit_blocks * kernel->tile_a;
    const int64_t wide_pitch = pitch_of(unit_lanes, line);
    const int64_t narrow_pitch = depthwise ? wide_pitch : pitch_of(roles.narrow, line);
    const int64_t x_pitch = roles.swapped ? wide_pitch : narrow_pitch,
                  gy_pitch = roles.swapped ? narrow_pitch : wide_pitch;
    const int64_t phases =
        int64_t{std::min(p.kernel_h, p.stride_h / p.gcd_h)} * std::min(p.kernel_w, p.stride_w / p.gcd_w);

    // Columns, then rows.
    int64_t block_h = 1, block_w = even_share(spec.in_w, kPositions);
    auto x_numbers = [&] { return block_h * block_w * x_pitch + kernel->tile_a; };
    auto gy_phase = [&] { return (block_h + p.nearest_h) * (block_w + p.nearest_w) * gy_pitch; };
    auto staged = [&] { return (x_numbers() + phases * gy_phase()) * element; };
    while (block_w > 1 && staged() > kStagedLimit && block_w > p.nearest_w / 2) {
        const int64_t smaller = even_share(spec.in_w, ceil_div(block_w, 2));
        if (smaller == block_w)
            break;
        block_w = smaller;
    }
    while (block_h < spec.in_h && block_h * block_w < kPositions) {
        block_h++;
        if (staged() > kStagedTarget) {
            block_h--;
            break;
        }
    }
    block_h = even_share(spec.in_h, block_h);

    const int64_t group_units = ceil_div(lane_blocks, unit_blocks), units = group_units * roles.groups;
    const int64_t blocks = ceil_div(spec.in_h, block_h) * ceil_div(spec.in_w, block_w);
    const double partial = static_cast<double>(lane_blocks * kernel->tile_a * roles.groups) *
                           static_cast<double>(roles.narrow) * spec.kernel_h * spec.kernel_w;
    constexpr double most = std::numeric_limits<int32_t>::max();
    if (partial > most || static_cast<double>(staged()) > most || static_cast<double>(blocks * units) > most)
        return message.fail(TCONV_SIZE_OVERFLOW, "a task would need arrays of more than 2^31-1 elements");

    p.channels = static_cast<int32_t>(roles.narrow), p.outputs = static_cast<int32_t>(roles.lanes);
    p.groups = static_cast<int32_t>(roles.groups);
    p.swapped = roles.swapped;
    p.tile = kernel->tile, p.tile_a = kernel->tile_a;
    p.block_h = static_cast<int32_t>(block_h), p.block_w = static_cast<int32_t>(block_w);
    p.blocks_h = static_cast<int32_t>(ceil_div(spec.in_h, block_h));
    p.blocks_w = static_cast<int32_t>(ceil_div(spec.in_w, block_w));
    p.lanes = p.outputs, p.lane_blocks = static_cast<int32_t>(lane_blocks);
    p.unit_blocks = static_cast<int32_t>(unit_blocks), p.group_units = static_cast<int32_t>(group_units);
    p.units = static_cast<int32_t>(units);
    p.staged_minor = static_cast<int32_t>(x_pitch), p.staged_row = static_cast<int32_t>(block_w * x_pitch);
    p.gy_at = static_cast<int32_t>(ceil_div(x_numbers(), line) * line);
    p.gy_minor = static_cast<int32_t>(gy_pitch);
    p.gy_row = static_cast<int32_t>((block_w + p.nearest_w) * gy_pitch);
    p.gy_phase = static_cast<int32_t>(gy_phase());
    p.split_pitch = static_cast<int32_t>(partial);

    plan->kernel = kernel;
    plan->blocks = static_cast<int32_t>(blocks);
    plan->units = p.units;
    plan->partial_bytes = static_cast<int64_t>(partial) * element;
    plan->splits = splits_of(spec, blocks, units, plan->partial_bytes);
    // Vectors of the last pixel may reach past its channels by less than a block of lanes.
    plan->scratch_bytes = (p.gy_at + phases * p.gy_phase + kernel->tile_a + line) * element;
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
        return message.fail(TCONV_UNSUPPORTED, "no kernel of this library computes the bias's gradient (dtype %d)",
                            spec.dtype);
    }
    LayerParams p = geometry_params(spec);
    constexpr int64_t kRowsPositions = 4096;
    const int64_t block_h = even_share(p.out_h, std::max<int64_t>(1, kRowsPositions / p.out_w));
    // As the gradient of a filter of one tap and one input channel, whose lanes are one block.
    p.channels = p.groups = p.kernel_h = p.kernel_w = p.lane_blocks = p.unit_blocks = p.group_units = p.units = 1;
    p.outputs = p.lanes = p.tile_a = spec.out_channels;
    p.block_h = static_cast<int32_t>(block_h);
    p.split_pitch = static_cast<int32_t>(ceil_div(spec.out_channels, kCacheLine) * kCacheLine);
    p.filter_co = 1;
    plan->kernel = best;
    plan->blocks = static_cast<int32_t>(ceil_div(p.out_h, block_h));
    plan->units = 1;
    plan->partial_bytes = int64_t{p.split_pitch} * computed_bytes(spec.dtype);
    plan->splits = splits_of(spec, plan->blocks, 1, plan->partial_bytes);
    plan->scratch_bytes = 0;
    p.splits = plan->splits;
    plan->params = p;
    return TCONV_OK;
}

}  // namespace tconv
