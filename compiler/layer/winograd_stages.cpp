#include "winograd_stages.h"

#include "layer_params.h"
#include "schedule.h"
#include "winograd.h"
#include "winograd_blocking.h"

namespace tconv::compiler {

using namespace Halide;

static_assert(generators::kMostPoints == kMostPoints);

WinogradStages::WinogradStages(const Variant &variant, const std::string &prefix, const std::string &filter_prefix,
                               const Target &target, const std::set<int> &needed)
    : outputs(variant.winograd_outputs()),
      stored(generators::stored_type(variant.element())),
      computed(generators::computed_type(variant.element())) {
    const generators::Element element = variant.element();
    const int vector = vector_of(target, element), panel = kPanelBytes / computed.bytes();
    auto wanted = [&](int taps) { return needed.empty() || needed.count(taps) > 0; };
    const int most = generators::most_winograd_taps(outputs);
    for (int taps_y = 1; taps_y <= most; taps_y++) {
        for (int taps_x = 1; taps_x <= most; taps_x++) {
            if (!wanted(taps_y) || !wanted(taps_x)) {
                continue;
            }
            const generators::Tile2d form(outputs, taps_y, taps_x);
            generators::WinogradInput input(element, form);
            schedules::cpu_winograd_input(input, vector, panel);
            generators::WinogradOutput output(element, form);
            schedules::cpu_winograd_output(output, vector);
            generators::WinogradFilter filter(element, form);
            schedules::cpu_winograd_filter(filter, vector);
            const std::string of =
                "_" + variant.family + "_" + std::to_string(taps_y) + "x" + std::to_string(taps_x) + "_";
            by_taps.try_emplace(
                {taps_y, taps_x},
                Transformations{
                    RawFunction(input.transformed, "transformed", input.arguments(), prefix + of + "input", target),
                    RawFunction(output.sums, "sums", output.arguments(), prefix + of + "output", target),
                    RawFunction(filter.packed, "packed", filter.arguments(), filter_prefix + of + "filter", target)});
        }
    }
}

std::vector<const RawFunction *> WinogradStages::all() const {
    std::vector<const RawFunction *> functions;
    for (const auto &[taps, of] : by_taps) {
        functions.insert(functions.end(), {&of.input, &of.output, &of.filter});
    }
    return functions;
}

void WinogradStages::each(Statements &body, const Expr &taps_y, const Expr &taps_x,
                          const std::function<void(Statements &, const Transformations &)> &call) const {
    for (const auto &[taps, of] : by_taps) {
        const Transformations &transformations = of;
        body.when(taps_y == taps.first && taps_x == taps.second,
                  [&](Statements &then) { call(then, transformations); });
    }
}

Expr WinogradStages::outputs_along(const Expr &taps) const {
    return select(taps == 1, 1, outputs);
}

Expr WinogradStages::points_along(const Expr &taps) const {
    return select(taps == 1, 1, outputs - 1 + taps);
}

}  // namespace tconv::compiler
