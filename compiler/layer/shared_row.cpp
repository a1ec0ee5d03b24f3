#include "shared_row.h"

namespace tconv::compiler {

using namespace Halide;
using namespace Halide::Internal;

LoweredFunc shared_row_function(const std::string &name, const RowArguments &arguments,
                                const std::function<void(Statements &, const RowValues &)> &append) {
    RowValues values;
    std::vector<LoweredArgument> lowered;
    for (const std::string &address : arguments.addresses) {
        lowered.emplace_back(address, Argument::InputScalar, Handle(), 0, ArgumentEstimates{});
        values[address] = reinterpret(UInt(64), Variable::make(Handle(), address));
    }
    for (const std::string &number : arguments.numbers) {
        lowered.emplace_back(number, Argument::InputScalar, Int(32), 0, ArgumentEstimates{});
        values[number] = Variable::make(Int(32), number);
    }
    Statements body;
    append(body, values);
    return LoweredFunc(name, lowered, body.build(), LinkageType::External, NameMangling::C);
}

Stmt call_shared_row(const std::string &name, const RowArguments &arguments, const RowValues &values) {
    std::vector<Expr> passed;
    for (const std::string &address : arguments.addresses) {
        passed.push_back(reinterpret(Handle(), values.at(address)));
    }
    for (const std::string &number : arguments.numbers) {
        passed.push_back(cast<int32_t>(values.at(number)));
    }
    return Evaluate::make(Call::make(Int(32), name, passed, Call::Extern));
}

void each_tile_width(Statements &body, const Expr &length, int most, int step, const std::vector<int> &widths,
                     const std::function<void(Statements &, int width, const Expr &count, const Expr &start)> &visit) {
    // `wide` tiles are one step wider than `narrow`.
    Expr all = body.let("tiles", (length + most - 1) / most);
    Expr narrow = body.let("narrow", length / max(all, 1));
    Expr wide = body.let("wide", length % max(all, 1));
    for (const int width : widths) {
        Expr count = body.let("tile_count", select(narrow + 1 == width, wide, select(narrow == width, all - wide, 0)));
        Expr start = body.let("tile_start", select(narrow == width, wide * (width + 1), 0) * step);
        body.when(count > 0, [&](Statements &then) { visit(then, width, count, start); });
    }
}

}  // namespace tconv::compiler
