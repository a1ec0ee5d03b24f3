#include "pack.h"

namespace tconv::generators {

using namespace Halide;

Pack::Pack(Element element)
    : filter(stored_type(element), 4, "filter"),
      out_channels("out_channels"),
      phases("phases"),
      stride("stride"),
      dilation("dilation"),
      kernel("kernel"),
      offset_max("offset_max"),
      first_lane("first_lane"),
      channels("channels"),
      lane("lane"),
      ci("ci"),
      t("t"),
      ky("ky"),
      packed("packed") {
    Expr flat = first_lane + lane;
    Expr phase = flat / out_channels;
    Expr co = flat % out_channels;
    Expr distance = phase - stride * (offset_max - t);
    Expr kx = select(phases == 1, t, distance / dilation);
    Expr has_tap = ci < channels && flat < phases * out_channels && kx >= 0 && kx < kernel && (phases == 1 || distance % dilation == 0);
    Expr weight = computed(element, filter(co, min(ci, channels - 1), clamp(kx, 0, kernel - 1), ky));
    packed(lane, ci, t, ky) = select(has_tap, weight, cast(weight.type(), 0));
}

std::vector<Argument> Pack::arguments() const {
    return {filter, out_channels, phases, stride, dilation, kernel, offset_max, first_lane, channels};
}

Unpack::Unpack(Element element)
    : partial(computed_type(element), 5, "partial"),
      splits("splits"),
      lane("lane"),
      ci("ci"),
      kx("kx"),
      ky("ky"),
      split(0, splits, "split"),
      total("total"),
      filter("filter") {
    total(lane, ci, kx, ky) = cast(computed_type(element), 0);
    total(lane, ci, kx, ky) += partial(lane, ci, kx, ky, split);
    filter(lane, ci, kx, ky) = stored(element, total(lane, ci, kx, ky));
}

std::vector<Argument> Unpack::arguments() const {
    return {partial, splits};
}

}  // namespace tconv::generators
