#include "dense_phases.h"

#include "activation.h"
#include "device_finish.h"
#include "device_index.h"
#include "finish.h"

namespace tconv::generators {

using namespace Halide;

namespace {

// Where a tile lies. (Decoded once into a Func of their own, these numbers would be loads, on which no branch leaves the loop
// over channels.)
struct Place {
    Expr tx, ty, n, px, py;

    Place(const DensePhases &d, const Expr &place) {
        const std::vector<Expr> digits = digits_of(place, {d.tiles_x, d.tiles_y, d.images, d.outputs_x}, d.outputs_y);
        tx = digits[0], ty = digits[1], n = digits[2], px = digits[3], py = digits[4];
    }
};

// One of its positions, and whether the layer has an output there.
struct Position {
    Expr jx, jy, exists;

    Position(const DensePhases &d, const Place &place, const Expr &mx, const Expr &my, const Expr &l)
        : jx((place.tx * d.tile.x + mx) * d.tile.lanes_x + l % d.tile.lanes_x),
          jy((place.ty * d.tile.y + my) * d.tile.lanes_y + l / d.tile.lanes_x),
          exists(jx <= last(d.out_w, place.px, d.stride_x) && jy <= last(d.out_h, place.py, d.stride_y)) {}

    // The last position of a phase. (A tile reaches past it, where position times stride may be more than an int32 holds.)
    static Expr last(const Expr &out, const Expr &p, const Expr &stride) {
        return cast<int>(cast<uint32_t>(out - p - 1) / cast<uint32_t>(stride));
    }
};

// One axis of the input at one tap, for a tile that begins at position `tile` and is `size` positions long.
struct Reach {
    Expr offset;  // from a position to the input index
    Expr touches, inside;

    Reach(const ImageParam &phases, const Expr &p, const Expr &t, const Expr &offset_step, const Expr &tile, int size,
          const Expr &extent)
        : offset(phases(PhaseTable::offset, p) - t * offset_step),
          touches(tile + offset > -size && tile + offset < extent),
          inside(tile + offset >= 0 && tile + offset <= extent - size) {}
};

struct Reaches {
    Reach x, y;

