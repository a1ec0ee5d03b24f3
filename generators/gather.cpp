#include "gather.h"

namespace tconv::generators {

using namespace Halide;

Gather::Gather(Element element)
    : input(stored_type(element), 3, "input"),
      packed(computed_type(element), 4, "packed"),
      channels("channels"),
      channels_before("channels_before"),
      width("width"),
      height("height"),
      kernel_x("kernel_x"),
      kernel_y("kernel_y"),
      stride_x("stride_x"),
      stride_y("stride_y"),
      dilation_x("dilation_x"),
      dilation_y("dilation_y"),
      crop_x("crop_x"),
      crop_y("crop_y"),
      first("first"),
      co("co"),
      x("x"),
      y("y"),
      zero_inserted("zero_inserted"),
      product("product"),
      sums("sums") {
    Var ci("ci"), u("u"), v("v");
    Expr on_grid = u % stride_x == 0 && v % stride_y == 0;
    // The last row and column with an input: on the grid none lies between them and the end, which int32 may not hold.
    Expr inside = u >= 0 && u <= (width - 1) * stride_x && v >= 0 && v <= (height - 1) * stride_y;
    // The clamps keep addresses legal where the value is not used.
    Expr x_at = computed(element, input(ci, clamp(u / stride_x, 0, width - 1), clamp(v / stride_y, 0, height - 1)));
    Expr zero = cast(computed_type(element), 0);
    zero_inserted(ci, u, v) = select(on_grid && inside, x_at, zero);

    taps = RDom(0, channels, 0, kernel_x, 0, kernel_y, "taps");
    RVar k = taps.x, kx = taps.y, ky = taps.z;
    product(co, x, y) = zero;
    product(co, x, y) += packed(co, k + channels_before, kx, ky) *
                         zero_inserted(k + channels_before, x + crop_x - dilation_x * kx, y + crop_y - dilation_y * ky);

    sums(co, x, y) = undef(computed_type(element));
    sums(co, x, y) = select(first != 0, zero, sums(co, x, y)) + product(co, x, y);
}

std::vector<Argument> Gather::arguments() const {
    return {input,    packed,   channels,   channels_before, width,  height, kernel_x, kernel_y,
            stride_x, stride_y, dilation_x, dilation_y,      crop_x, crop_y, first};
}

}  // namespace tconv::generators
