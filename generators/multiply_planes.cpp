#include "multiply_planes.h"

#include <string>

#include "finish.h"

namespace tconv::generators {

using namespace Halide;

MultiplyPlanes::Phase::Phase(int r)
    : taps("taps_" + std::to_string(r)),
      first_tap("first_tap_" + std::to_string(r)),
      offset("offset_" + std::to_string(r)) {}

MultiplyPlanes::MultiplyPlanes(Element element, int streams, int width)
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
      sums("sums") {
    const Type type = computed_type(element);
    std::vector<Expr> of_streams;
    for (int stream = 0; stream < streams; stream++) {
        phases.emplace_back(stream);
        const Phase &phase = phases.back();
        const std::string name = std::to_string(stream);
        RDom of_phase({{0, channels}, {0, phase.taps}, {0, taps_y}}, "taps" + name);
        RVar ci = of_phase.x, jx = of_phase.y, jy = of_phase.z;
        Expr position = m + row * row_pitch + phase.offset - jx * step_x - jy * step_y;
        Func product("product" + name);
        product(a, m, row, block) = cast(type, 0);
        product(a, m, row, block) += cast(type, packed(a, ci, phase.first_tap + jx * tap_step, jy, block)) *
                                     cast(type, staged(position, ci, block / group_blocks));
        finish_tile(product, a, m, row, block, {bias, slope, finish, low, high, width});
        taps.push_back(of_phase);
        products.push_back(product);
        of_streams.push_back(product(a, m, row, block));
    }
    sums(r, m, row, a, block) = streams == 1 ? of_streams[0] : mux(r, of_streams);
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
