// What the blocking of every family knows of a layer before it decides anything.
#pragma once

#include <cstdint>

#include "layer_params.h"
#include "tconv/tconv.h"

namespace tconv {

constexpr int64_t kCacheLine = 64;

// What an axis counts its tasks in. `strides`: sets of `stride` outputs from the first on, one of each phase, so that all
// phases of a block begin with it; of `dilation` outputs, one of each residue, where taps lie that far apart (one of the two
// is 1). The input is then counted in such sets too.
enum class Positions { quotients, outputs, inputs, strides };

// The parameters that follow from the spec: sizes, tap arithmetic, positions, epilogue. With Positions::inputs, those of
// the gradient of the input, whose input and output have changed places. `depthwise`: as one group.
LayerParams layer_params_of(const tconv_spec &spec, Positions positions, bool depthwise);

// Panels of equal shares, so that the zeros that fill the last are few; only blocks of the reduction want whole ones.
struct Panels {
    int64_t count, channels, of_block, reduction, step;  // see LayerParams
};
Panels cut_panels(int64_t channels, int64_t element_bytes);

}  // namespace tconv
