#include "device_correlate.h"

#include "device_index.h"

namespace tconv::generators {

using namespace Halide;

namespace {

Expr tiles_of(const Expr &count, const Expr &tile) {
    return (count + tile - 1) / tile;
}

// A row of all those of a view (channel, column, row, image), which count `pitch` for each image.
struct Row {
    Expr y, image, exists;

    Row(const Expr &row, const Expr &pitch, const Expr &all_rows, const ImageParam &view)
        : y(cast<int>(cast<uint32_t>(row) % cast<uint32_t>(pitch))),
          image(within(cast<int>(cast<uint32_t>(row) / cast<uint32_t>(pitch)), view.dim(3).extent())),
          exists(row < all_rows && y < view.dim(2).extent()) {}
};

}  // namespace

DeviceCorrelate::DeviceCorrelate(Element element, Lanes lanes, const CorrelateTile &tile)
    : lanes(lanes),
      tile(tile),
      input(stored_type(element), 5, "input"),
      gradient(stored_type(element), 5, "gradient"),
      channels("channels"),
      outputs("outputs"),
      kernel_x("kernel_x"),
      kernel_y("kernel_y"),
      groups("groups"),
      splits("splits"),
      stride_x("stride_x"),
      stride_y("stride_y"),
      dilation_x("dilation_x"),
      dilation_y("dilation_y"),
      crop_x("crop_x"),
      crop_y("crop_y"),
      rows("rows"),
      pitch("pitch"),
      all_rows("all_rows"),
      a("a"),
      c("c"),
      lane("lane"),
      place("place"),
      factor("factor"),
      products("products"),
      of_lanes("of_lanes"),
      total("total"),
      sums("sums") {
    define_products(element);
    if (lanes != Lanes::pixels) {
        sums(a, c, place) = products(a, c, 0, place);
        return;
    }
    of_lanes(a, c, lane, place) = products(a, c, lane, place);
    all_lanes = RDom(0, tile.lanes_x * tile.lanes_y, "all_lanes");
    total(a, c, place) = cast(computed_type(element), 0);
    total(a, c, place) += of_lanes(a, c, all_lanes, place);
    sums(a, c, place) = total(a, c, place);
}

void DeviceCorrelate::define_products(Element element) {
    const std::vector<Expr> digits =
        digits_of(place, {tiles_of(outputs, tile.a), tiles_of(channels, tile.c), kernel_x, kernel_y, groups}, splits);
    Expr first_co = digits[0] * tile.a, first_ci = digits[1] * tile.c, kx = digits[2], ky = digits[3], g = digits[4],
         split = digits[5];
    Expr width = input.dim(1).extent();
    positions = RDom(0, tiles_of(width, tile.lanes_x), 0, tiles_of(rows, tile.lanes_y), "positions");

    // What a lane reads at a step (x, y).
    auto column = [&](const Expr &x) { return x * tile.lanes_x + lane % tile.lanes_x; };
    auto row_of_split = [&](const Expr &y) { return y * tile.lanes_y + lane / tile.lanes_x; };
    auto row = [&](const Expr &y) { return Row(split * rows + row_of_split(y), pitch, all_rows, input); };
    Expr co = min(first_co + a, outputs - 1);
    Var x("x"), y("y");
    const Row read = row(y);
    Expr ci = lanes == Lanes::depthwise ? co : min(first_ci + c, channels - 1);
    const std::vector<Expr> at = {ci, within(column(x), width), within(read.y, input.dim(2).extent()), read.image, g};
    const Var of_factor = lanes == Lanes::depthwise ? a : c;
    factor(of_factor, lane, place, x, y) = computed(element, input(at));

    const Row here = row(positions.y);
    Expr ix = column(positions.x), ox = stride_x * ix + dilation_x * kx - crop_x,
         oy = stride_y * here.y + dilation_y * ky - crop_y;
    Expr out_width = gradient.dim(1).extent(), out_height = gradient.dim(2).extent();
    positions.where(row_of_split(positions.y) < rows && here.exists);
    positions.where(oy >= 0 && oy < out_height);
    positions.where(ix < width && ox >= 0 && ox < out_width);
    Expr slope = computed(element, gradient(co, within(ox, out_width), within(oy, out_height), here.image, g));
    products(a, c, lane, place) = cast(computed_type(element), 0);
    products(a, c, lane, place) += slope * factor(of_factor, lane, place, positions.x, positions.y);
}

std::vector<Argument> DeviceCorrelate::arguments() const {
    return {input,    gradient, channels,   outputs,    kernel_x, kernel_y, groups, splits,
            stride_x, stride_y, dilation_x, dilation_y, crop_x,   crop_y,   rows,   pitch, all_rows};
}

DeviceBiasSums::DeviceBiasSums(Element element)
    : gradient(stored_type(element), 4, "gradient"),
      outputs("outputs"),
      rows("rows"),
      pitch("pitch"),
      all_rows("all_rows"),
      co("co"),
      part("part"),
      split("split"),
      products("products"),
      sums("sums") {
    Expr width = gradient.dim(1).extent();
    positions = RDom(0, tiles_of(width, parts), 0, rows, "positions");
    Expr row = split * rows + positions.y, column = positions.x * parts + part;
    const Row here(row, pitch, all_rows, gradient);
    positions.where(here.exists && column < width);
    products(co, part, split) = cast(computed_type(element), 0);
    products(co, part, split) +=
        computed(element, gradient(min(co, outputs - 1), within(column, width), within(here.y, gradient.dim(2).extent()),
                                   here.image));
    sums(co, part, split) = products(co, part, split);
}

std::vector<Argument> DeviceBiasSums::arguments() const {
    return {gradient, outputs, rows, pitch, all_rows};
}

DeviceTotal::DeviceTotal(Element type)
    : sums(computed_type(type), 3, "sums"),
      tile_a("tile_a"),
      tile_c("tile_c"),
      outputs("outputs"),
      channels("channels"),
      kernel_x("kernel_x"),
      kernel_y("kernel_y"),
      groups("groups"),
      splits("splits"),
      flip_co("flip_co"),
      flip_ci("flip_ci"),
      flip_kx("flip_kx"),
      flip_ky("flip_ky"),
      flip_g("flip_g"),
      element("element"),
      split(0, splits, "split"),
      all(0, outputs * channels * kernel_x * kernel_y * groups, "all"),
      total("total"),
      filter("filter") {
    auto indices = [&](const Expr &element) {
        return digits_of(element, {outputs, channels, kernel_x, kernel_y}, groups);
    };
    const std::vector<Expr> at = indices(element);
    Expr co = turned(at[0], outputs, flip_co), ci = turned(at[1], channels, flip_ci);
    Expr place = (split * groups + turned(at[4], groups, flip_g)) * kernel_y + turned(at[3], kernel_y, flip_ky);
    place = (place * kernel_x + turned(at[2], kernel_x, flip_kx)) * tiles_of(channels, tile_c) + ci / tile_c;
    place = place * tiles_of(outputs, tile_a) + co / tile_a;
    total(element) = cast(computed_type(type), 0);
    total(element) += sums(within(co % tile_a, tile_a), within(ci % tile_c, tile_c), place);
    Var co_("co"), ci_("ci"), kx("kx"), ky("ky"), g("g");
    filter(co_, ci_, kx, ky, g) = undef(stored_type(type));
    filter(indices(all)) = stored(type, total(all));
}

std::vector<Argument> DeviceTotal::arguments() const {
    return {sums,   tile_a, tile_c,  outputs, channels, kernel_x, kernel_y,
            groups, splits, flip_co, flip_ci, flip_kx,  flip_ky,  flip_g};
}

}  // namespace tconv::generators
