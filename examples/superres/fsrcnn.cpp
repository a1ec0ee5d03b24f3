#include "fsrcnn.h"

#include "fsrcnn_x3.h"  // written by `tconv compile`, with the library

#define LAYER(id)                                                                                    \
    {#id, fsrcnn_x3_##id##_KERNEL, fsrcnn_x3_##id##_FLOPS, fsrcnn_x3_##id##_OUTPUT_BYTES,            \
     fsrcnn_x3_##id##_WORKSPACE_BYTES, fsrcnn_x3_##id##_ALIGNMENT, fsrcnn_x3_##id##_run}

std::span<const Layer> fsrcnn_layers() {
    constexpr size_t side = kTile + 2 * kHalo;
    static_assert(fsrcnn_x3_extract_INPUT_BYTES == side * side * sizeof(float));
    static_assert(fsrcnn_x3_upscale_OUTPUT_BYTES == kScale * side * kScale * side * sizeof(float));
    static constexpr Layer layers[] = {LAYER(extract), LAYER(shrink), LAYER(map1),   LAYER(map2),
                                       LAYER(map3),    LAYER(map4),   LAYER(expand), LAYER(upscale)};
    return layers;
}
