// Conditions moved out of loops: only those that decide for all that a loop does, and that it does not change.
#include "loop_conditions.h"

#include <gtest/gtest.h>

#include <string>

namespace tconv::compiler {
namespace {

using namespace Halide;
using namespace Halide::Internal;

const Expr kI = Variable::make(Int(32), "i");

Expr number(const std::string &name, const Expr &index) {
    return Load::make(Int(32), name, index, Buffer<>(), Parameter(), const_true(), ModulusRemainder());
}
Stmt store(const std::string &name) {
    return Store::make(name, kI, kI, Parameter(), const_true(), ModulusRemainder());
}
Stmt loop(const Stmt &body, ForType type = ForType::Serial) {
    return For::make("i", 0, 8, type, Partition::Auto, DeviceAPI::None, body);
}

const Expr kHolds = number("flag", 0) == 1;

void expect_unchanged(const Stmt &statement) {
    EXPECT_TRUE(equal(ConditionsBeforeLoops().mutate(statement), statement)) << statement;
}

TEST(ConditionsBeforeLoops, LeaveLoopsOfWhichTheyDecideAll) {
    const Stmt conditional = IfThenElse::make(kHolds, store("a")), other = IfThenElse::make(kHolds, store("b"));
    const Stmt read = LetStmt::make("t", kI + 1, ProducerConsumer::make_consume("a", other));
    const Stmt moved = ConditionsBeforeLoops().mutate(loop(Block::make(conditional, read)));
    const Stmt expected = IfThenElse::make(
        kHolds,
        loop(Block::make(store("a"), LetStmt::make("t", kI + 1, ProducerConsumer::make_consume("a", store("b"))))));
    EXPECT_TRUE(equal(moved, expected)) << moved;
    EXPECT_TRUE(equal(ConditionsBeforeLoops().mutate(loop(loop(conditional))), loop(IfThenElse::make(kHolds, loop(store("a"))))));
}

TEST(ConditionsBeforeLoops, StayWhereTheLoopDoesMoreOrChangesThem) {
    const Stmt conditional = IfThenElse::make(kHolds, store("a"));
    expect_unchanged(loop(Block::make(conditional, store("b"))));
    expect_unchanged(loop(Block::make(conditional, IfThenElse::make(number("flag", 0) == 2, store("b")))));
    expect_unchanged(loop(Block::make(conditional, IfThenElse::make(kHolds, store("b"), store("c")))));
    expect_unchanged(loop(IfThenElse::make(kHolds, store("flag"))));
    expect_unchanged(loop(IfThenElse::make(number("flag", kI) == 1, store("a"))));
    expect_unchanged(loop(conditional, ForType::GPUThread));
    expect_unchanged(
        loop(Allocate::make("flag", Int(32), MemoryType::Register, {Expr(1)}, const_true(), conditional)));
}

}  // namespace
}  // namespace tconv::compiler
