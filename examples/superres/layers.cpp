#include "layers.h"

#include "fsrcnn.h"  // written by `tconv compile`, with the library

#define LAYER(id, ID)                                                                                              \
    {                                                                                                              \
#id, FSRCNN_##ID##_KERNEL, FSRCNN_##ID##_FLOPS, FSRCNN_##ID##_OUTPUT_BYTES, FSRCNN_##ID##_WORKSPACE_BYTES, \
            FSRCNN_##ID##_ALIGNMENT, fsrcnn_##id##_run                                                             \
    }

std::span<const Layer> fsrcnn_layers() {
    constexpr size_t side = kTile + 2 * kHalo;
    static_assert(FSRCNN_EXTRACT_INPUT_BYTES == side * side * sizeof(float));
    static_assert(FSRCNN_UPSCALE_OUTPUT_BYTES == kScale * side * kScale * side * sizeof(float));
    static constexpr Layer layers[] = {LAYER(extract, EXTRACT), LAYER(shrink, SHRINK),  LAYER(map1, MAP1),
                                       LAYER(map2, MAP2),       LAYER(map3, MAP3),      LAYER(map4, MAP4),
                                       LAYER(expand, EXPAND),   LAYER(upscale, UPSCALE)};
    return layers;
}
