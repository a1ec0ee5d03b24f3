#include "loop_conditions.h"

#include <set>
#include <string>

namespace tconv::compiler {

using namespace Halide;
using namespace Halide::Internal;

namespace {

// A comparison of a number at a constant place with a constant.
const Load *number_of(const Expr &condition) {
    const EQ *const equal = condition.as<EQ>();
    const Load *const load = equal != nullptr ? equal->a.as<Load>() : nullptr;
    return load != nullptr && is_const(load->index) && is_const(equal->b) ? load : nullptr;
}

// Statements without the condition that all of them are under; `common` is undefined if there is none.
class WithoutCondition : public IRMutator {
    using IRMutator::visit;

    bool failed_ = false;
    std::set<std::string> allocated_;

    Stmt visit(const IfThenElse *op) override {
        const bool same = number_of(op->condition) != nullptr && !op->else_case.defined() &&
                          (!common_.defined() || graph_equal(common_, op->condition));
        if (!same)
            return fail(op);
        common_ = op->condition;
        return op->then_case;
    }
    Stmt visit(const Allocate *op) override {
        allocated_.insert(op->name);
        return IRMutator::visit(op);
    }
    Stmt visit(const Store *op) override { return fail(op); }
    Stmt visit(const For *op) override { return fail(op); }
    Stmt visit(const Evaluate *op) override { return is_const(op->value) ? Stmt(op) : fail(op); }
    Stmt fail(const Stmt &statement) {
        failed_ = true;
        return statement;
    }

    Expr common_;

public:
    Expr common() const {
        return failed_ || !common_.defined() || allocated_.count(number_of(common_)->name) > 0 ? Expr() : common_;
    }
};

class Stores : public IRVisitor {
    using IRVisitor::visit;

    void visit(const Store *op) override { names.insert(op->name); }

public:
    std::set<std::string> names;
};

}  // namespace

Stmt ConditionsBeforeLoops::visit(const For *op) {
    WithoutCondition inner;
    const Stmt body = op->for_type == ForType::Serial ? inner.mutate(op->body) : Stmt();
    const Expr condition = inner.common();
    if (!condition.defined())
        return IRMutator::visit(op);
    Stores stores;
    body.accept(&stores);
    if (stores.names.count(number_of(condition)->name) > 0)
        return IRMutator::visit(op);
    const Stmt loop = For::make(op->name, op->min, op->extent, op->for_type, op->partition_policy, op->device_api, body);
    return IfThenElse::make(condition, loop);
}

}  // namespace tconv::compiler
