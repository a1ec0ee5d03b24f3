// The gradients of filter and bias on devices: sums over all positions of all images.
//
//   sums[co, ci, kx, ky, group, split] = sum over the split's rows (image, iy) and over ix of
//                                        x[ci, ix, iy] * gy[co, stride * ix + dilation * kx - crop, the same of iy]
//
// A split is a number of neighbouring rows, counted through the batch: some whole images', or some of one image, which then
// counts as many as fill its splits (`pitch`). Where lanes are outputs, each adds up row
// after row; where they are positions, each takes those that lie so many lanes apart, and the lanes' sums are added up in
// order. Splits are too, by DeviceTotal. So the bits depend on nothing but the layer and the kernel.
//
// Sums lie tile by tile, as they are computed: [split][group][ky][kx][tile of ci][tile of co][c][a].
#pragma once

#include <vector>

#include "Halide.h"
#include "dense_phases.h"
#include "element.h"

namespace tconv::generators {

struct CorrelateTile {
    int a, lanes_a;        // outputs, and the lanes that share them (channels, depthwise)
    int c;                 // input channels; of depthwise layers 1, for each output its own
    int lanes_x, lanes_y;  // lanes along positions (pixels)
    int step;              // channels that are read at once, which then divides those of a group, and its outputs
};

struct DeviceCorrelate {
    Lanes lanes;
    CorrelateTile tile;
    Halide::ImageParam input;     // (ci, column, row, image, group), any strides
    Halide::ImageParam gradient;  // (co, column, row, image, group) of the output, any strides
    Halide::Param<int> channels, outputs, kernel_x, kernel_y, groups, splits;
    Halide::Param<int> stride_x, stride_y, dilation_x, dilation_y, crop_x, crop_y;
    Halide::Param<int> rows, pitch, all_rows;  // of a split, of an image, of the batch
    Halide::Var a, c, lane, place;
    Halide::RDom positions, all_lanes;
    // factor: what a position multiplies the gradient with. of_lanes and total: where lanes are positions.
    Halide::Func factor, products, of_lanes, total, sums;

    DeviceCorrelate(Element element, Lanes lanes, const CorrelateTile &tile);

    std::vector<Halide::Argument> arguments() const;

private:
    void define_products(Element element);
};

// Of the bias: sums[co, part, split] of the rows of a split, and in them of the columns that lie `parts` apart.
struct DeviceBiasSums {
    static constexpr int parts = 16;

    Halide::ImageParam gradient;  // (co, column, row, image), any strides
    Halide::Param<int> outputs, rows, pitch, all_rows;
    Halide::Var co, part, split;
    Halide::RDom positions;
    Halide::Func products, sums;

    explicit DeviceBiasSums(Element element);

    std::vector<Halide::Argument> arguments() const;
};

// filter[co, ci, kx, ky, group], or a bias as one of a single channel and tap: the sum of its splits, stored. Views begin at
// their lowest address.
struct DeviceTotal {
    Halide::ImageParam sums;  // (a, c, place) of DeviceCorrelate
    Halide::Param<int> tile_a, tile_c, outputs, channels, kernel_x, kernel_y, groups, splits;
    Halide::Param<int> flip_co, flip_ci, flip_kx, flip_ky, flip_g;  // as of DeviceFilter
    Halide::Var element;  // counts all of them (device_finish.h says why)
    Halide::RDom split, all;
    Halide::Func total, filter;

    explicit DeviceTotal(Element type);

    std::vector<Halide::Argument> arguments() const;
};

}  // namespace tconv::generators
