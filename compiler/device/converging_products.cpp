#include "converging_products.h"

#include <algorithm>
#include <set>
#include <sstream>
#include <stdexcept>
#include <string>

#include "fragments.h"

namespace tconv::compiler {

using namespace Halide;
using namespace Halide::Internal;

namespace {

// Lanes of a warp differ in the first two indices of a block's threads (schedules/cuda_dense_phases.cpp); the third counts warps.
bool counts_lanes(const For *loop) {
    return loop->for_type == ForType::GPUThread &&
           (ends_with(loop->name, "thread_id_x") || ends_with(loop->name, "thread_id_y"));
}

// Variables, and memory that is read.
class Reads : public IRVisitor {
    using IRVisitor::visit;

    void visit(const Variable *op) override { names.insert(op->name); }
    void visit(const Load *op) override {
        names.insert(op->name);
        IRVisitor::visit(op);
    }

public:
    std::set<std::string> names;
};

class Divergence : public IRVisitor {
    using IRVisitor::visit;

    std::set<std::string> of_lane_;  // variables, and memory, whose values differ between lanes
    Expr condition_;                 // what has to hold here, if it is of a lane

    bool of_lane(const Expr &value) const {
        Reads reads;
        value.accept(&reads);
        return std::any_of(reads.names.begin(), reads.names.end(),
                           [&](const std::string &name) { return of_lane_.count(name) > 0; });
    }
    void under(const Expr &condition, const Stmt &statement) {
        const Expr outer = condition_;
        if (!outer.defined() && of_lane(condition))
            condition_ = condition;
        statement.accept(this);
        condition_ = outer;
    }

    void visit(const For *op) override {
        if (counts_lanes(op))
            of_lane_.insert(op->name);
        if (of_lane(op->min))
            of_lane_.insert(op->name);
        under(op->extent, op->body);
    }
    void visit(const IfThenElse *op) override {
        under(op->condition, op->then_case);
        if (op->else_case.defined())
            under(op->condition, op->else_case);
    }
    void visit(const LetStmt *op) override {
        op->value.accept(this);
        if (of_lane(op->value))
            of_lane_.insert(op->name);
        op->body.accept(this);
    }
    void visit(const Store *op) override {
        if (condition_.defined() || of_lane(op->value) || of_lane(op->index))
            of_lane_.insert(op->name);
        IRVisitor::visit(op);
    }
    void visit(const Call *op) override {
        if (condition_.defined() && starts_with(op->name, generators::FragmentCalls::multiply)) {
            std::ostringstream text;
            text << op->name << " is called by the lanes for which this holds, and not by all of a warp: " << condition_;
            throw std::runtime_error(text.str());
        }
        IRVisitor::visit(op);
    }
};

}  // namespace

Stmt ConvergingProducts::mutate(const Stmt &s) {
    Divergence divergence;
    s.accept(&divergence);
    return s;
}

}  // namespace tconv::compiler
