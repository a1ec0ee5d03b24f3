// Products of fragments under a condition of a lane are found, however it gets there.
#include "converging_products.h"

#include <gtest/gtest.h>

#include <stdexcept>
#include <string>

namespace tconv::compiler {
namespace {

using namespace Halide;
using namespace Halide::Internal;

const std::string kLane = "output.s1.a.__thread_id_x", kWarp = "output.s1.warp.__thread_id_z";

Expr variable(const std::string &name) {
    return Variable::make(Int(32), name);
}
Expr number(const std::string &name, const Expr &index) {
    return Load::make(Int(32), name, index, Buffer<>(), Parameter(), const_true(), ModulusRemainder());
}
Stmt store(const std::string &name, const Expr &value) {
    return Store::make(name, value, 0, Parameter(), const_true(), ModulusRemainder());
}
Stmt loop(const std::string &name, const Expr &extent, ForType type, const Stmt &body) {
    return For::make(name, 0, extent, type, Partition::Auto, DeviceAPI::CUDA, body);
}
Stmt of_lanes(const Stmt &body) {
    return loop(kWarp, 4, ForType::GPUThread, loop(kLane, 4, ForType::GPUThread, body));
}

const Expr kCall = Call::make(Int(32), "tconv_fragment_mma_f16", {variable("x")}, Call::Extern);
const Stmt kProduct = store("sums", kCall);
const Expr kOfLane = variable(kLane) < variable("outputs"), kOfWarp = variable(kWarp) < variable("tiles");

void expect_converges(const Stmt &body) {
    const Stmt statement = of_lanes(body);
    EXPECT_TRUE(ConvergingProducts().mutate(statement).same_as(statement));
}
void expect_diverges(const Stmt &body) {
    try {
        ConvergingProducts().mutate(of_lanes(body));
        FAIL() << body;
    } catch (const std::runtime_error &error) {
        EXPECT_NE(std::string(error.what()).find("tconv_fragment_mma_f16 is called by the lanes"), std::string::npos) << error.what();
    }
}

TEST(ConvergingProducts, MayDependOnTheWarp) {
    expect_converges(kProduct);
    expect_converges(IfThenElse::make(kOfWarp, loop("step", variable("steps"), ForType::Serial, kProduct)));
    expect_converges(LetStmt::make("holds", kOfWarp, IfThenElse::make(variable("holds") == 1, kProduct)));
    expect_converges(Block::make(kProduct, IfThenElse::make(kOfLane, store("output", number("sums", 0)))));
}

TEST(ConvergingProducts, MayNotDependOnTheLane) {
    expect_diverges(IfThenElse::make(kOfLane, kProduct));
    expect_diverges(IfThenElse::make(kOfLane, store("output", 1), kProduct));
    expect_diverges(IfThenElse::make(kOfWarp, IfThenElse::make(kOfLane, loop("step", 4, ForType::Serial, kProduct))));
    expect_diverges(loop("step", variable(kLane), ForType::Serial, kProduct));
    expect_diverges(LetStmt::make("first", variable(kLane) * 8,
                                  LetStmt::make("holds", variable("first") < 9, IfThenElse::make(variable("holds"), kProduct))));
    expect_diverges(Block::make(store("flag", variable(kLane)), IfThenElse::make(number("flag", 0) == 1, kProduct)));
    expect_diverges(Block::make(IfThenElse::make(kOfLane, store("flag", 1)), IfThenElse::make(number("flag", 0) == 1, kProduct)));
    expect_diverges(loop("quad", 4, ForType::GPULane, IfThenElse::make(variable("quad") < 2, kProduct)));
}

TEST(ConvergingProducts, MayNotDependOnWhatAnIterationLeavesToTheNext) {
    const Stmt product = IfThenElse::make(number("flag", 0) == 1, kProduct);
    expect_converges(loop("step", 4, ForType::Serial, Block::make(product, store("flag", kOfWarp))));
    expect_diverges(loop("step", 4, ForType::Serial, Block::make(product, store("flag", variable(kLane)))));
    expect_diverges(loop("step", 4, ForType::Serial,
                         Block::make({product, store("flag", number("before", 0)), store("before", variable(kLane))})));
}

TEST(ConvergingProducts, MayNotDependOnTheLaneWithinAValue) {
    auto chosen = [](const Expr &condition) {
        return Call::make(Int(32), Call::if_then_else, {condition, kCall, Expr(0)}, Call::PureIntrinsic);
    };
    expect_converges(store("sums", chosen(kOfWarp)));
    expect_diverges(store("sums", chosen(kOfLane)));
    expect_diverges(store("sums", Let::make("holds", kOfLane, chosen(variable("holds")))));
    expect_diverges(Store::make("sums", kCall, 0, Parameter(), kOfLane, ModulusRemainder()));
}

TEST(ConvergingProducts, AreWithinALoopOverLanes) {
    EXPECT_THROW(ConvergingProducts().mutate(loop("lane", 4, ForType::GPUThread, kProduct)), std::runtime_error);
}

}  // namespace
}  // namespace tconv::compiler
