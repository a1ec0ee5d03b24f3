#include "dense_phases.h"

#include "activation.h"
#include "dense_place.h"
#include "device_finish.h"
#include "finish.h"

namespace tconv::generators {

using namespace Halide;

namespace {

// Where lanes are channels, a pixel that may lie beside the image would cost a selection for each few multiply-adds. So
// each tap has two loops, of which a tile takes one: for tiles within the image, and for those at its edges.
bool two_loops(Lanes lanes) {
    return lanes == Lanes::channels;
}

// Fragments are read as words from views of contiguous channels, and number by number from others.
Type input_type(Element element, Lanes lanes, const DenseTile &tile) {
    return lanes == Lanes::fragments && tile.step > 1 ? UInt(32) : stored_type(element);
}

}  // namespace

DensePhases::DensePhases(Of of, Element element, Lanes lanes, const DenseTile &tile, bool stores_computed, Products products)
    : of(of),
      lanes(lanes),
      tile(tile),
      input(input_type(element, lanes, tile), 5, "input"),
      packed(lanes == Lanes::fragments ? UInt(32) : computed_type(element), 6, "packed"),
      phases_x(Int(32), 2, "phases_x"),
      phases_y(Int(32), 2, "phases_y"),
      bias(stored_type(element), 2, "bias"),
      slope(stored_type(element), 2, "slope"),
      residual(stored_type(element), 7, "residual"),
      channels("channels"),
      outputs("outputs"),
      out_w("out_w"),
      out_h("out_h"),
      stride_x("stride_x"),
      stride_y("stride_y"),
      taps_x("taps_x"),
      taps_y("taps_y"),
      tap_step_x("tap_step_x"),
      tap_step_y("tap_step_y"),
      offset_step_x("offset_step_x"),
      offset_step_y("offset_step_y"),
      advance_x("advance_x"),
      advance_y("advance_y"),
      tiles_x("tiles_x"),
      tiles_y("tiles_y"),
      images("images"),
      outputs_x("outputs_x"),
      outputs_y("outputs_y"),
      has_bias("has_bias"),
      finish_kind("finish_kind"),
      has_slope("has_slope"),
      residual_kind("residual_kind"),
      slope_value("slope_value"),
      low("low"),
      high("high"),
      a("a"),
      mx("mx"),
      my("my"),
      l("l"),
      place("place"),
      g("g"),
      pixel("pixel"),
      weights("weights"),
      has_tap("has_tap"),
      fragments("fragments"),
      sums("sums"),
      finished("finished"),
      output("output") {
    if (lanes == Lanes::fragments) {
        define_fragments(element, products);
    } else {
        define_pixel(element);
        define_sums(element);
    }
    define_finished(element);
    define_output(element, stores_computed);
}

Expr DensePhases::at_tap(const Read &read, const Expr &t, const Expr &s, const Expr &edge) const {
    const Place at(*this, place);
    const Position here(*this, at, mx, my, l);
    const Reaches reaches(*this, at, t, s);
    Expr width = input.dim(1).extent(), height = input.dim(2).extent();
    Expr column = column_at_0(*this, at, here.jx) + reaches.x.offset, row = row_at_0(*this, at, here.jy) + reaches.y.offset;
    Expr exists = column >= 0 && column < width && row >= 0 && row < height;
    Expr inner = read(within(column, width), within(row, height), at.n);
    Expr outer = read(clamp(column, 0, width - 1), clamp(row, 0, height - 1), at.n);
    return select(edge == 0, inner, select(exists, outer, cast(outer.type(), 0)));
}

void DensePhases::define_pixel(Element element) {
    Var c("c"), t("t"), s("s"), edge("edge");
    auto read = [&](const Expr &column, const Expr &row, const Expr &n) { return computed(element, input(c, column, row, n, g)); };
    pixel(c, mx, my, l, place, g, t, s, edge) = at_tap(read, t, s, edge);
}

DensePhases::Tap DensePhases::tap_of(const Expr &t, const Expr &s) const {
    const Place at(*this, place);
    return {within(phases_x(PhaseTable::first_tap, at.px) + t * tap_step_x, packed.dim(2).extent()),
            within(phases_y(PhaseTable::first_tap, at.py) + s * tap_step_y, packed.dim(3).extent())};
}

void DensePhases::define_sums(Element element) {
    const bool depthwise = lanes == Lanes::depthwise;
    Expr one = 1;
    taps = RDom({{0, depthwise ? 1 : tile.step},
                 {0, depthwise ? one : channels / tile.step},
                 {0, two_loops(lanes) ? 2 : 1},
                 {0, taps_x},
                 {0, taps_y}},
                "taps");
    RVar of_step = taps[0], step = taps[1], side = taps[2], t = taps[3], s = taps[4];
    const Tap tap = tap_of(t, s);
    const Place at(*this, place);
    const Reaches reaches(*this, at, t, s);
    taps.where(reaches.any);
    if (two_loops(lanes))
        taps.where((side == 0) == (reaches.x.inside && reaches.y.inside));
    Expr ci = depthwise ? Expr(0) : tile.step * step + of_step;
    // Lanes past the last channel read the last one; those of vectors do nothing.
    Expr channel = !depthwise ? ci : tile.step > 1 ? Expr(a) : min(a, outputs - 1);
    sums(a, mx, my, l, place, g) = cast(computed_type(element), 0);
    sums(a, mx, my, l, place, g) += packed(a % tile.a, ci, tap.kx, tap.ky, a / tile.a, g) *
                                    pixel(channel, mx, my, l, place, g, t, s, two_loops(lanes) ? Expr(side) : one);
}

// The residual before the activation, bias, activation, the residual after it.
void DensePhases::define_finished(Element element) {
    const Place at(*this, place);
    const Position here(*this, at, mx, my, l);
    Expr exists = here.exists && in_layer(*this, a), channel = min(a, outputs - 1);
    auto kept = finished(a, mx, my, l, place, g);
    auto add_residual_if = [&](const Expr &condition) {
        RDom once = once_if(condition && exists);
        kept += computed(element, residual(a + once.x, here.jx, at.px, here.jy, at.py, at.n, g));
    };
    kept = sums(a, mx, my, l, place, g);
    add_residual_if(residual_kind == residual_before);
    RDom biased = once_if(has_bias != 0);
    kept += computed(element, bias(channel + biased.x, g));
    const Expr bent = finish_kind == Finish::general;
    RDom alike = once_if(bent && has_slope == 0), by_channel = once_if(bent && has_slope != 0);
    kept = piecewise_linear(kept, cast(computed_type(element), slope_value) + cast(computed_type(element), alike.x), low,
                            high);
    kept = piecewise_linear(kept, computed(element, slope(channel + by_channel.x, g)), low, high);
    add_residual_if(residual_kind == residual_after);
}

void DensePhases::define_output(Element element, bool stores_computed) {
    Var jx("jx"), px("px"), jy("jy"), py("py"), n("n");
    const int lane_a = tile.a / tile.lanes_a;
    stores = RDom({{0, lane_a},
                   {0, tile.x},
                   {0, tile.y},
                   {0, tile.lanes_a},
                   {0, tile.lanes_x * tile.lanes_y},
                   {0, tiles_x * tiles_y * images * outputs_x * outputs_y},
                   {0, (outputs + tile.a - 1) / tile.a}},
                  "stores");
    RVar v = stores[0], mx_ = stores[1], my_ = stores[2], lane = stores[3], l_ = stores[4], place_ = stores[5],
         block = stores[6];
    const Place at(*this, place_);
    const Position here(*this, at, mx_, my_, l_);
    Expr first = (block * tile.lanes_a + lane) * lane_a;
    const bool whole = lane_a == tile.step;  // all of a lane's outputs are in the layer, or none
    Expr asked = in_layer(*this, whole ? first : first + v);
    if (whole && lanes == Lanes::fragments) {
        Var co("co");
        has_output(co) = select(in_layer(*this, co), 1, 0);
        asked = has_output(first) == 1;
    }
    stores.where(here.exists && asked);
    Expr value = finished(first + v, mx_, my_, l_, place_, g), kept = stores_computed ? value : stored(element, value);
    output(a, jx, px, jy, py, n, g) = undef(kept.type());
    output(first + v, here.jx, at.px, here.jy, at.py, at.n, g) = kept;
}

std::vector<Argument> DensePhases::arguments() const {
    return {input,       packed,        phases_x,      phases_y,  bias,      slope,         residual,
            channels,    outputs,       out_w,         out_h,     stride_x,  stride_y,      taps_x,
            taps_y,      tap_step_x,    tap_step_y,    offset_step_x, offset_step_y, advance_x,
            advance_y,   tiles_x,       tiles_y,       images,    outputs_x, outputs_y,     has_bias,
            finish_kind, has_slope,     residual_kind, slope_value,   low,   high};
}

PhaseTable::PhaseTable()
    : stride("stride"),
      dilation("dilation"),
      gcd("gcd"),
      inverse("inverse"),
      kernel("kernel"),
      crop_phase("crop_phase"),
      crop_quotient("crop_quotient"),
      field("field"),
      p("p"),
      table("table") {
    // Phase r of output p, and the quotient of position 0.
    Expr carries = p >= stride - crop_phase;
    Expr r = select(carries, p - (stride - crop_phase), p + crop_phase);
    Expr quotient = crop_quotient + select(carries, 1, 0);
    // Wide: the first tap is a product of two numbers below the stride, modulo stride / gcd.
    Expr modulus = cast<int64_t>(stride / gcd);
    Expr tap = cast<int>(cast<int64_t>(r / gcd) * cast<int64_t>(inverse) % modulus);
    Expr has_taps = r % gcd == 0 && tap < kernel;
    Expr step = stride / gcd;
    // Exact where the phase has taps, of either sign.
    Expr nearest = cast<int>((cast<int64_t>(r) - cast<int64_t>(dilation) * cast<int64_t>(tap)) / cast<int64_t>(stride));
    table(field, p) = select(!has_taps, 0, field == count, (kernel - 1 - tap) / step + 1, field == first_tap, tap,
                             field == offset, quotient + nearest, 0);
}

std::vector<Argument> PhaseTable::arguments() const {
    return {stride, dilation, gcd, inverse, kernel, crop_phase, crop_quotient};
}

DeviceFilter::DeviceFilter(Element element)
    : filter(stored_type(element), 5, "filter"),
      outputs("outputs"),
      flip_co("flip_co"),
      flip_ci("flip_ci"),
      flip_kx("flip_kx"),
      flip_ky("flip_ky"),
      flip_g("flip_g") {}

Expr DeviceFilter::at(const Expr &co, const Expr &ci, const Expr &kx, const Expr &ky, const Expr &g) const {
    Expr channels = filter.dim(1).extent();
    auto along = [&](int dimension, const Expr &index, const Param<int> &flip) {
        return turned(index, filter.dim(dimension).extent(), flip);
    };
    Expr weight = filter(along(0, min(co, outputs - 1), flip_co), along(1, min(ci, channels - 1), flip_ci),
                         along(2, kx, flip_kx), along(3, ky, flip_ky), along(4, g, flip_g));
    return select(co < outputs && ci < channels, weight, cast(weight.type(), 0));
}

std::vector<Argument> DeviceFilter::arguments() const {
    return {filter, outputs, flip_co, flip_ci, flip_kx, flip_ky, flip_g};
}

DevicePack pack_blocks(Element element, int tile_a) {
    const DeviceFilter from(element);
    Var lane("lane"), ci("ci"), kx("kx"), ky("ky"), block("block"), g("g");
    Func packed("packed");
    packed(lane, ci, kx, ky, block, g) = computed(element, from.at(block * tile_a + lane, ci, kx, ky, g));
    return {from, packed, tile_a};
}

}  // namespace tconv::generators
