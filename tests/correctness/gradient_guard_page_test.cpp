// As guard_page_test, for gradients: every tensor touches an inaccessible page, first with its end, then with its
// beginning.
#include <gtest/gtest.h>

#include <cstring>
#include <string>

#include "gradient_runner.h"
#include "guarded.h"
#include "random_spec.h"

namespace tconv {
namespace {

using testing::Flush;
using testing::GradientPlan;
using testing::GradientProblem;
using testing::GuardedBlock;
using testing::GuardedTensor;
using testing::Placement;
using testing::Random;

// Runs the kernel on copies of the problem's tensors between guard pages and puts the result where compare looks.
void run_between_pages(GradientProblem &problem, const std::string &kernel, Flush flush) {
    const GradientPlan plan(problem.spec, problem.which, kernel);
    ASSERT_EQ(plan.status, TCONV_OK);
    problem.result().poison();
    const GuardedTensor input(problem.input, flush), filter(problem.filter, flush),
        output_gradient(problem.output_gradient, flush), result(problem.result(), flush);
    const GuardedBlock packed(plan.needs.packed_filter_bytes, plan.needs.alignment, flush),
        workspace(plan.needs.workspace_bytes, plan.needs.alignment, flush);
    std::memset(packed.data(), 0xff, packed.size());
    std::memset(workspace.data(), 0xff, workspace.size());
    tconv_gradient_tensors tensors;
    tconv_gradient_tensors_init(&tensors, sizeof tensors);
    tensors.output_gradient = output_gradient.view();
    switch (problem.which) {  // what this gradient does not touch is NULL
        case TCONV_GRADIENT_INPUT: {
            const tconv_view weights = filter.view();
            ASSERT_EQ(tconv_gradient_pack_filter(plan.get(), &weights, packed.data(), packed.size()), TCONV_OK);
            tensors.packed_filter = packed.data();
            tensors.input_gradient = result.view();
            break;
        }
        case TCONV_GRADIENT_FILTER:
            tensors.input = input.view();
            tensors.filter_gradient = result.view();
            break;
        default:
            tensors.bias_gradient = result.view().data;
            break;
    }
    tensors.workspace = workspace.data(), tensors.workspace_bytes = workspace.size();
    ASSERT_EQ(tconv_gradient_run(plan.get(), &tensors), TCONV_OK);
    result.copy_to(problem.result());
}

TEST(GradientGuardPages, NoKernelLeavesItsTensors) {
    testing::SignalReport report;
    const uint64_t seed = testing::seed_from_environment();
    for (uint64_t i = 0; i < 400; ++i) {
        Random random(testing::seed_of_case(seed, 40000 + i));
        testing::SpecLimits limits;
        limits.dtype = testing::dtype_of_case(i);
        limits.depthwise = random.chance(0.15);
        limits.most_flops = random.chance(0.05) ? 10e6 : 5e5, limits.most_outputs = 20000;
        const tconv_spec spec = testing::linear(testing::random_legal_spec(random, limits));
        if (spec.batch == 0)
            continue;
        constexpr Placement kPlacements[] = {Placement::kDense, Placement::kDense, Placement::kOther, Placement::kSlice,
                                             Placement::kShuffled};
        const Placement placement = random.pick(kPlacements);
        for (const int32_t which : testing::kGradients) {
            GradientProblem problem(spec, which, random.next(), placement);
            const std::vector<double> expected = problem.expected();
            for (const std::string &kernel : testing::kernels_for(spec, which)) {
                for (const Flush flush : {Flush::kEnd, Flush::kStart}) {
                    report.running = "TCONV_SEED=" + std::to_string(seed) + " case " + std::to_string(i) + " " +
                              testing::text_of(spec) + " gradient of the " + testing::gradient_text(which) + " " +
                              kernel + (flush == Flush::kEnd ? " end" : " start");
                    SCOPED_TRACE(report.running);
                    run_between_pages(problem, kernel, flush);
                    ASSERT_EQ(problem.compare(expected), "");
                    if (HasFatalFailure())
                        return;
                }
            }
        }
    }
}

}  // namespace
}  // namespace tconv
