#include "device_finish.h"

#include "activation.h"
#include "device_index.h"
#include "elementary.h"
#include "finish.h"

namespace tconv::generators {

using namespace Halide;

ActivateAll::ActivateAll(Element type)
    : sums(computed_type(type), 4, "sums"),
      residual(stored_type(type), 4, "residual"),
      channels("channels"),
      columns("columns"),
      rows("rows"),
      images("images"),
      curve_kind("curve_kind"),
      residual_kind("residual_kind"),
      alpha("alpha"),
      element("element"),
      all(0, channels * columns * rows * images, "all"),
      value("value"),
      output("output") {
    // Branches, of which each thread takes one: a selection would compute every curve.
    auto place = [&](const Expr &count) { return digits_of(count, {channels, columns, rows}, images); };
    value(element) = sums(place(element));
    for (Curve one : all_curves) {
        RDom taken = once_if(curve_kind == static_cast<int>(one));
        value(element) = curve(one, value(element) + cast(computed_type(type), taken.x), alpha);
    }
    RDom added = once_if(residual_kind == residual_after);
    value(element) += computed(type, residual(place(element + added.x)));
    Var c("c"), x("x"), y("y"), n("n");
    output(c, x, y, n) = undef(stored_type(type));
    output(place(all)) = stored(type, value(all));
}

std::vector<Argument> ActivateAll::arguments() const {
    return {sums, residual, channels, columns, rows, images, curve_kind, residual_kind, alpha};
}

SoftmaxAll::SoftmaxAll(Element type)
    : sums(computed_type(type), 4, "sums"),
      residual(stored_type(type), 4, "residual"),
      length("length"),
      columns("columns"),
      rows("rows"),
      images("images"),
      residual_kind("residual_kind"),
      position("position"),
      peak_at(0, length, "peak_at"),
      total_at(0, length, "total_at"),
      each(0, length, 0, columns * rows * images, "each"),
      peak("peak"),
      total("total"),
      output("output") {
    const Type computing = computed_type(type);
    auto place = [&](const Expr &r, const Expr &count) {
        std::vector<Expr> at = digits_of(count, {columns, rows}, images);
        at.insert(at.begin(), r);
        return at;
    };
    auto value = [&](const Expr &r, const Expr &count) { return Expr(sums(place(r, count))); };
    // Written so that a NaN stays once met.
    peak(position) = computing.min();
    Expr next = value(peak_at, position), so_far = peak(position);
    peak(position) = strict_float(select(next > so_far || next != next, next, so_far));
    total(position) = cast(computing, 0);
    total(position) += strict_float(exponential(value(total_at, position) - peak(position)));
    Var r("r"), x("x"), y("y"), n("n");
    output(r, x, y, n) = undef(stored_type(type));
    Expr share = strict_float(exponential(value(each.x, each.y) - peak(each.y)) / total(each.y));
    Expr again = computed(type, residual(place(each.x, each.y)));
    output(place(each.x, each.y)) =
        stored(type, share + select(residual_kind == residual_after, again, cast(computing, 0)));
}

std::vector<Argument> SoftmaxAll::arguments() const {
    return {sums, residual, length, columns, rows, images, residual_kind};
}

}  // namespace tconv::generators
