#include "tile_widths.h"

#include <algorithm>

#include "geometry.h"
#include "overlap_blocking.h"
#include "shares.h"
#include "winograd_blocking.h"

namespace tconv::compiler {

namespace {

// Widths of tiles of at most `steps` that make up a row of `length`, differing by one at most.
void add_widths(std::set<int> &widths, int64_t length, int64_t steps) {
    const int64_t tiles = ceil_div(length, steps);
    if (tiles > 0) {
        widths.insert(static_cast<int>(length / tiles));
        widths.insert(static_cast<int>(ceil_div(length, tiles)));
    }
}

// Tiles along an axis of the blocks of all phases, or of all residues, of which the first is the longest.
std::set<int64_t> tiles_of_blocks(const Axis &axis, int64_t block, int32_t blocks, int64_t outputs) {
    std::set<int64_t> tiles;
    const int64_t residues = residues_of(axis.dilation, axis.out), set = axis.stride * residues;
    for (int64_t x0 = 0; x0 < std::min(set, axis.out); x0++) {
        const int64_t taps = phase_of(axis, floor_mod(axis.crop + x0, axis.stride)).taps;
        for (int32_t i = 0; i < blocks; i++) {
            const int64_t length = std::clamp<int64_t>((axis.out - 1 - x0) / set + 1 - i * block, 0, block);
            tiles.insert(ceil_div(length, outputs_along(outputs, taps)));
        }
    }
    return tiles;
}

}  // namespace

std::set<int> widths_of_tiles(const tconv_spec &spec, const Choice &choice, int step, int steps) {
    const LayerParams &p = choice.blocking.params;
    const bool merged = p.merged_w > 1;
    const Axis axis = geometry_of(spec).w;
    std::set<int> widths;
    for (int block = 0; block < p.blocks_w; block++) {
        const int64_t begin = p.first_w + static_cast<int64_t>(block) * p.block_w;
        const int64_t end = std::min<int64_t>(p.end_w, begin + p.block_w);
        for (int64_t i = 0; i < (merged ? 1 : std::min(axis.stride, axis.out)); i++) {
            int64_t columns = end - begin;
            if (!merged) {
                const Phase phase = phase_of(axis, floor_mod(axis.crop + i, axis.stride));
                columns = std::min(end, phase.first_q + phase.count) - std::max(begin, phase.first_q);
            }
            if (columns <= 0) {
                continue;
            }
            add_widths(widths, ceil_div(columns, step), steps);
        }
    }
    return widths;
}

std::set<std::pair<int, int>> widths_of_planes(const tconv_spec &spec, const Choice &choice, int vector, int steps) {
    const LayerParams &p = choice.blocking.params;
    const Axis axis = geometry_of(spec).h;
    const bool direct = p.direct != 0 && (spec.layout == TCONV_NCHW || spec.out_channels == 1);
    std::set<int> row_counts;  // of a phase in a block
    for (int block = 0; block < p.blocks_h; block++) {
        const int64_t begin = p.first_h + static_cast<int64_t>(block) * p.block_h;
        const int64_t end = std::min<int64_t>(p.end_h, begin + p.block_h);
        for (int64_t i = 0; i < std::min(axis.stride, axis.out); i++) {
            const Phase phase = phase_of(axis, floor_mod(axis.crop + i, axis.stride));
            row_counts.insert(
                static_cast<int>(std::min(end, phase.first_q + phase.count) - std::max(begin, phase.first_q)));
        }
    }
    std::set<int> widths;
    for (int64_t block = 0; block < p.blocks_w; block++) {
        const int64_t begin = p.first_w + block * p.block_w, end = std::min<int64_t>(p.end_w, begin + p.block_w);
        const int64_t length = std::min<int64_t>(p.out_w, end * p.stride_w - p.crop_w) -
                               std::max<int64_t>(0, begin * p.stride_w - p.crop_w);
        const int64_t pixels = ceil_div(length, p.stride_w);
        // Rows that are joined to one, where the output's follow each other.
        for (const int64_t rows : row_counts) {
            if (direct && p.stride_w == 1 && length == p.staged_row && length == int64_t{p.stride_h} * p.out_w &&
                rows * length >= vector) {
                add_widths(widths, rows * length / vector, steps);
                widths.insert(1);
            }
        }
        if (direct && length % p.stride_w == 0 && pixels >= vector) {
            add_widths(widths, pixels / vector, steps);
            if (pixels % vector != 0) {
                widths.insert(1);
            }
            continue;
        }
        for (const int64_t rows : row_counts) {
            if (rows > 0) {
                add_widths(widths, ceil_div((rows - 1) * p.staged_row + pixels, vector), steps);
            }
        }
    }
    std::set<std::pair<int, int>> of_stride;
    for (int width : widths) {
        of_stride.emplace(spec.stride_w, width);
    }
    return of_stride;
}

std::set<int> widths_of_winograd_tiles(const tconv_spec &spec, const Choice &choice, int steps) {
    const LayerParams &p = choice.blocking.params;
    Geometry geometry = geometry_of(spec);
    geometry.h.dilation = p.dilation_h, geometry.w.dilation = p.dilation_w;
    const int32_t outputs = outputs_of_tile(choice.kernel->family);
    std::set<int> widths;
    for (int64_t lines : tiles_of_blocks(geometry.h, p.block_h, p.blocks_h, outputs)) {
        for (int64_t columns : tiles_of_blocks(geometry.w, p.block_w, p.blocks_w, outputs)) {
            add_widths(widths, lines * columns * residues_of(geometry.w.dilation, geometry.w.out), steps);
        }
    }
    return widths;
}

std::set<int> widths_of_overlap_tiles(const Choice &choice, int step, int steps) {
    const LayerParams &p = choice.blocking.params;
    std::set<int> widths;
    for (int32_t block = 0; block < p.blocks_w; block++) {
        const int64_t columns = multiplied_columns(p, block, step);
        for (int64_t at = 0; at < columns; at += p.segment) {
            add_widths(widths, ceil_div(std::min<int64_t>(p.segment, columns - at), step), steps);
        }
    }
    return widths;
}

std::set<int> taps_of_phases(const tconv_spec &spec) {
    const Geometry geometry = geometry_of(spec);
    std::set<int> taps;
    for (const Axis &axis : {geometry.h, geometry.w}) {
        for (int64_t r = 0; r < axis.stride; r++) {
            taps.insert(static_cast<int>(phase_of(axis, r).taps));
        }
    }
    return taps;
}

}  // namespace tconv::compiler
