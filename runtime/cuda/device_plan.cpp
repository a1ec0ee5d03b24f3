#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "device_layer.h"
#include "epilogue.h"
#include "layer_text.h"
#include "shares.h"
#include "spec.h"

namespace tconv {
namespace {

// Of sums in the workspace: as many images as fit, so that small ones are not two launches each. Even caches of 40 MiB and
// more have room for them between the launches.
constexpr int64_t kSumsBytes = int64_t{16} << 20;

// Of channels and outputs, below which most of a fragment would be zeros.
constexpr int64_t kLeastOfFragment = 8;

// Sums that a second pass takes to an activation are not rounded before it.
bool rounds_sums(int32_t dtype) {
    return dtype_bytes(dtype) != computed_bytes(dtype);
}

// Channels of what is read and of what is stored, in a group.
struct Channels {
    int32_t in, out;
};
Channels channels_of(const DeviceLayer &layer, int32_t groups) {
    const tconv_spec &spec = layer.spec;
    const int32_t in = spec.in_channels / groups, out = spec.out_channels / groups;
    return layer.direction == Direction::output ? Channels{in, out} : Channels{out, in};
}

// Why a kernel does not compute a layer; NULL if it does.
const char *refusal(const DeviceKernel &kernel, const DeviceLayer &layer) {
    const tconv_spec &spec = layer.spec;
    if (kernel.dtype != spec.dtype)
        return "of another element type";
    if (kernel.direction != layer.direction)
        return layer.direction == Direction::output ? "computes the gradient of the input" : "computes the layer";
    const bool sums_wanted = layer.finish_after && rounds_sums(spec.dtype);
    if (sums_wanted != (kernel.form == Form::sums))
        return sums_wanted ? "rounds sums, which an activation follows"
                           : "stores sums in float32, for an activation to follow";
    if (kernel.fragments() && spec.math == TCONV_MATH_STRICT)
        return "adds the products of an instruction in an order of its own, which STRICT rules out";
    if (kernel.fragments() && spec.dtype == TCONV_F32 && spec.math != TCONV_MATH_TF32)
        return "rounds factors to TF32, which the layer does not ask for";
    if (spec.math == TCONV_MATH_TF32 && spec.dtype != TCONV_F32)
        return "computes in another type than TF32, which is float32's";
    if (kernel.lanes == Lanes::depthwise && !is_depthwise(spec))
        return "the layer is not depthwise";
    const auto [channels, outputs] = channels_of(layer, kernel.lanes == Lanes::depthwise ? 1 : spec.groups);
    const bool vectors = kernel.form == Form::vectors;
    if (vectors && spec.layout != TCONV_NHWC)
        return "wants contiguous channels, NHWC";
    if (vectors && (channels % kernel.vector() != 0 || outputs % kernel.vector() != 0)) {
        return kernel.vector() == 8 ? "wants channels and outputs of a group in eights"
                                    : "wants channels and outputs of a group in fours";
    }
    if (kernel.fragments() && std::min(channels, outputs) < kLeastOfFragment)
        return "fragments have at least eight channels and outputs";
    if (ceil_div(outputs, kernel.a) > kLargestGrid)
        return "has too few outputs a block for so many";
    return nullptr;
}

struct Estimate {
    const DeviceLayer &layer;
    const DeviceKernel &kernel;

    int64_t tiles() const { return layer.tiles_of_image(kernel) * std::max(layer.spec.batch, 1); }
    int64_t blocks() const {
        return ceil_div(tiles(), kernel.warps) * ceil_div(layer.outputs, kernel.a) * layer.groups;
    }

    // Cycles of a multiprocessor for the tile of one warp: the larger of its multiply-adds, four warps of which run at once,
    // and of its accesses to the first level of cache; then its stores. An access takes a cycle for each line that it touches
    // and for each four bytes that a lane gets of it, be they the same for all lanes. Doubles are multiplied at half the rate
    // (sm_80 and sm_90; far less on others, but for all kernels alike), and each number of a half type read is converted.
    double cycles_of_tile() const {
        const double lane_a = kernel.a / kernel.lanes_a, pixels = kernel.x * kernel.y;
        const bool nhwc = layer.spec.layout == TCONV_NHWC, vectors = kernel.form == Form::vectors;
        const bool along_channels = kernel.lanes_a > 1, depthwise = kernel.lanes == Lanes::depthwise;
        const double words = static_cast<double>(dtype_bytes(layer.spec.dtype)) / 4,
                     words_or_one = std::max(words, 1.0);
        const double computed_words = static_cast<double>(computed_bytes(layer.spec.dtype)) / 4;
        double weights, inputs, stores;
        if (along_channels) {
            weights = lane_a * (layer.spec.dtype == TCONV_F64 ? 2 * lane_a : 1);  // doubles one by one
            inputs = depthwise ? lane_a * pixels * (nhwc ? words : 32) : pixels * words_or_one;
            stores = lane_a * pixels * (nhwc ? words : 32);
        } else {
            weights = lane_a * computed_words;
            auto along_row = [&](int64_t distance) {
                return nhwc ? 8 : 1.5 * static_cast<double>(std::min<int64_t>(distance, 8));
            };
            inputs = pixels * along_row(layer.w.advance) * words_or_one * (nhwc && rows_exceed_cache() ? 3 : 1);
            stores = lane_a * pixels * along_row(layer.w.stride) * words_or_one;
        }
        const double conversions = rounds_sums(layer.spec.dtype) ? pixels * (depthwise ? lane_a : 1) : 0;
        double step = std::max((lane_a * pixels * computed_words + conversions) / 4, weights + inputs);
        // Of 96 times on an H200 (layers in NHWC, three arithmetics), tiles of half as many positions without vectors were faster
        // in all, by more than the loads explain. Doubles are read one by one either way, and were not timed.
        if (vectors && !depthwise && layer.spec.dtype != TCONV_F64)
            step *= 1.5;
        const double channels = depthwise ? 1 : layer.channels;
        return 200 + std::max(taps(), 0.25) * channels * step + stores;
    }

