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
    return loop->for_type == ForType::GPULane ||
           (loop->for_type == ForType::GPUThread &&
            (ends_with(loop->name, "thread_id_x") || ends_with(loop->name, "thread_id_y")));
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
    bool lanes_ = false;             // inside a loop over them
    Expr condition_;                 // what has to hold here, if it is of a lane

    bool of_lane(const Expr &value) const {
        Reads reads;
        value.accept(&reads);
        return std::any_of(reads.names.begin(), reads.names.end(),
                           [&](const std::string &name) { return of_lane_.count(name) > 0; });
    }
    template <typename Node>
    void under(const Expr &condition, const Node &node) {
        const Expr outer = condition_;
        if (!outer.defined() && of_lane(condition))
            condition_ = condition;
        node.accept(this);
        condition_ = outer;
    }
    template <typename Node>
    void bind(const std::string &name, const Expr &value, const Node &body) {
        value.accept(this);
        if (of_lane(value))
            of_lane_.insert(name);
        body.accept(this);
    }

    void visit(const For *op) override {
        const bool outer = lanes_;
        lanes_ = lanes_ || counts_lanes(op);
        if (counts_lanes(op) || of_lane(op->min))
            of_lane_.insert(op->name);
        under(op->extent, op->body);
        lanes_ = outer;
    }
    void visit(const IfThenElse *op) override {
        op->condition.accept(this);
        under(op->condition, op->then_case);
        if (op->else_case.defined())
            under(op->condition, op->else_case);
    }
    void visit(const LetStmt *op) override { bind(op->name, op->value, op->body); }
    void visit(const Let *op) override { bind(op->name, op->value, op->body); }
    void visit(const Store *op) override {
        if (condition_.defined() || of_lane(op->predicate) || of_lane(op->value) || of_lane(op->index))
            of_lane_.insert(op->name);
        under(op->predicate, op->value);
        op->index.accept(this);
    }
    void visit(const Call *op) override {
        if (starts_with(op->name, generators::FragmentCalls::multiply) && refused.empty() && (condition_.defined() || !lanes_)) {
            std::ostringstream text;
            if (condition_.defined())
                text << " is called by the lanes for which this holds, and not by all of a warp: " << condition_;
            else
                text << " is called where no loop counts lanes";
            refused = op->name + text.str();
        }
        if (op->is_intrinsic(Call::if_then_else)) {  // evaluates only what it gives
            op->args[0].accept(this);
            for (size_t i = 1; i < op->args.size(); i++)
                under(op->args[0], op->args[i]);
        } else {
            IRVisitor::visit(op);
        }
    }

public:
    std::string refused;  // why, of the first call that is
    size_t known() const { return of_lane_.size(); }
};

}  // namespace

Stmt ConvergingProducts::mutate(const Stmt &s) {
    Divergence divergence;
    size_t known = 0;
    do {  // an iteration may leave memory to the next one
        known = divergence.known();
        divergence.refused.clear();
        s.accept(&divergence);
    } while (known != divergence.known());
    if (!divergence.refused.empty())
        throw std::runtime_error(divergence.refused);
    return s;
}

}  // namespace tconv::compiler
