// The lowered transformations of Winograd's tiles, for all numbers of taps that phases may have.
#pragma once

#include <functional>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "ir.h"
#include "stages.h"

namespace tconv::compiler {

class WinogradStages {
public:
    struct Transformations {
        RawFunction input, output, filter;
    };

    // `needed`: numbers of taps along an axis; empty: all. Dtypes that are computed in one type differ in the filter's
    // transformation only, whose names have the prefix of their own.
    WinogradStages(const Variant &variant, const std::string &prefix, const std::string &filter_prefix,
                   const Halide::Target &target, const std::set<int> &needed = {});

    std::vector<const RawFunction *> all() const;

    // Appends a call for phases of so many taps.
    void each(Statements &body, const Halide::Expr &taps_y, const Halide::Expr &taps_x,
              const std::function<void(Statements &, const Transformations &)> &call) const;

    // Of a tile along an axis, for phases of so many taps.
    Halide::Expr outputs_along(const Halide::Expr &taps) const;
    Halide::Expr points_along(const Halide::Expr &taps) const;

    const int outputs;
    const Halide::Type stored, computed;

private:
    std::map<std::pair<int, int>, Transformations> by_taps;  // along y and x
};

}  // namespace tconv::compiler
