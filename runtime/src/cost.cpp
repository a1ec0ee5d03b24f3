#include "cost.h"

#include <algorithm>
#include <numeric>

#include "geometry.h"
#include "overlap_blocking.h"
#include "pass_cost.h"
#include "shares.h"
#include "winograd_blocking.h"

namespace tconv {

namespace {

// Cycles of a core that issues two vector FMAs each cycle with a latency of four: the common ground of Zen and of Intel's
// cores since Haswell. They load two vectors a cycle at best; fourteen broadcasts for as many FMAs ran at 52 % of the FMA
// peak on Ice Lake. Only ratios matter. Those of kernels to each other, and the costs of
// transformations, copies and stores, were fitted to 430 drawn layers by all their AVX-512 kernels on Emerald Rapids: the
// chosen kernel had taken 1.19 times the time of the fastest (geometric mean, the machine's noise included) and takes 1.14.
// Winograd had been chosen for 8 to 50 channels where direct sums took 40 to 90 % of its time.
constexpr double kFmaPerCycle = 2, kLoadsPerCycle = 1.25, kLatency = 4;
constexpr double kTileOverhead = 24, kTapOverhead = 7, kCallOverhead = 150, kTaskOverhead = 400;
// Weights beyond the second level of cache arrive at about this many bytes a cycle.
constexpr double kWeightBytesPerCycle = 8;
// Instructions are never free, least where a core is shared by two threads: a tile of 64 x 6 runs 8 to 15 % faster
// than one of 32 x 12, of as many multiplications, on Ice Lake.
constexpr double kInstruction = 0.06;
// Of Winograd's transformations: a point of a vector of channels, an output of one of lanes.
constexpr double kPointCycles = 9, kOutputCycles = 4;
// Of overlap-add: a vector of products that is added, a vector of sums, one that is stored as part of a row; the bytes of
// planes that the first level of cache holds, and what it takes to read more of them. Fitted to twelve layers of the suite
// in both layouts by all kernels for AVX-512 on Emerald Rapids. Where estimates were as near as kOverlap, the other
// families were faster: of 1 to 1.4 it is what loses least over the suite, tuned against untuned.
constexpr double kOverlapTap = 1.5, kOverlapVector = 3, kFlatStore = 3, kOverlap = 1.15;
constexpr double kFirstLevelBytes = 40 << 10, kFromSecondLevel = 1.15;

// Of planes, fitted to 95 drawn layers with groups: a load that crosses cache lines, a tap of a tile, a stored vector of
// interleaved phases, a row that is copied. With half of the first and third, planes of 21 channels a group were taken that
// took 1.9 times as long as pixel lanes.
constexpr double kPlaneLoad = 1.5, kStepOverhead = 2, kWeaveCycles = 3, kPlaneRow = 4;
constexpr double kWovenLoads = 1.8;  // a cycle: 17 for 16 multiply-adds, k4 s4, took 9.5 cycles

struct AxisCount {
    double positions;  // quotients, over all phases
    double products;   // positions times taps, over all phases
    double inside;     // the same, without taps that read beside the input at each position of their phase
    double phases;     // with outputs
};

AxisCount count_axis(const Axis &axis) {
    const int64_t phases = std::min(axis.stride, axis.out);
    AxisCount count = {static_cast<double>(axis.out), 0, 0, static_cast<double>(phases)};
    // Those that have outputs, or those that have taps, whichever are fewer: strides may be billions.
    const int64_t tapped = std::min(axis.kernel, axis.stride / std::gcd(axis.stride, axis.dilation));
    const bool by_output = phases <= tapped;
    for (int64_t i = 0; i < (by_output ? phases : tapped); i++) {
        const int64_t r = by_output ? floor_mod(axis.crop + i, axis.stride) : axis.dilation * i % axis.stride;
        const Phase phase = phase_of(axis, r);
        count.products += static_cast<double>(phase.count) * static_cast<double>(phase.taps);
        const int64_t first_read = phase.first_q + phase.offset, last_read = first_read + phase.count - 1;
        if (phase.count > 0 && phase.taps > 0) {
            const int64_t begin = std::max<int64_t>(0, floor_div(first_read - axis.in, phase.offset_step) + 1);
            const int64_t end = std::min(phase.taps, floor_div(last_read, phase.offset_step) + 1);
            count.inside += static_cast<double>(phase.count * std::max<int64_t>(0, end - begin));
        }
    }
    return count;
}

// Cycles of one reduction step of an a-by-m tile, counted in vectors along the lanes. One dot product for pairs takes the
// place of a multiply-add.
double step_cycles(const Kernel &kernel, double m, int fmas_per_dot) {
    const double vector = kernel.vector;
    const double a = kernel.tile_a;
    const double busy = channels_of_operand(kernel) > 1 ? fmas_per_dot : 1;
    double fma, loads;
    switch (kernel.lanes) {
        case Lanes::pixels:
            // Measured on Zen 3: six outputs reach 70 % of the FMA peak where channel lanes reach 89 %, one output a
            // quarter. Unaligned vectors cross cache lines.
            fma = 1.3 * a * m / vector;
            loads = a + 2.5 * m / vector;
            break;
        case Lanes::depthwise:
            fma = a / vector * m;
            loads = a / vector * (1 + m);
            break;
        default:
            fma = a / vector * m;
            loads = a / vector + m;
            break;
    }
    return std::max({busy * fma / kFmaPerCycle, loads / kLoadsPerCycle, kLatency}) + kInstruction * (fma + loads);
}

// Of `positions` in blocks, cut into tiles of so many.
double tiles_of(double positions, int32_t block, int32_t blocks, int64_t outputs) {
    const double last = positions - static_cast<double>(block) * (blocks - 1);
    return static_cast<double>(blocks - 1) * static_cast<double>(ceil_div(block, outputs)) +
           rounded_up(std::max(last, 0.0) / static_cast<double>(outputs));
}

Cost winograd_cost(const tconv_spec &spec, const Kernel &kernel, const Blocking &blocking) {
    const LayerParams &p = blocking.params;
    const Geometry geometry = geometry_of(spec);
    const WinogradAxis h(spec.kernel_h, spec.stride_h), w(spec.kernel_w, spec.stride_w);
    const int64_t outputs = outputs_of_tile(kernel.family);
    const double residues_h = static_cast<double>(residues_of(p.dilation_h, p.out_h)),
                 residues_w = static_cast<double>(residues_of(p.dilation_w, p.out_w));
    const double blocks = residues_h * p.blocks_h * p.blocks_w, batch = spec.batch;
    const double vectors = static_cast<double>(p.tile_a) / kernel.vector * p.lane_blocks;
    const double chunks = rounded_up(static_cast<double>(p.units) / p.kept_units);
    const double channel_blocks = rounded_up(static_cast<double>(p.panels) / p.block_panels);
    const double bytes = static_cast<double>(computed_bytes(spec.dtype));
    const double rate = weight_bytes_per_cycle(static_cast<double>(blocking.packed_bytes));
    const double positions_h = static_cast<double>(geometry.h.out) / (spec.stride_h * residues_h),
                 positions_w = static_cast<double>(geometry.w.out) / (spec.stride_w * residues_w);
    double multiply = 0, transform = 0, products = 0;
    for (int64_t more_h = 0; more_h <= (h.longer > 0 ? 1 : 0); more_h++) {
        for (int64_t more_w = 0; more_w <= (w.longer > 0 ? 1 : 0); more_w++) {
            const int64_t taps_h = h.taps + more_h, taps_w = w.taps + more_w;
            const double phases = static_cast<double>(more_h ? h.longer : h.phases - h.longer) *
                                  static_cast<double>(more_w ? w.longer : w.phases - w.longer);
            const double points = static_cast<double>(points_along(outputs, taps_h) * points_along(outputs, taps_w));
            const int64_t along_h = outputs_along(outputs, taps_h), along_w = outputs_along(outputs, taps_w);
            const double tiles = residues_h * tiles_of(positions_h, p.block_h, p.blocks_h, along_h) * residues_w *
                                 tiles_of(positions_w, p.block_w, p.blocks_w, along_w);
            const double of_block = tiles / blocks, calls = rounded_up(of_block / kernel.tile_m);
            // Weights are fetched while those before are multiplied.
            const double tile = p.reduction * step_cycles(kernel, of_block / calls, 1) +
                                channel_blocks * (kTileOverhead + kTapOverhead);
            const double weights = static_cast<double>(p.reduction) * p.tile_a * bytes / rate;
            multiply += phases * points * blocks * p.lane_blocks *
                        (std::max(calls * tile, weights) + channel_blocks * kCallOverhead / p.unit_blocks);
            transform += phases * tiles *
                         (chunks * p.panels * (kPanelBytes / 4.0 / kernel.vector) * points * kPointCycles +
                          vectors * (points * kPointCycles + static_cast<double>(along_h * along_w) * kOutputCycles));
            products += phases * points * tiles;
        }
    }
    const double stores = store_cycles(spec, kernel, geometry, p);
    Cost cost;
    cost.flops_executed = 2.0 * batch * products * p.reduction * spec.out_channels;
    cost.cycles = batch * (multiply + transform + staging_cycles(spec, kernel, p) + stores +
                           static_cast<double>(blocking.tasks) * kTaskOverhead);
    return cost;
}

// Planes (plane_blocking.cpp): tiles, then rows that are stored, both of whole lines of pixels.
Cost planes_cost(const tconv_spec &spec, const Kernel &kernel, const Blocking &blocking) {
    const LayerParams &p = blocking.params;
    const Geometry geometry = geometry_of(spec);
    const AxisCount h = count_axis(geometry.h), w = count_axis(geometry.w);
    const double batch = spec.batch, outputs = spec.out_channels, vector = kernel.vector;
    const double blocks_h = p.blocks_h, blocks_w = p.blocks_w;
    const bool contiguous = spec.layout == TCONV_NCHW || spec.out_channels == 1, woven = kernel.lanes == Lanes::woven;
    const bool whole = p.block_w >= kernel.vector && p.out_w % p.stride_w == 0;
    const bool stored = woven && p.direct != 0 && contiguous && (p.stride_w == 1 || whole);  // by the tiles
    // Pixels of the lines of all row phases and blocks, with the margins between rows, or of rows of the output.
    const double lines = stored && p.stride_w > 1 ? h.positions : h.phases * blocks_h;
    const double more_rows = std::max(woven ? 0.0 : 1.0, h.positions / std::max(lines, 1.0) - 1);
    const double per_line = more_rows * p.staged_row + p.block_w;
    const double vectors = lines * blocks_w * rounded_up(per_line / vector);
    const double tile = rounded_down(kernel.tile_m / vector / spec.stride_w);
    // What a stored row has beyond whole vectors is a tile of its own.
    const double whole_vectors = stored ? rounded_down(per_line / vector) : rounded_up(per_line / vector);
    const double tiles = lines * blocks_w * (rounded_up(whole_vectors / tile) + (whole_vectors * vector < per_line ? 1 : 0));
    const double taps_y = h.products / std::max(h.positions, 1.0);
    const double steps = p.reduction * taps_y * spec.kernel_w;  // of all phases of a row
    const double of_tile = vectors / tiles;
    double multiply;
    if (woven) {
        const double weights = kernel.tile_a * spec.stride_w, fma = of_tile * weights, loads = of_tile + weights;
        const double busy = std::max({fma / kFmaPerCycle, loads / kWovenLoads, kLatency});
        const double step = busy + kInstruction * (fma + loads);
        multiply = outputs / kernel.tile_a * tiles * (p.reduction * taps_y * step + kTapOverhead + kTileOverhead);
    } else {
        const double step = of_tile * std::max(kernel.tile_a * 0.5, kPlaneLoad) + kernel.tile_a * 0.5 + kStepOverhead;
        multiply = outputs / kernel.tile_a * tiles * (steps * step + kTileOverhead);
    }
    const double weave = outputs * vectors * spec.stride_w * kWeaveCycles;

    const double rows = outputs * static_cast<double>(geometry.h.out) * blocks_w;
    const double out_vectors = rounded_up(static_cast<double>(geometry.w.out) / blocks_w / vector);
    double store = stored ? 0 : rows * ((woven ? kRowOverhead : kPlaneRow) + out_vectors * 2);
    if (!contiguous)
        store = rows * static_cast<double>(geometry.w.out) / blocks_w * kStridedCopy * 2;
    if (p.curve != 0)
        store += rows * out_vectors * kCurve;
    const double rows_staged = static_cast<double>(spec.in_channels) * blocks_w *
                               (static_cast<double>(p.in_h) + (blocks_h - 1) * (p.nearest_h - p.farthest_h));
    const double staged_vectors = rounded_up(static_cast<double>(p.staged_row) / vector);
    double staging = rows_staged * (kPlaneRow + staged_vectors * 2);
    if (spec.layout != TCONV_NCHW && spec.in_channels > 1)
        staging += rows_staged * p.staged_row * kTransposedCopy;
    const double calls = blocks_h * blocks_w * p.units * (2 + 2 * h.phases);
    Cost cost;
    cost.flops_executed = 2.0 * batch * h.products * w.products * p.reduction * outputs;
    cost.cycles = batch * (multiply + weave + store + staging + calls * kCallOverhead +
                           static_cast<double>(blocking.tasks) * (kTaskOverhead + p.lanes / vector));
    return cost;
}

// Of overlap-add: what each task multiplies, then the sums of all phases, by vectors of whole quotients.
Cost overlap_cost(const tconv_spec &spec, const Kernel &kernel, const Blocking &blocking) {
    const LayerParams &p = blocking.params;
    const Geometry geometry = geometry_of(spec);
    const bool planar = kernel.lanes == Lanes::pixels;
    const double batch = spec.batch, lanes = static_cast<double>(spec.out_channels) * spec.kernel_h * spec.kernel_w;
    const int32_t step = planar ? kernel.vector : 1;
    const double channel_blocks = rounded_up(static_cast<double>(p.reduction) / p.channel_block);
    double of_row = 0;
    for (int32_t block = 0; block < p.blocks_w; block++) {
        const double length = static_cast<double>(multiplied_columns(p, block, step) / step);
        const double tiles = rounded_up(length / (kernel.tile_m / step));
        if (tiles > 0) {
            of_row += p.lane_blocks * tiles *
                          (p.reduction * step_cycles(kernel, length / tiles * step, 1) +
                           (kTileOverhead + kTapOverhead) * channel_blocks) +
                      kCallOverhead * channel_blocks;
        }
    }
    // Planes that the first level of cache does not hold are read from the second for each block of outputs.
    const double held =
        static_cast<double>(kernel.tile_m) * p.reduction * static_cast<double>(computed_bytes(spec.dtype));
    const double multiply =
        of_row * static_cast<double>(multiplied_rows(p)) * (planar && held > kFirstLevelBytes ? kFromSecondLevel : 1);
    // All taps are read, used by an output or not. Without this, 512 channels on a map of one pixel took 4.4 times as long
    // as by a kernel of phases, which reads a quarter of them.
    const double stream = static_cast<double>(blocking.packed_bytes) * p.blocks_h * p.blocks_w / kWeightBytesPerCycle;
    const double quotients = static_cast<double>(p.end_h - p.first_h) * (p.end_w - p.first_w);
    const double taps_y = static_cast<double>(spec.kernel_h);  // of all phases
    const double taps_x = rounded_up(static_cast<double>(spec.kernel_w) / spec.stride_w);
    const double vectors = planar ? static_cast<double>(spec.out_channels) * spec.stride_w / kernel.vector
                                  : rounded_up(static_cast<double>(p.lanes) / kernel.vector);
    const double sums = quotients * vectors * (taps_y * taps_x * kOverlapTap + spec.stride_h * kOverlapVector);
    // Rows of merged lanes are stored whole where they lie so.
    const bool flat = !planar && (spec.layout == TCONV_NHWC || spec.out_channels == 1);
    const double outputs =
        static_cast<double>(geometry.h.out) * static_cast<double>(geometry.w.out) * spec.out_channels;
    const double stores = flat ? outputs * (kFlatStore + (p.curve != 0 || p.softmax != 0 ? kCurve : 0)) / kernel.vector
                               : store_cycles(spec, kernel, geometry, p);
    const int64_t first_row = std::max(0, p.first_h + p.farthest_h), end_row = std::min(p.in_h, p.end_h + p.nearest_h);
    const double rows = static_cast<double>(std::max<int64_t>(0, end_row - first_row));
    Cost cost;
    cost.flops_executed = 2.0 * batch * rows * spec.in_w * spec.in_channels * lanes;
    cost.cycles = batch * kOverlap *
                  (std::max(multiply, stream) + sums + staging_cycles(spec, kernel, p) + stores +
                   static_cast<double>(blocking.tasks) * kTaskOverhead);
    return cost;
}

}  // namespace

// Measured on Ice Lake, one thread reading alone: 48 bytes a cycle to 1 MiB, 9 to 12 MiB, 3.5 beyond. Other servers have
// more of the last.
double weight_bytes_per_cycle(double packed_bytes) {
    return packed_bytes <= 1 << 20 ? 48 : packed_bytes <= 12 << 20 ? 9 : 4.5;
}

Cost cost_of(const tconv_spec &spec, const Kernel &kernel, const Blocking &blocking, int fmas_per_dot) {
    if (outputs_of_tile(kernel.family) > 0)
        return winograd_cost(spec, kernel, blocking);
    if (computes_planes(kernel))
        return planes_cost(spec, kernel, blocking);
    if (kernel.family == Family::overlap)
        return overlap_cost(spec, kernel, blocking);
    const LayerParams &p = blocking.params;
    const Geometry geometry = geometry_of(spec);
    const AxisCount h = count_axis(geometry.h), w = count_axis(geometry.w);
    const double reduction = p.reduction, batch = spec.batch;
    const double outputs = static_cast<double>(spec.out_channels) * static_cast<double>(geometry.h.out) *
                           static_cast<double>(geometry.w.out);

    // Rows beside the image are skipped; columns only by tiles of channels or lanes, where taps lie far apart or a whole phase
    // has no use for one.
    const bool gather = kernel.family == Family::gather, segments = p.dilation_w / p.gcd_w >= kLeastSegment;
    const double products_h = gather || p.merged_h > 1 ? h.products : pairs_in_bounds(geometry.h);
    const double products_w = gather || p.merged_w > 1 || kernel.lanes == Lanes::pixels ? w.products
                              : segments ? pairs_in_bounds(geometry.w)
                                         : w.inside;
    Cost cost;
    cost.flops_executed =
        2.0 * batch * products_h * products_w * reduction * channels_of_operand(kernel) * spec.out_channels;
    if (gather) {
        // Scalar code that tests every tap of every output.
        cost.cycles = batch * outputs * reduction * spec.kernel_h * spec.kernel_w * 4;
        return cost;
    }

    const bool merged_w = p.merged_w > 1, merged_h = p.merged_h > 1;
    // Columns of one block and phase, cut into tiles that differ by one step.
    const double phases = merged_w ? 1 : w.phases;
    const double columns = merged_w ? p.end_w - p.first_w : w.positions / std::max(w.phases, 1.0);
    const double per_block = columns / p.blocks_w;
    const double step = kernel.lanes == Lanes::pixels ? kernel.vector : 1;
    const double length = std::max(1.0, rounded_up(per_block / step));
    const double tiles = rounded_up(length / (kernel.tile_m / step));
    const double tile_cycles = step_cycles(kernel, length / tiles * step, fmas_per_dot);

    // Lanes of pixels have no use for a column beside the image either, but multiply it.
    const double multiplied_w = kernel.lanes == Lanes::pixels ? w.products : w.inside;
    const double taps_x = merged_w ? p.taps_w : multiplied_w / std::max(w.positions, 1.0);
    const double taps_y = merged_h ? p.taps_h : h.products / std::max(h.positions, 1.0);
    const double phases_h = merged_h ? 1 : h.phases, rows = merged_h ? p.end_h - p.first_h : h.positions;
    const double row_tiles = rows * phases * p.blocks_w * tiles * p.lane_blocks * p.groups;
    const double channel_blocks = rounded_up(reduction / kChannelBlock);
    const double multiply = row_tiles * (taps_x * taps_y * (reduction * tile_cycles + kTapOverhead * channel_blocks) +
                                         kTileOverhead * channel_blocks);
    const double calls = phases_h * phases * p.blocks_w * p.blocks_h * p.units * channel_blocks * 2;

    // Every task reads the weights of its units once, for its block of rows and columns of all its images: those of all taps
    // where lanes are merged, else of those that are multiplied. 512 channels to 512 of one pixel, k4 s2, which
    // uses a quarter, took 256 us merged and 121 by channels, of equal estimates (Zen 3).
    const double read_h = merged_h ? 1 : h.inside / std::max(h.products, 1.0);
    const double read_w = merged_w ? 1 : multiplied_w / std::max(w.products, 1.0);
    const double packed = static_cast<double>(blocking.packed_bytes) * read_h * read_w;
    const double stream = packed * p.blocks_h * p.blocks_w / kWeightBytesPerCycle / p.task_images;

    const double staging = staging_cycles(spec, kernel, p);
    const double stores = store_cycles(spec, kernel, geometry, p);

    cost.cycles = batch * (std::max(multiply, stream) + staging + stores + calls * kCallOverhead +
                           static_cast<double>(blocking.tasks) *
                               (kTaskOverhead + static_cast<double>(p.lanes) * p.groups / kernel.vector));
    return cost;
}

}  // namespace tconv
