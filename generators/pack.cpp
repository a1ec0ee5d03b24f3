#include "pack.h"

namespace tconv::generators {

using namespace Halide;

MergedAxis::MergedAxis(const std::string &name)
    : phases("phases_" + name),
      stride("stride_" + name),
      dilation("dilation_" + name),
      kernel("kernel_" + name),
      nearest("nearest_" + name) {}

namespace {

struct Tap {
    Expr index, exists;  // the index in [0, kernel) in any case
};

Tap tap_of(const MergedAxis &axis, const Expr &phase, const Expr &t) {
    Expr distance = phase - axis.stride * (axis.nearest - t);
    Expr k = select(axis.phases == 1, t, distance / axis.dilation);
    Expr exists = k >= 0 && k < axis.kernel && (axis.phases == 1 || distance % axis.dilation == 0);
    return {clamp(k, 0, axis.kernel - 1), exists};
}

}  // namespace

Pack::Pack(Element element)
    : filter(stored_type(element), 4, "filter"),
      out_channels("out_channels"),
      first_lane("first_lane"),
      channels("channels"),
      x("x"),
      y("y"),
      lane("lane"),
      ci("ci"),
      t("t"),
      u("u"),
      packed("packed") {
    Expr flat = first_lane + lane, phases = x.phases * y.phases;
    Expr phase = select(phases == 1, 0, flat / out_channels);
    Expr co = select(phases == 1, min(flat, out_channels - 1), flat % out_channels);
    const Tap kx = tap_of(x, phase % x.phases, t), ky = tap_of(y, phase / x.phases, u);
    Expr has_tap = flat < phases * out_channels && kx.exists && ky.exists;
    packed(lane, ci, t, u) = operand(element, ci, [&](const Expr &channel) {
        Expr weight = filter(co, min(channel, channels - 1), kx.index, ky.index);
        return select(channel < channels && has_tap, weight, cast(weight.type(), 0));
    });
}

std::vector<Argument> Pack::arguments() const {
    std::vector<Argument> all = {filter, out_channels, first_lane, channels};
    for (const MergedAxis *axis : {&x, &y}) {
        all.insert(all.end(), {axis->phases, axis->stride, axis->dilation, axis->kernel, axis->nearest});
    }
    return all;
}

Unpack::Unpack(Element element, std::optional<int> edge)
    : partial(computed_type(element), 5, "partial"),
      splits("splits"),
      lane("lane"),
      t("t"),
      u("u"),
      v("v"),
      split(0, splits, "split"),
      total("total"),
      filter("filter") {
    if (!edge) {
        total(lane, t, u, v) = cast(computed_type(element), 0);
        total(lane, t, u, v) += partial(lane, t, u, v, split);
        filter(lane, t, u, v) = stored(element, total(lane, t, u, v));
        return;
    }
    Var vector("vector"), lanes("lanes"), ts("ts");
    total(lane, vector, lanes, ts, u, v) = cast(computed_type(element), 0);
    total(lane, vector, lanes, ts, u, v) += partial(*edge * lanes + lane, *edge * ts + vector, u, v, split);
    transpose.emplace(total, std::vector<Var>{lanes, ts, u, v}, *edge);
    filter(lane, t, u, v) =
        stored(element, transposed(*transpose, t % *edge, lane % *edge, {lane / *edge, t / *edge, u, v}));
}

std::vector<Argument> Unpack::arguments() const {
    return {partial, splits};
}

}  // namespace tconv::generators