    Reaches(const DensePhases &d, const Place &place, const Expr &t, const Expr &s)
        : x(d.phases_x, place.px, t, d.offset_step_x, place.tx * (d.tile.x * d.tile.lanes_x), d.tile.x * d.tile.lanes_x,
            d.input.dim(1).extent()),
          y(d.phases_y, place.py, s, d.offset_step_y, place.ty * (d.tile.y * d.tile.lanes_y), d.tile.y * d.tile.lanes_y,
            d.input.dim(2).extent()) {}
};

// Whether channel `a` is one of the layer's, asked of a whole step.
Expr in_layer(const DensePhases &d, const Expr &a) {
    return a / d.tile.step * d.tile.step < d.outputs;
}

// Where lanes are channels, a pixel that may lie beside the image would cost a selection for each few multiply-adds. So
// each tap has two loops, of which a tile takes one: for tiles within the image, and for those at its edges.
bool two_loops(Lanes lanes) {
    return lanes == Lanes::channels;
}

}  // namespace

DensePhases::DensePhases(Element element, Lanes lanes, const DenseTile &tile, bool stores_computed)
    : lanes(lanes),
      tile(tile),
      input(stored_type(element), 5, "input"),
      packed(computed_type(element), 6, "packed"),
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
      sums("sums"),
      finished("finished"),
      output("output") {
    define_pixel(element);
    define_sums(element);
    define_finished(element);
    define_output(element, stores_computed);
}

// pixel(c, ..., t, s, edge): what the input holds at tap (t, s) of a position; edge = 0 promises that the tile is inside.
void DensePhases::define_pixel(Element element) {
    Var c("c"), t("t"), s("s"), edge("edge");
    const Place at(*this, place);
    const Position here(*this, at, mx, my, l);
    const Reaches reaches(*this, at, t, s);
    Expr width = input.dim(1).extent(), height = input.dim(2).extent();
    Expr column = here.jx + reaches.x.offset, row = here.jy + reaches.y.offset;
    Expr exists = column >= 0 && column < width && row >= 0 && row < height;
    Expr inner = computed(element, input(c, within(column, width), within(row, height), at.n, g));
    Expr outer = computed(element, input(c, clamp(column, 0, width - 1), clamp(row, 0, height - 1), at.n, g));
    pixel(c, mx, my, l, place, g, t, s, edge) =
        select(edge == 0, inner, select(exists, outer, cast(computed_type(element), 0)));
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
    const Place at(*this, place);
    const Reaches reaches(*this, at, t, s);
    taps.where(t < phases_x(PhaseTable::count, at.px) && s < phases_y(PhaseTable::count, at.py));
    taps.where(reaches.x.touches && reaches.y.touches);
    if (two_loops(lanes))
        taps.where((side == 0) == (reaches.x.inside && reaches.y.inside));
    Expr ci = depthwise ? Expr(0) : tile.step * step + of_step;
    Expr kx = within(phases_x(PhaseTable::first_tap, at.px) + t * tap_step_x, packed.dim(2).extent());
    Expr ky = within(phases_y(PhaseTable::first_tap, at.py) + s * tap_step_y, packed.dim(3).extent());
    sums(a, mx, my, l, place, g) = cast(computed_type(element), 0);
    sums(a, mx, my, l, place, g) +=
        packed(a % tile.a, ci, kx, ky, a / tile.a, g) *
        pixel(depthwise ? Expr(a) : ci, mx, my, l, place, g, t, s, two_loops(lanes) ? Expr(side) : one);
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
                   {0, tile.lanes_x * tile.lanes_y},
                   {0, tile.lanes_a},
                   {0, tiles_x * tiles_y * images * outputs_x * outputs_y},
                   {0, (outputs + tile.a - 1) / tile.a}},
                  "stores");
    RVar v = stores[0], mx_ = stores[1], my_ = stores[2], l_ = stores[3], lane = stores[4], place_ = stores[5],
         block = stores[6];
    const Place at(*this, place_);
    const Position here(*this, at, mx_, my_, l_);
    Expr first = (block * tile.lanes_a + lane) * lane_a;
    stores.where(here.exists && in_layer(*this, lane_a == tile.step ? first : first + v));
    Expr value = finished(first + v, mx_, my_, l_, place_, g), kept = stores_computed ? value : stored(element, value);
    output(a, jx, px, jy, py, n, g) = undef(kept.type());
    output(first + v, here.jx, at.px, here.jy, at.py, at.n, g) = kept;
}

std::vector<Argument> DensePhases::arguments() const {
    return {input,       packed,        phases_x,      phases_y,  bias,      slope,         residual,
            channels,    outputs,       out_w,         out_h,     stride_x,  stride_y,      taps_x,
            taps_y,      tap_step_x,    tap_step_y,    offset_step_x, offset_step_y, tiles_x,
            tiles_y, images, outputs_x, outputs_y, has_bias,  finish_kind,
            has_slope,   residual_kind, slope_value,   low,       high};
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

PackBlocks::PackBlocks(Element element, int tile_a)
    : filter(stored_type(element), 5, "filter"),
      outputs("outputs"),
      flip_co("flip_co"),
      flip_ci("flip_ci"),
      flip_kx("flip_kx"),
      flip_ky("flip_ky"),
      lane("lane"),
      ci("ci"),
      kx("kx"),
      ky("ky"),
      block("block"),
      g("g"),
      packed("packed") {
    auto turned = [&](const Expr &index, int dimension, const Param<int> &flip) {
        return select(flip != 0, filter.dim(dimension).extent() - 1 - index, index);
    };
    Expr co = block * tile_a + lane;
    Expr weight = computed(element, filter(turned(min(co, outputs - 1), 0, flip_co), turned(ci, 1, flip_ci),
                                           turned(kx, 2, flip_kx), turned(ky, 3, flip_ky), turned(g, 4, flip_ci)));
    packed(lane, ci, kx, ky, block, g) = select(co < outputs, weight, cast(weight.type(), 0));
}

std::vector<Argument> PackBlocks::arguments() const {
    return {filter, outputs, flip_co, flip_ci, flip_kx, flip_ky};
}

}  // namespace tconv::generators
