// Layers by overlap-add (generators/overlap.h): which they are, and how they are cut into tasks and strips.
#pragma once

#include <cstdint>

#include "blocking.h"

namespace tconv {

// As block_layer.
tconv_status block_overlap(const tconv_spec &spec, Direction direction, const Kernel &kernel, Blocking *blocking,
                           Message &why, const Cut &cut);

// Input rows [begin, end) that a task multiplies at once, as far as they exist; `visit(rows)` for each such part of the
// layer's tasks in a column of blocks. What cost, compiled layers and the generated code (compiler/layer/phase_overlap.cpp)
// agree on.
template<typename Visit>
void each_multiplied_part(const LayerParams &p, const Visit &visit) {
    const int32_t span = p.nearest_h - p.farthest_h;
    for (int32_t block = 0; block < p.blocks_h; block++) {
        const int32_t task_begin = p.first_h + block * p.block_h;
        const int32_t task_end = task_begin + p.block_h < p.end_h ? task_begin + p.block_h : p.end_h;
        for (int32_t begin = task_begin; begin < task_end; begin += p.strip) {
            const int32_t end = (begin + p.strip < task_end ? begin + p.strip : task_end) + p.nearest_h;
            for (int32_t row = begin + p.farthest_h + (begin > task_begin ? span : 0); row < end; row += p.strip) {
                const int32_t first = row > 0 ? row : 0;
                int32_t last = row + p.strip < end ? row + p.strip : end;
                last = last < p.in_h ? last : p.in_h;
                if (last > first)
                    visit(last - first);
            }
        }
    }
}

}  // namespace tconv
