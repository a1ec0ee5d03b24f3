#include "multiply_planes.h"

#include <string>

#include "finish.h"

namespace tconv::generators {

using namespace Halide;

MultiplyPlanes::Phase::Phase(int r)
    : taps("taps_" + std::to_string(r)),
      first_tap("first_tap_" + std::to_string(r)),
      offset("offset_" + std::to_string(r)) {}

MultiplyPlanes::MultiplyPlanes(Element element, int streams, int width, bool woven)
    : staged(factor_type(element), 3, "staged"),
      packed(factor_type(element), 5, "packed"),
      channels("channels"),
      group_blocks("group_blocks"),
      taps_y("taps_y"),
      tap_step("tap_step"),
      step_x("step_x"),
      step_y("step_y"),
      row_pitch("row_pitch"),
      bias(computed_type(element), 1, "bias"),
      slope(computed_type(element), 1, "slope"),
      finish("finish"),
      low("low"),
      high("high"),
      r("r"),
      m("m"),
      row("row"),
      a("a"),
      block("block"),
      sums("sums"),
      woven(woven) {
    const Type type = computed_type(element);
    std::vector<Expr> first_taps, of_streams;
    for (int stream = 0; stream < streams; stream++) {
        phases.emplace_back(stream);
        first_taps.push_back(phases.back().first_tap);
    }
    auto any = [](const std::vector<Expr> &of, const Expr &which) { return of.size() == 1 ? of[0] : mux(which, of); };
    for (int stream = 0; stream < (woven ? 1 : streams); stream++) {
        const Phase &phase = phases[stream];
        const std::string name = std::to_string(stream);
        RDom of_phase({{0, channels}, {0, woven ? Expr(1) : Expr(phase.taps)}, {0, taps_y}}, "taps" + name);
        RVar ci = of_phase.x, jx = of_phase.y, jy = of_phase.z;
        Expr position = m + row * row_pitch + phase.offset - jx * step_x - jy * step_y;
        Expr tap = (woven ? any(first_taps, r) : Expr(phase.first_tap)) + jx * tap_step;
        Func product("product" + name);
        std::vector<Var> at = {a, m, row, block};
        if (woven) {
            at.insert(at.begin(), r);
        }
        product(at) = cast(type, 0);
        product(at) += cast(type, packed(a, ci, tap, jy, block)) * cast(type, staged(position, ci, block / group_blocks));
        finish_tile(product, at, a, block, {bias, slope, finish, low, high, width});
        taps.push_back(of_phase);
        products.push_back(product);
        of_streams.push_back(product(at));
    }
    sums(r, m, row, a, block) = any(of_streams, r);
}

std::vector<Argument> MultiplyPlanes::arguments() const {
    std::vector<Argument> all = {staged, packed, channels, group_blocks, taps_y,
                                 tap_step, step_x, step_y, row_pitch, bias, slope, finish, low, high};
    for (const Phase &phase : phases) {
        all.insert(all.end(), {phase.taps, phase.first_tap, phase.offset});
    }
    return all;
}

}  // namespace tconv::generators
