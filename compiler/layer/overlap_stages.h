// The lowered stages of overlap-add, which all dtypes that are computed in one type share.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "ir.h"
#include "stages.h"

namespace tconv::compiler {

class OverlapStages {
public:
    OverlapStages(generators::Element element, const std::string &prefix, const Halide::Target &target);

    std::vector<const RawFunction *> all() const;

    // Appends the call that suits so many lanes.
    void add(Statements &body, bool planar, const Halide::Expr &lanes,
             const std::map<std::string, BufferArgument> &buffers,
             const std::map<std::string, Halide::Expr> &scalars) const;

    const int vector;  // computed numbers
    RawFunction keep, add_planes, add_wide;

private:
    std::map<int, RawFunction> add_narrow;  // of fewer lanes than a vector, by those that they load
};

}  // namespace tconv::compiler
