// The parameter block of a layer function: what a generated kernel knows of the layer it computes.
//
// The plan fills it (choose.cpp), the generated code reads it as an array of int32_t in this order, and `tconv
// compile` turns every value into a constant. Sizes and strides are in elements; `_h` is vertical, `_w` horizontal;
// a "quotient" q and "phase" r of an output o are (o + crop) = stride * q + r.
#pragma once

#include <cstdint>

// A table; formatted by hand.
// clang-format off
#define TCONV_LAYER_PARAMS(X)                                                                                        \
    /* the layer, per group; depthwise lanes count all groups as one */                                              \
    X(channels)   X(outputs)    X(groups)                                                                            \
    X(in_h)       X(in_w)       X(out_h)      X(out_w)                                                               \
    X(kernel_h)   X(kernel_w)   X(stride_h)   X(stride_w)   X(dilation_h) X(dilation_w) X(crop_h)    X(crop_w)       \
    /* tap arithmetic: gcd(stride, dilation), and the inverse of dilation / gcd modulo stride / gcd */               \
    X(gcd_h)      X(gcd_w)      X(inverse_h)  X(inverse_w)                                                           \
    /* range of the quotients, and of input index minus quotient over all taps */                                    \
    X(first_h)    X(end_h)      X(first_w)    X(end_w)                                                               \
    X(nearest_h)  X(farthest_h) X(nearest_w)  X(farthest_w)                                                          \
    /* phases of an axis that lie side by side in the lanes, 1 where each is computed by itself; packed taps of it:      \
       the kernel's, or every input that any of those phases reads */                                                  \
    X(merged_h)   X(merged_w)   X(taps_h)     X(taps_w)                                                              \
    /* views, set by each run; 0 along dimensions of extent 1 */                                                     \
    X(in_c)       X(in_row)     X(in_col)     X(out_c)      X(out_row)    X(out_col)                                 \
    X(res_c)      X(res_row)    X(res_col)    X(in_image)   X(out_image)  X(res_image)                               \
    X(flat)       /* merged lanes are contiguous in output and residual: store them as one row */                    \
    X(rows)       /* phases are stored together, into contiguous rows of the output */                               \
    X(woven)      /* ... and so are the channels, which lie side by side in the output: where lanes are pixels */    \
    X(direct)     /* register tiles are finished and stored into the output, without a pass over sums */             \
    /* filter view, set by each packing */                                                                           \
    X(filter_ci)  X(filter_co)  X(filter_ky)  X(filter_kx)  X(filter_group)                                          \
    /* blocking: a task is block_h x block_w quotients of some units; a unit is unit_blocks lane blocks of a group */\
    X(block_h)    X(block_w)    X(blocks_h)   X(blocks_w)                                                            \
    X(tile)       X(tile_a)     /* which of the register tiles that a layer function knows; lanes of a block */      \
    X(lanes)      X(lane_blocks) X(unit_blocks) X(group_units) X(units) X(task_units) X(unit_tasks)                  \
    /* images of a task, and of the one at hand (the last may have fewer); staged input and sums of an image */      \
    X(channel_block) X(task_images) X(images) X(staged_image) X(sums_image)                                          \
    /* scratch, in computed numbers from its start: per-lane bias and slope, staged input, sums, softmax statistics */\
    X(slope_at)   X(staged_at)  X(sums_at)    X(peak_at)    X(total_at)                                              \
    X(transformed_at) X(products_at)  /* of Winograd's tiles; products also of overlap-add */                        \
    /* overlap-add: rows of quotients of a strip, distances of products: along the pixels (or planes, when planar), rows */ \
    X(strip)      X(products_pitch) X(products_row)                                                                  \
    X(segment)    /* ... columns that are staged and multiplied at once */                                           \
    X(staged_panels) X(kept_units)  /* panels staged at once: all, or those of a block; units multiplied at once */  \
    X(staged_minor) X(staged_row)  /* staged strides: column (or channel when planar), row */                        \
    /* panels of a group (depthwise lanes: its channels, each for a block of lanes), the channels used of each (of the   \
       last too: zeros fill it), the stride between panels, those                                                        \
       of a block of the reduction; channels of a group with those zeros */                                              \
    X(panels)     X(panel_channels) X(staged_panel) X(block_panels) X(reduction)                                     \
    X(channel_step)  /* channels of one step of the inner loop: 2 wants even panels of kPanelBytes a pixel */        \
    /* input gradient: numbers of each staged phase of the output's gradient; blocks of the reduction staged singly */  \
    X(staged_phase) X(by_block)                                                                                      \
    /* filter gradient: its output's gradient in scratch, whether the input lies along the lanes, partial sums */    \
    X(gy_at)      X(gy_minor)   X(gy_row)     X(gy_panel)   X(gy_image)   X(gy_phase)                                \
    X(swapped)    X(splits)     X(split_pitch)                                                                       \
    /* ... narrow channels of a unit, units along them, channels of a panel; set by each call: which image of the block  \
       it stages, whether its sums are the first of their split; `images`: how many it multiplies (0: it only stages) */\
    X(unit_channels) X(channel_units) X(narrow_panel) X(image) X(first)                                              \
    X(sums_pitch) X(sums_units)    /* lanes (or pixels when planar) of a row of sums; units kept at once */          \
    /* epilogue */                                                                                                   \
    X(has_bias)   X(has_slope)  X(finish_kind) X(in_place)  X(curve)      X(residual)   X(softmax)                   \
    X(alpha_bits) X(low_bits)   X(high_bits)  X(slope_bits)
// clang-format on

namespace tconv {

// Channels are staged in panels: of as many computed numbers a pixel as a cache line holds, or of a lane block where the
// lanes are depthwise channels.
constexpr int32_t kPanelBytes = 64;

// Taps that lie so many columns apart are multiplied only where they read the image (compiler/layer/column_segments.h). Most
// rows of schedules/variants.csv have tiles of at least so many columns.
constexpr int32_t kLeastSegment = 6;

struct LayerParams {
#define X(name) int32_t name;
    TCONV_LAYER_PARAMS(X)
#undef X
};

enum class SoftmaxAxis : int32_t { none = 0, channel = 1, last = 2 };

}  // namespace tconv