    // Whether the positions of all blocks on a multiprocessor have more lines of channels than its first level of cache, so that
    // each channel is fetched anew. Blocks are as many as there are registers for: the sums, and about 48 more of each thread.
    bool rows_exceed_cache() const {
        constexpr int64_t kCache = int64_t{256} << 10, kLine = 128, kRegisters = 65536, kLanes = 32;  // of an H200
        const int64_t sums = int64_t{kernel.a} / kernel.lanes_a * kernel.x * kernel.y;
        const int64_t of_position = std::min<int64_t>(layer.channels * dtype_bytes(layer.spec.dtype), kLine);
        const int64_t blocks = kRegisters / (kernel.warps * kLanes) / (48 + sums);
        return of_position * kernel.width() * kernel.height() * kernel.warps * blocks > kCache;
    }

    // The same for fragments: an instruction is 2048 products of half types (1024 of TF32, at half the rate), of which a
    // multiprocessor does at least 1024 a cycle; a step has two for each fragment. (sm_86 and sm_89 do half of that, which is
    // still far from what their other kernels do.)
    double cycles_of_fragments() const {
        const double fragments = kernel.a / 8.0 * (kernel.x * kernel.y / 2.0), lane_a = kernel.a / kernel.lanes_a;
        const double pixels = kernel.x * kernel.y, element = static_cast<double>(dtype_bytes(layer.spec.dtype));
        const bool vectors = kernel.form == Form::vectors, nhwc = layer.spec.layout == TCONV_NHWC;
        // Eight rows of a fragment are as many lines where channels are contiguous; else a row of positions for each of four
        // channels, number by number.
        const double inputs = pixels * (vectors ? 8 : 16 / element * (nhwc ? 8 : 5));
        const double weights = kernel.a / 8.0 * 4;
        const double stores = lane_a * pixels * (vectors ? 2 : nhwc ? 8 : 6);
        return 200 +
               std::max(taps(), 0.25) * static_cast<double>(layer.packed_rows()) *
                   std::max(fragments * 4, weights + inputs) +
               stores;
    }

    double taps() const {
        return static_cast<double>(layer.spec.kernel_h) * layer.spec.kernel_w /
               (static_cast<double>(layer.phases_x) * layer.phases_y);
    }

