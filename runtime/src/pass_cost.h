// What a layer's passes beside the multiply loops cost: copying the input to where they read it, storing their sums.
#pragma once

#include "geometry.h"
#include "layer_params.h"
#include "registry.h"
#include "tconv/tconv.h"

namespace tconv {

// Cycles an element: copies and stores whose both sides are contiguous move vectors, transposed ones shuffle them,
// others move floats.
constexpr double kTransposedCopy = 1.4, kStridedCopy = 1.5;
// Of the passes over the sums: an activation by polynomial costs this much a vector, or a leftover element; a row.
constexpr double kCurve = 30, kRowOverhead = 20;

// Cycles that the passes behind the multiply loops spend on one image.
double store_cycles(const tconv_spec &spec, const Kernel &kernel, const Geometry &geometry, const LayerParams &p);

// Cycles that staging spends on one image, by tasks that each read so much more than their own part of it.
double staging_cycles(const tconv_spec &spec, const Kernel &kernel, const LayerParams &p);

}  // namespace tconv
