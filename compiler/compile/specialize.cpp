#include "specialize.h"

#include <map>
#include <string>

namespace tconv::compiler {

using namespace Halide;
using namespace Halide::Internal;

namespace {

// For every function called by name: its arguments, undefined where two calls differ.
class FindCalls : public IRVisitor {
public:
    std::map<std::string, std::vector<Expr>> arguments;

private:
    using IRVisitor::visit;

    void visit(const Call *op) override {
        IRVisitor::visit(op);
        if (op->call_type != Call::Extern) {
            return;
        }
        auto [found, first] = arguments.emplace(op->name, op->args);
        for (size_t i = 0; i < op->args.size(); i++) {
            Expr &known = found->second[i];
            if (!is_const(op->args[i]) || (!first && known.defined() && !equal(known, op->args[i]))) {
                known = Expr();
            }
        }
    }
};

}  // namespace

std::vector<LoweredFunc> specialize_stages(const Stmt &layer, const std::vector<LoweredFunc> &stages) {
    FindCalls calls;
    layer.accept(&calls);
    std::vector<LoweredFunc> needed;
    for (const LoweredFunc &stage : stages) {
        auto called = calls.arguments.find(stage.name);
        if (called == calls.arguments.end()) {
            continue;
        }
        std::map<std::string, Expr> constants;
        for (size_t i = 0; i < stage.args.size(); i++) {
            if (called->second[i].defined() && !stage.args[i].type.is_handle()) {
                constants.emplace(stage.args[i].name, called->second[i]);
            }
        }
        LoweredFunc special = stage;
        special.body = simplify(substitute(constants, stage.body));
        needed.push_back(special);
    }
    return needed;
}

}  // namespace tconv::compiler
