// A small notation for Halide IR: statements in order, names for values, loops and branches.
#pragma once

#include <functional>
#include <string>
#include <variant>
#include <vector>

#include "Halide.h"

namespace tconv::compiler {

class Statements {
public:
    // Names a value, so that it is computed once.
    Halide::Expr let(const std::string &name, const Halide::Expr &value);

    void add(const Halide::Internal::Stmt &statement);
    void loop(const std::string &name, const Halide::Expr &count,
              const std::function<void(Statements &, Halide::Expr)> &body);
    void when(const Halide::Expr &condition, const std::function<void(Statements &)> &body);

    Halide::Internal::Stmt build() const;

private:
    struct Let {
        std::string name;
        Halide::Expr value;
    };
    std::vector<std::variant<Let, Halide::Internal::Stmt>> items;
};

// Byte address `elements` of a type behind `host`; 64-bit throughout.
Halide::Expr address_of(const Halide::Type &type, const Halide::Expr &host, const Halide::Expr &elements);

Halide::Expr int64(const Halide::Expr &value);

}  // namespace tconv::compiler
