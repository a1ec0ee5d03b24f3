#include "plane_tiles.h"

#include <algorithm>

#include "schedule.h"

namespace tconv::compiler {

using namespace Halide;
using namespace Halide::Internal;
using generators::MultiplyPlanes;

namespace {

constexpr int kMostRows = 4;

const RowArguments &arguments() {
    static const RowArguments all = [] {
        RowArguments of = {{"staged", "packed", "sums", "bias", "slope"},
                           {"stride",  "pixels",  "rows",         "exact",  "blocks",   "channels", "group_blocks", "channel",
                            "group",   "tap",     "tap_row",      "packed_block", "sums_a", "sums_row", "taps_y", "tap_step",
                            "step_x",  "step_y",  "row_pitch",    "finish", "low",      "high"}};
        for (int r = 0; r < MultiplyPlanes::most_phases; r++) {
            for (const char *phase : {"taps_", "first_tap_", "offset_"}) {
                of.numbers.push_back(phase + std::to_string(r));
            }
        }
        return of;
    }();
    return all;
}

}  // namespace

PlaneTiles::PlaneTiles(const Variant &variant, const std::string &prefix, const Target &target,
                       const std::set<std::pair<int, int>> &needed)
    : width(variant.tile_a),
      vector(vector_of(target, variant.element())),
      computed(generators::computed_type(variant.element())) {
    for (int stride = 1; stride <= MultiplyPlanes::most_phases; stride++) {
        for (int vectors = 1; vectors <= widest(variant.tile_m, vector, stride); vectors++) {
            if (!needed.empty() && needed.count({stride, vectors}) == 0) {
                continue;
            }
            for (const int rows : {1, most_rows(variant.tile_m, stride, vectors)}) {
                MultiplyPlanes multiply(variant.element(), stride, width, variant.woven());
                schedules::cpu_multiply_planes(multiply, {width, vectors * vector, vector, false, rows});
                const std::string name = prefix + "_" + variant.multiply_key() + "_multiply_" +
                                         std::to_string(vectors * vector) + "_s" + std::to_string(stride) +
                                         (rows == 1 ? "" : "_rows" + std::to_string(rows));
                tiles[stride][vectors].try_emplace(rows, multiply.sums, "sums", multiply.arguments(), name, target);
            }
        }
    }
}

// Of tiles of one or two vectors, as many rows as make up for their few multiply-adds a tap.
int PlaneTiles::most_rows(int tile_m, int stride, int vectors) const {
    return vectors > 2 ? 1 : std::clamp(widest(tile_m, vector, stride) / vectors, 1, kMostRows);
}

std::vector<const RawFunction *> PlaneTiles::all() const {
    std::vector<const RawFunction *> functions;
    for (const auto &[stride, by_width] : tiles) {
        for (const auto &[vectors, by_rows] : by_width) {
            for (const auto &[rows, tile] : by_rows) {
                functions.push_back(&tile);
            }
        }
    }
    return functions;
}

void PlaneTiles::call(Statements &body, const PlaneLine &line) const {
    Expr pixels = line.at("pixels"), exact = line.at("exact") != 0;
    Expr length = body.let("length", select(exact, pixels, pixels + vector - 1) / vector);
    auto call_rows = [&](Statements &some, const RawFunction &function, int stride, const Expr &start,
                         const Expr &extent, const Expr &row, const Expr &rows) {
        std::map<std::string, Expr> scalars;
        for (const std::string &number : arguments().numbers) {
            scalars[number] = line.at(number);
        }
        scalars["low"] = reinterpret<float>(line.at("low"));
        scalars["high"] = reinterpret<float>(line.at("high"));
        some.add(function.call(
            {{"staged",
              {address_of(computed, line.at("staged"), start + row * line.at("row_pitch")),
               {0, 0, 0},
               {1, line.at("channel"), line.at("group")}}},
             {"packed",
              {line.at("packed"),
               {width, 0, 0, 0, 0},
               {1, width, line.at("tap"), line.at("tap_row"), line.at("packed_block")}}},
             {"sums",
              {address_of(computed, line.at("sums"), int64(start * stride) + int64(row) * line.at("sums_row")),
               {stride, extent, rows, width, line.at("blocks")},
               {1, stride, line.at("sums_row"), line.at("sums_a"), width * line.at("sums_a")}}},
             {"bias", {line.at("bias"), {0}, {1}}},
             {"slope", {line.at("slope"), {0}, {1}}}},
            scalars));
    };
    // Tiles of several rows, then of the rows that are left.
    auto call = [&](Statements &some, const std::map<int, RawFunction> &by_rows, int stride, const Expr &start,
                    const Expr &extent) {
        const auto &[most, several] = *by_rows.rbegin();
        Expr whole = most == 1 ? Expr(0) : some.let("whole_rows", line.at("rows") / most * most);
        if (most > 1) {
            const RawFunction &function = several;
            some.when(whole > 0,
                      [&](Statements &then) { call_rows(then, function, stride, start, extent, 0, whole); });
        }
        some.when(whole < line.at("rows"), [&](Statements &then) {
            call_rows(then, by_rows.at(1), stride, start, extent, whole, line.at("rows") - whole);
        });
    };
    for (const auto &[of_stride, of_widths] : tiles) {
        const int stride = of_stride;
        const auto &by_width = of_widths;
        body.when(line.at("stride") == stride, [&](Statements &then) {
            std::vector<int> widths;
            for (const auto &[vectors, tile] : by_width) {
                widths.push_back(vectors);
            }
            each_tile_width(then, length, widths.back(), vector, widths,
                            [&](Statements &some, int vectors, const Expr &count, const Expr &start) {
                                call(some, by_width.at(vectors), stride, start, count * (vectors * vector));
                            });
            if (const auto one = by_width.find(1); one != by_width.end()) {
                then.when(exact && length * vector < pixels, [&](Statements &last) {
                    call(last, one->second, stride, pixels - vector, vector);
                });
            }
        });
    }
}

LoweredFunc plane_line_function(const std::string &name, const PlaneTiles &tiles) {
    return shared_row_function(name, arguments(),
                               [&](Statements &body, const RowValues &line) { tiles.call(body, line); });
}

Stmt call_plane_line(const std::string &name, const PlaneLine &line) {
    return call_shared_row(name, arguments(), line);
}

}  // namespace tconv::compiler
