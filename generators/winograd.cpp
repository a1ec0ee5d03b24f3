#include "winograd.h"

#include <functional>

#include "activation.h"
#include "finish.h"

namespace tconv::generators {

using namespace Halide;

namespace {

// The points, with infinity after them, in the order in which larger tiles take more. Measured over random tiles of 64
// channels in float32, the largest error in units of the rounding of the sum of magnitudes: 1.5 for F(2, 2), 1.2 for
// F(2, 3), 1.6 for F(3, 2), 6.5 for F(3, 3), 11 for F(4, 2), 8.3 for F(4, 3); with 2 and -2 as the last two, 18. Longer
// filters of as many points have more magnitudes to add up: F(3, 4) and F(2, 5) are no further off than F(4, 3).
constexpr double kPoints[kMostPoints - 1] = {0, 1, -1, -0.5, 2};

// Coefficients, lowest first, of the product of (x - p) over all points but the one that is left out.
std::vector<double> product_without(int points, int left_out) {
    std::vector<double> product = {1};
    for (int i = 0; i < points; i++) {
        if (i == left_out)
            continue;
        std::vector<double> next(product.size() + 1, 0);
        for (size_t power = 0; power < product.size(); power++) {
            next[power + 1] += product[power];
            next[power] -= product[power] * kPoints[i];
        }
        product = next;
    }
    return product;
}

double power_of(double base, int exponent) {
    double power = 1;
    for (int i = 0; i < exponent; i++) {
        power *= base;
    }
    return power;
}

// The sum of `row` times values, without the products that are none.
Expr dot(const Type &type, const std::vector<double> &row, const std::function<Expr(int)> &value) {
    Expr sum;
    for (int i = 0; i < static_cast<int>(row.size()); i++) {
        const double factor = row[static_cast<size_t>(i)];
        if (factor == 0)
            continue;
        Expr term = value(i);
        if (factor == -1 && sum.defined()) {
            sum = sum - term;
            continue;
        }
        if (factor != 1)
            term = factor == -1 ? -term : term * cast(type, Expr(factor));
        sum = sum.defined() ? sum + term : term;
    }
    return sum.defined() ? sum : cast(type, 0);
}

// One row of the matrix for each value of `index`.
Expr transform(const Type &type, const Filtering::Matrix &matrix, const Expr &index,
               const std::function<Expr(int)> &value) {
    std::vector<Expr> rows;
    for (const std::vector<double> &row : matrix) {
        rows.push_back(dot(type, row, value));
    }
    return rows.size() == 1 ? rows.front() : mux(index, rows);
}

Expr value_at(const Type &type, const std::vector<double> &values, const Expr &index) {
    std::vector<Expr> constants;
    for (const double value : values) {
        constants.push_back(cast(type, Expr(value)));
    }
    return constants.size() == 1 ? constants.front() : mux(index, constants);
}

}  // namespace

Filtering::Filtering(int all_outputs, int taps) : outputs(taps == 1 ? 1 : all_outputs), taps(taps) {
    const int n = points(), finite = n - 1;
    for (int i = 0; i < finite; i++) {
        const double point = kPoints[i];
        std::vector<double> row = product_without(finite, i);
        double denominator = 0;
        for (size_t power = 0; power < row.size(); power++) {
            denominator += row[power] * power_of(point, static_cast<int>(power));
        }
        row.resize(static_cast<size_t>(n), 0);
        input.push_back(row);
        std::vector<double> powers;
        for (int power = 0; power < taps; power++) {
            powers.push_back(power_of(point, power));
        }
        filter.push_back(powers);
        denominators.push_back(denominator);
    }
    input.push_back(product_without(finite, finite));
    filter.emplace_back(static_cast<size_t>(taps), 0);
    filter.back().back() = 1;
    denominators.push_back(1);
    for (int power = 0; power < outputs; power++) {
        std::vector<double> row;
        for (int i = 0; i < finite; i++) {
            row.push_back(power_of(kPoints[i], power));
        }
        row.push_back(power == outputs - 1 ? 1 : 0);
        output.push_back(row);
    }
}

Tile2d::Tile2d(int outputs, int taps_y, int taps_x) : y(outputs, taps_y), x(outputs, taps_x) {}

WinogradInput::WinogradInput(Element element, const Tile2d &form)
    : staged(computed_type(element), 4, "staged"),
      c("c"),
      tile("tile"),
      line("line"),
      point_x("point_x"),
      point_y("point_y"),
      panel("panel"),
      form(form),
      columns("columns"),
      transformed("transformed") {
    const Type type = computed_type(element);
    Var x("x");
    columns(c, x, tile, line, point_y, panel) = transform(type, form.y.input, point_y, [&](int i) {
        return staged(c, tile * form.x.outputs + x, line * form.y.outputs + i, panel);
    });
    transformed(c, tile, line, point_x, point_y, panel) =
        transform(type, form.x.input, point_x, [&](int i) { return columns(c, i, tile, line, point_y, panel); });
}

WinogradOutput::WinogradOutput(Element element, const Tile2d &form)
    : products(computed_type(element), 5, "products"),
      bias(computed_type(element), 1, "bias"),
      slope(computed_type(element), 1, "slope"),
      finish("finish"),
      low("low"),
      high("high"),
      a("a"),
      x("x"),
      y("y"),
      i("i"),
      j("j"),
      tile("tile"),
      line("line"),
      form(form),
      rows("rows"),
      finished("finished"),
      sums("sums") {
    const Type type = computed_type(element);
    Var point("point");
    rows(a, point, j, tile, line) =
        transform(type, form.y.output, j, [&](int point_y) { return products(a, tile, line, point, point_y); });
    finished(a, i, j, tile, line) =
        transform(type, form.x.output, i, [&](int point_x) { return rows(a, point_x, j, tile, line); });
    // Branches, as in Multiply.
    auto once_if = [](const Expr &condition) {
        RDom once(0, 1, "once");
        once.where(condition);
        return once;
    };
    RDom biased = once_if(finish >= Finish::bias_only);
    finished(a, i, j, tile, line) += bias(a + biased.x);
    RDom bent = once_if(finish > Finish::bias_only);
    finished(a, i, j, tile, line) = piecewise_linear(finished(a, i, j, tile, line), slope(a + bent.x), low, high);
    const int width = form.x.outputs, height = form.y.outputs;
    sums(a, x, y) = finished(a, x % width, y % height, x / width, y / height);
}

std::vector<Argument> WinogradOutput::arguments() const {
    return {products, bias, slope, finish, low, high};
}

WinogradFilter::WinogradFilter(Element element, const Tile2d &form)
    : filter(stored_type(element), 4, "filter"),
      out_channels("out_channels"),
      first_lane("first_lane"),
      channels("channels"),
      first_x("first_x"),
      step_x("step_x"),
      first_y("first_y"),
      step_y("step_y"),
      lane("lane"),
      ci("ci"),
      tap_x("tap_x"),
      tap_y("tap_y"),
      point_x("point_x"),
      point_y("point_y"),
      form(form),
      taps("taps"),
      columns("columns"),
      packed("packed") {
    const Type wide = Float(64);
    Expr co = first_lane + lane;
    Expr exists = co < out_channels && ci < channels;
    // The first tap of a phase reads the farthest input.
    Expr kx = first_x + step_x * (form.x.taps - 1 - tap_x), ky = first_y + step_y * (form.y.taps - 1 - tap_y);
    taps(lane, ci, tap_x, tap_y) = computed(element, filter(min(co, out_channels - 1), min(ci, channels - 1), kx, ky));
    columns(lane, ci, tap_x, point_y) = transform(
        wide, form.y.filter, point_y, [&](int t) { return cast(wide, taps(lane, ci, tap_x, t)); });
    Expr value = transform(wide, form.x.filter, point_x, [&](int t) { return columns(lane, ci, t, point_y); });
    // By the reciprocal of both axes' product: that of each alone would round twice.
    const Expr scale = 1 / (value_at(wide, form.x.denominators, point_x) * value_at(wide, form.y.denominators, point_y));
    packed(lane, ci, point_x, point_y) = cast(computed_type(element), select(exists, value * scale, cast(wide, 0)));
}

std::vector<Argument> WinogradFilter::arguments() const {
    return {filter, out_channels, first_lane, channels, first_x, step_x, first_y, step_y};
}

}  // namespace tconv::generators
