// Every tensor touches an inaccessible page, first with its end, then with its beginning: a kernel that reads or
// writes one element too many stops here with a signal, whatever it would have done with it. Sanitizers see the tests'
// own code; these pages see generated code in the build that is shipped.
#include <gtest/gtest.h>

#include <csignal>
#include <string>

#include "guarded.h"
#include "random_spec.h"
#include "runner.h"

namespace tconv {
namespace {

using testing::Flush;
using testing::GuardedBlock;
using testing::GuardedTensor;
using testing::Placement;
using testing::Plan;
using testing::Problem;
using testing::Random;
using testing::SpecLimits;

// Runs the kernel on copies of the problem's tensors between guard pages and puts the result where compare looks.
void run_between_pages(Problem &problem, const std::string &kernel, Flush flush) {
    const Plan plan(problem.spec, kernel);
    ASSERT_EQ(plan.status, TCONV_OK);
    problem.output.poison();
    const GuardedTensor input(problem.input, flush), filter(problem.filter, flush), residual(problem.residual, flush),
        output(problem.output, flush), bias(problem.bias, flush), slope(problem.slope, flush);
    const GuardedBlock packed(plan.needs.packed_filter_bytes, plan.needs.alignment, flush),
        workspace(plan.needs.workspace_bytes, plan.needs.alignment, flush);
    const tconv_view weights = filter.view();
    ASSERT_EQ(tconv_pack_filter(plan.get(), &weights, packed.data(), packed.size()), TCONV_OK);
    tconv_tensors tensors = problem.tensors();
    tensors.input = input.view(), tensors.output = output.view(), tensors.residual = residual.view();
    tensors.bias = bias.data(), tensors.act_slope = slope.data(), tensors.packed_filter = packed.data();
    tensors.workspace = workspace.data(), tensors.workspace_bytes = workspace.size();
    ASSERT_EQ(tconv_run(plan.get(), &tensors), TCONV_OK);
    output.copy_to(problem.output);
}

TEST(GuardPages, NoKernelLeavesItsTensors) {
    testing::SignalReport report;
    const uint64_t seed = testing::seed_from_environment();
    for (uint64_t i = 0; i < 500; ++i) {
        Random random(testing::seed_of_case(seed, i));
        SpecLimits limits;
        limits.dtype = testing::dtype_of_case(i);
        limits.exact_only = random.chance(0.7);
        const double kind = random.unit();
        limits.depthwise = kind < 0.15, limits.winograd = kind > 0.8;
        limits.most_flops = random.chance(0.05) ? 10e6 : 5e5, limits.most_outputs = 20000;
        const tconv_spec spec = testing::random_legal_spec(random, limits);
        if (spec.batch == 0)
            continue;
        constexpr Placement kPlacements[] = {Placement::kDense, Placement::kDense, Placement::kOther, Placement::kSlice,
                                             Placement::kShuffled};
        const uint64_t data = random.next();
        const Placement placement = random.pick(kPlacements);
        for (const testing::Lot &lot : testing::lots_for(spec)) {
            Problem problem(spec, data, placement, lot.rules);
            const std::vector<double> expected = problem.expected();
            for (const std::string &kernel : lot.kernels) {
                for (const Flush flush : {Flush::kEnd, Flush::kStart}) {
                    report.running = "TCONV_SEED=" + std::to_string(seed) + " case " + std::to_string(i) + " " +
                              testing::text_of(spec) + " " + kernel + (flush == Flush::kEnd ? " end" : " start");
                    SCOPED_TRACE(report.running);
                    run_between_pages(problem, kernel, flush);
                    if (testing::is_exact(spec)) {
                        ASSERT_EQ(problem.compare(expected), "");
                    }
                    if (HasFatalFailure())
                        return;
                }
            }
        }
    }
}

// The pages do stop what they should.
TEST(GuardPages, StopAnAccessPastTheEnd) {
    const GuardedBlock block(100, 4, Flush::kEnd), start(100, 64, Flush::kStart);
    volatile char *const bytes = static_cast<char *>(block.data()), *const first = static_cast<char *>(start.data());
    bytes[99] = 1;
    first[0] = 1;
    EXPECT_EXIT(bytes[100] = 1, ::testing::KilledBySignal(SIGSEGV), "");
    EXPECT_EXIT(first[-1] = 1, ::testing::KilledBySignal(SIGSEGV), "");
}

}  // namespace
}  // namespace tconv
