#include "ir.h"

namespace tconv::compiler {

using namespace Halide;
using namespace Halide::Internal;

Expr Statements::let(const std::string &name, const Expr &given) {
    // With constant parameters most values are constants; folding them here keeps what they rule out from being built.
    Expr value = simplify(given);
    if (is_const(value)) {
        return value;
    }
    std::string unique = unique_name(name);
    items.push_back(Let{unique, value});
    return Variable::make(value.type(), unique);
}

void Statements::add(const Stmt &statement) {
    items.push_back(statement);
}

void Statements::loop(const std::string &name, const Expr &count, const std::function<void(Statements &, Expr)> &body) {
    std::string unique = unique_name(name);
    Statements inner;
    body(inner, Variable::make(Int(32), unique));
    add(For::make(unique, 0, count, ForType::Serial, Partition::Never, DeviceAPI::None, inner.build()));
}

void Statements::when(const Expr &given, const std::function<void(Statements &)> &body) {
    Expr condition = simplify(given);
    if (is_const_zero(condition)) {
        return;
    }
    Statements inner;
    body(inner);
    add(is_const_one(condition) ? inner.build() : IfThenElse::make(condition, inner.build()));
}

Stmt Statements::build() const {
    Stmt result;
    for (auto item = items.rbegin(); item != items.rend(); ++item) {
        if (const Let *let = std::get_if<Let>(&*item)) {
            if (result.defined()) {
                result = LetStmt::make(let->name, let->value, result);
            }
        } else {
            const Stmt &statement = std::get<Stmt>(*item);
            result = result.defined() ? Block::make(statement, result) : statement;
        }
    }
    return result.defined() ? result : Evaluate::make(0);
}

Expr int64(const Expr &value) {
    return cast<int64_t>(value);
}

Expr address_of(const Type &type, const Expr &host, const Expr &elements) {
    return host + cast<uint64_t>(int64(elements) * make_const(Int(64), type.bytes()));
}

}  // namespace tconv::compiler
