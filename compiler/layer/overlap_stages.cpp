#include "overlap_stages.h"

#include "schedule.h"

namespace tconv::compiler {

using namespace Halide;
using generators::Element;

namespace {

constexpr int kLeastLanes = 2;

RawFunction lowered(const generators::OverlapAdd &add, const std::string &name, const Target &target) {
    return RawFunction(add.sums, "sums", add.arguments(), name, target);
}

RawFunction added(Element element, int vector, bool wide, const std::string &name, const Target &target) {
    generators::OverlapAdd add(element);
    schedules::cpu_overlap_add(add, vector, wide);
    return lowered(add, name, target);
}

RawFunction added_planes(Element element, const std::string &name, const Target &target) {
    generators::OverlapAdd add(element);
    schedules::cpu_overlap_add_planes(add, vector_of(target, element));
    return lowered(add, name, target);
}

RawFunction kept(Element element, const std::string &name, const Target &target) {
    generators::KeepProducts keep(element);
    schedules::cpu_keep_products(keep, vector_of(target, element));
    return RawFunction(keep.kept, "kept", keep.arguments(), name, target);
}

}  // namespace

OverlapStages::OverlapStages(Element element, const std::string &prefix, const Target &target)
    : vector(vector_of(target, element)),
      keep(kept(element, prefix + "_overlap_keep", target)),
      add_planes(added_planes(element, prefix + "_overlap_add_planes", target)),
      add_wide(added(element, vector, true, prefix + "_overlap_add", target)) {
    for (int lanes = vector; lanes >= kLeastLanes; lanes /= 2) {
        add_narrow.emplace(lanes,
                           added(element, lanes, false, prefix + "_overlap_add_" + std::to_string(lanes), target));
    }
}

std::vector<const RawFunction *> OverlapStages::all() const {
    std::vector<const RawFunction *> functions = {&keep, &add_planes, &add_wide};
    for (const auto &[lanes, function] : add_narrow) {
        functions.push_back(&function);
    }
    return functions;
}

void OverlapStages::add(Statements &body, bool planar, const Expr &lanes,
                        const std::map<std::string, BufferArgument> &buffers,
                        const std::map<std::string, Expr> &scalars) const {
    if (planar) {
        body.add(add_planes.call(buffers, scalars));
        return;
    }
    int least = 0;
    for (const auto &[most, function] : add_narrow) {
        const RawFunction &narrow = function;
        Expr fits = lanes > least && lanes <= most;
        if (most == vector) {
            fits = lanes > least && lanes < most;
        }
        body.when(fits, [&](Statements &then) { then.add(narrow.call(buffers, scalars)); });
        least = most;
    }
    body.when(lanes >= vector, [&](Statements &then) { then.add(add_wide.call(buffers, scalars)); });
}

}  // namespace tconv::compiler
