#include "prefetch.h"

#include <algorithm>
#include <vector>

namespace tconv::compiler {

using namespace Halide;
using namespace Halide::Internal;

namespace {

constexpr int kLine = 64;
// The loops over tiles, rows and columns of taps, panels and channels: those of generators/multiply.h that a call of one
// row of one block runs through.
constexpr size_t kCountedLoops = 5;
// Of those, the ones over channels.
constexpr size_t kChannelLoops = 2;

// To the first level of cache and up. Halide's runtime declares the intrinsic, so that an extern call of its name is one.
Stmt prefetch_line(const Expr &address) {
    const int read = 0, keep_everywhere = 3, data = 1;
    return Evaluate::make(Call::make(Int(32), "llvm.prefetch.p0",
                                     {reinterpret(Handle(), address), read, keep_everywhere, data}, Call::Extern));
}

class HasLoop : public IRVisitor {
public:
    bool found = false;

private:
    using IRVisitor::visit;
    void visit(const For *) override { found = true; }
};

class PrefetchAhead : public IRMutator {
public:
    PrefetchAhead(int lines, bool planes) : lines(lines), planes(planes) {}

private:
    const int lines;
    const bool planes;
    std::vector<const For *> loops;

    using IRMutator::visit;

    Stmt visit(const For *op) override {
        HasLoop inner;
        op->body.accept(&inner);
        loops.push_back(op);
        Stmt result = op;
        if (inner.found) {
            result = IRMutator::visit(op);
        } else {
            Expr passed = 0;
            for (size_t i = loops.size() - std::min(loops.size(), planes ? kChannelLoops : kCountedLoops);
                 i < loops.size(); i++) {
                passed = passed * loops[i]->extent + (Variable::make(Int(32), loops[i]->name) - loops[i]->min);
            }
            Expr ahead = reinterpret(UInt(64), Variable::make(Handle(), "ahead"));
            Stmt body = op->body;
            for (int line = 0; line < lines; line++) {
                Expr bytes = Variable::make(Int(32), "ahead_bytes");
                Expr at = planes ? cast<int64_t>(passed * lines + line) * bytes
                                 : cast<int64_t>(min(passed * (lines * kLine) + line * kLine, bytes));
                body = Block::make(prefetch_line(ahead + cast<uint64_t>(at)), body);
            }
            result = For::make(op->name, op->min, op->extent, op->for_type, op->partition_policy, op->device_api, body);
        }
        loops.pop_back();
        return result;
    }
};

}  // namespace

void prefetch_ahead(RawFunction &function, int lines, bool planes) {
    function.rewrite({{"ahead", Argument::InputScalar, Handle(), 0, ArgumentEstimates{}},
                      {"ahead_bytes", Argument::InputScalar, Int(32), 0, ArgumentEstimates{}}},
                     [&](const Stmt &body) { return PrefetchAhead(lines, planes).mutate(body); });
}

}  // namespace tconv::compiler
