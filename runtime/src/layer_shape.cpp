#include "layer_shape.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "blocking.h"
#include "epilogue.h"
#include "geometry.h"
#include "shares.h"

namespace tconv {

namespace {

void fill_axis(const Axis &axis, Positions positions, int32_t &gcd, int32_t &inverse, int32_t &first, int32_t &end,
               int32_t &nearest, int32_t &farthest) {
    const int64_t g = std::gcd(axis.stride, axis.dilation);
    gcd = static_cast<int32_t>(g);
    inverse = static_cast<int32_t>(inverse_mod(axis.dilation / g, axis.stride / g));
    // Tap k joins input q - floor(dilation * k / stride) with quotient q.
    const int32_t reach = static_cast<int32_t>(axis.dilation * (axis.kernel - 1) / axis.stride);
    const int64_t set = axis.stride * axis.dilation;
    first = 0;
    nearest = 0;
    farthest = -reach;
    switch (positions) {
        case Positions::quotients:
            first = static_cast<int32_t>(floor_div(axis.crop, axis.stride));
            end = static_cast<int32_t>(floor_div(axis.crop + axis.out - 1, axis.stride) + 1);
            break;
        case Positions::outputs:
            end = static_cast<int32_t>(axis.out);
            break;
        case Positions::inputs:
            end = static_cast<int32_t>(axis.in);
            nearest = reach;
            farthest = 0;
            break;
        case Positions::strides:
            // The quotients of the first output and of the last of a set, less the taps of the longest phase.
            end = static_cast<int32_t>(ceil_div(axis.out, set));
            nearest = static_cast<int32_t>(floor_div(axis.crop + set - 1, set));
            farthest = static_cast<int32_t>(floor_div(axis.crop, set) - (axis.kernel - 1) / axis.stride);
            break;
    }
}

}  // namespace

LayerParams layer_params_of(const tconv_spec &spec, Positions positions, bool depthwise) {
    const Geometry geometry = geometry_of(spec);
    const bool gradient = positions == Positions::inputs;
    const int32_t channels = gradient ? spec.out_channels : spec.in_channels;
    const int32_t outputs = gradient ? spec.in_channels : spec.out_channels;
    LayerParams p = {};
    p.groups = depthwise ? 1 : spec.groups;
    p.channels = channels / p.groups;
    p.outputs = outputs / p.groups;
    p.in_h = spec.in_h, p.in_w = spec.in_w;
    p.out_h = static_cast<int32_t>(geometry.h.out), p.out_w = static_cast<int32_t>(geometry.w.out);
    if (gradient) {
        std::swap(p.in_h, p.out_h);
        std::swap(p.in_w, p.out_w);
    }
    p.kernel_h = spec.kernel_h, p.kernel_w = spec.kernel_w;
    p.stride_h = spec.stride_h, p.stride_w = spec.stride_w;
    p.dilation_h = spec.dilation_h, p.dilation_w = spec.dilation_w;
    p.crop_h = static_cast<int32_t>(geometry.h.crop), p.crop_w = static_cast<int32_t>(geometry.w.crop);
    fill_axis(geometry.h, positions, p.gcd_h, p.inverse_h, p.first_h, p.end_h, p.nearest_h, p.farthest_h);
    fill_axis(geometry.w, positions, p.gcd_w, p.inverse_w, p.first_w, p.end_w, p.nearest_w, p.farthest_w);
    p.channel_block = kChannelBlock;
    p.task_images = p.images = 1;
    fill_epilogue(spec, p);
    return p;
}

Panels cut_panels(int64_t channels, int64_t element_bytes) {
    const int64_t most = kPanelBytes / element_bytes;
    Panels panels;
    panels.count = ceil_div(channels, most);
    panels.channels = channels > kChannelBlock ? most : ceil_div(channels, panels.count);
    panels.of_block = channels > kChannelBlock ? kChannelBlock / most : panels.count;
    panels.reduction = panels.count * panels.channels;
    panels.step = panels.channels % 2 != 0 ? 1 : 2;
    return panels;
}

}  // namespace tconv