    double cycles(const DeviceTraits &traits) const {
        const double rounds = std::max(1.0, static_cast<double>(blocks()) / traits.processors);
        return rounds * kernel.warps * (kernel.fragments() ? cycles_of_fragments() : cycles_of_tile());
    }
};

int64_t elements_of(const Extents &image) {
    return image.size[1] * image.size[2] * image.size[3];
}

// Everything that follows from the layer and the kernel.
void complete(DeviceLayer &layer, const DeviceKernel &kernel) {
    const tconv_spec &spec = layer.spec;
    layer.kernel = &kernel;
    layer.groups = kernel.lanes == Lanes::depthwise ? 1 : spec.groups;
    const auto [channels, outputs] = channels_of(layer, layer.groups);
    layer.channels = channels, layer.outputs = outputs;
    layer.phases_x = static_cast<int32_t>(std::min(layer.w.stride, layer.w.out));
    layer.phases_y = static_cast<int32_t>(std::min(layer.h.stride, layer.h.out));
    layer.table_x = 0;
    layer.table_y = round_up(int64_t{layer.phases_x} * 16, kDeviceAlignment);
    layer.weights = layer.table_y + round_up(int64_t{layer.phases_y} * 16, kDeviceAlignment);
    const int64_t rows = ceil_div(layer.outputs, kernel.a) * layer.groups * layer.packed_rows();
    layer.packed_bytes = layer.weights + rows * kernel.row() * spec.kernel_h * spec.kernel_w * kernel.packed_bytes();
    layer.sums_in_workspace = layer.finish_after && (spec.residual == TCONV_RESIDUAL_AFTER || rounds_sums(spec.dtype));
    const int64_t image = elements_of(layer.out) * computed_bytes(spec.dtype);
    layer.workspace_images = std::clamp<int64_t>(kSumsBytes / image, 1, std::max(spec.batch, 1));
    layer.workspace_bytes = layer.sums_in_workspace ? layer.workspace_images * image : 0;
}

}  // namespace

int64_t DeviceLayer::tiles_of_image(const DeviceKernel &of) const {
    return ceil_div(positions_x(), of.width()) * ceil_div(positions_y(), of.height()) * phases_x * phases_y;
}

int64_t DeviceLayer::packed_rows() const {
    return kernel->lanes == Lanes::depthwise ? 1 : ceil_div(channels, kernel->channels_of_row());
}

DeviceAxis layer_axis(const Axis &axis) {
    const Phase phase = phase_of(axis, 0);  // taps lie equally far apart in all of them
    return {axis.in,
            axis.out,
            axis.kernel,
            axis.stride,
            1,
            ceil_div(axis.kernel, phase.tap_step),
            phase.tap_step,
            phase.offset_step,
            axis.dilation,
            axis.stride / phase.tap_step,
            inverse_mod(phase.offset_step, phase.tap_step),
            axis.crop};
}

// One phase with all taps, the first of which reads position 0 at -crop.
DeviceAxis input_gradient_axis(const Axis &axis) {
    return {axis.out, axis.in, axis.kernel, 1, axis.stride, axis.kernel, 1, -axis.dilation, 0, 1, 0, -axis.crop};
}

tconv_status check_positions(const tconv_spec &spec, Message &message) {
    // Loops round columns up to lanes, and rows to splits.
    constexpr int64_t kMostPositions = kMaxElements - 4096;
    const Geometry geometry = geometry_of(spec);
    for (const auto &[name, axis] : {std::pair{"h", geometry.h}, std::pair{"w", geometry.w}}) {
        const int64_t reach = axis.full() + std::abs(axis.crop);
        if (reach > kMostPositions) {
            return message.fail(
                TCONV_SIZE_OVERFLOW,
                "axis %s: the taps of its inputs reach %lld positions before the crop; gradients on a device "
                "count at most %lld",
                name, static_cast<long long>(reach), static_cast<long long>(kMostPositions));
        }
    }
    return TCONV_OK;
}

tconv_status plan_device_layer(const tconv_spec &spec, Direction direction, const char *name,
                               const DeviceTraits &traits, DeviceLayer *layer, Message &why, Message &message) {
    if (tconv_status status = validate(&spec, message); status != TCONV_OK)
        return status;
    DeviceLayer planned = {};
    planned.spec = spec;
    planned.spec.struct_size = sizeof spec;
    planned.direction = direction;
    const Geometry geometry = geometry_of(spec);
    if (direction == Direction::output) {
        planned.h = layer_axis(geometry.h), planned.w = layer_axis(geometry.w);
        planned.in = input_extents(spec), planned.out = output_extents(spec);
    } else {
        if (tconv_status status = check_positions(spec, message); status != TCONV_OK)
            return status;
        planned.h = input_gradient_axis(geometry.h), planned.w = input_gradient_axis(geometry.w);
        planned.in = output_extents(spec), planned.out = input_extents(spec);
    }
    fill_epilogue(spec, planned.epilogue);
    planned.finish_after = planned.epilogue.curve != 0 || planned.epilogue.softmax != 0;
    const DeviceKernel *best = nullptr;
    double least = 0;
    bool known = name == nullptr;
    for (const DeviceKernel &kernel : device_kernels()) {
        if (name != nullptr && std::strcmp(name, kernel.name) != 0)
            continue;
        known = true;
        const char *reason = refusal(kernel, planned);
        if (reason != nullptr) {
            why.append("  %s: %s\n", kernel.name, reason);
            continue;
        }
        complete(planned, kernel);
        if (planned.packed_bytes > kMaxElements) {
            why.append("  %s: its packed filter has more than 2147483647 bytes\n", kernel.name);
            continue;
        }
        if (planned.tiles_of_image(kernel) > kMostBlocks ||
            (planned.finish_after && elements_of(planned.out) > kMostFinished)) {
            why.append("  %s: an image takes more blocks than a grid has\n", kernel.name);
            continue;
        }
        const Estimate estimate = {planned, kernel};
        const double cycles = estimate.cycles(traits);
        why.append("  %s: estimated at %.4g kilocycles, %lld blocks\n", kernel.name, cycles / 1000,
                   static_cast<long long>(estimate.blocks()));
        if (best == nullptr || cycles < least)
            best = &kernel, least = cycles;
    }
    if (!known)
        return message.fail(TCONV_UNSUPPORTED, "kernel '%s' is not in this library", name);
    if (best == nullptr) {
        return message.fail(
            TCONV_UNSUPPORTED, "no kernel of this library computes this layer on a device (dtype %s, math %s%s)",
            dtype_name(spec.dtype), math_name(spec.math), spec.math == TCONV_MATH_TF32 ? ": TF32 is float32's" : "");
    }
    complete(planned, *best);
    *layer = planned;
    return TCONV_OK;
}

}  // namespace tconv
