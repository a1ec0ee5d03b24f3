// On a GPU: the gradients of the shipped library against the oracle, as gpu_test.cpp has the layers.
#include <gtest/gtest.h>

#include <iterator>
#include <string>
#include <vector>

#include "gpu_fixture.h"
#include "gradient_problem.h"
#include "random_spec.h"
#include "runner.h"
#include "shape_classes.h"
#include "tconv/tconv_cuda_gradients.h"

namespace tconv {
namespace {

using testing::DeviceBytes;
using testing::DeviceTensor;
using testing::GradientProblem;
using testing::Placement;

// Packs and runs on a stream; what is wrong with the result, or an empty text.
std::string run(GradientProblem &problem, const std::vector<double> &expected, const char *kernel, void *stream,
                bool captured = false) {
    tconv_cuda_gradient_plan *plan = nullptr;
    std::string said;
    const tconv_hooks hooks = testing::listening(&said);
    if (tconv_cuda_gradient_plan_create(&problem.spec, problem.which, kernel, nullptr, &hooks, &plan) != TCONV_OK)
        return said;
    tconv_requirements need;
    tconv_requirements_init(&need, sizeof need);
    tconv_cuda_gradient_plan_requirements(plan, &need);
    problem.result().poison();
    DeviceTensor input(problem.input), filter(problem.filter), gradient(problem.output_gradient), result(problem.result());
    DeviceBytes packed(need.packed_filter_bytes), workspace(need.workspace_bytes);
    tconv_gradient_tensors t = problem.tensors();
    t.input = input.view(), t.output_gradient = gradient.view();
    t.packed_filter = packed.at(), t.workspace = workspace.at(), t.workspace_bytes = need.workspace_bytes;
    tconv_status status = TCONV_OK;
    if (problem.which == TCONV_GRADIENT_INPUT) {
        const tconv_view weights = filter.view();
        status = tconv_cuda_gradient_pack_filter(plan, &weights, packed.at(), need.packed_filter_bytes, stream);
        t.input_gradient = result.view();
    } else if (problem.which == TCONV_GRADIENT_FILTER) {
        t.filter_gradient = result.view();
    } else {
        t.bias_gradient = result.view().data;
    }
    const int failed = testing::finish(stream, captured, [&](void *on) {
        if (status == TCONV_OK)
            status = tconv_cuda_gradient_run(plan, &t, on);
    });
    std::string wrong = said;
    if (status == TCONV_OK && failed == 0)
        wrong = result.give() ? problem.compare(expected) : "written around the result";
    else if (wrong.empty())
        wrong = "CUresult " + std::to_string(failed);
    tconv_cuda_gradient_plan_destroy(plan);
    return wrong;
}

class GpuGradients : public testing::Gpu {};

TEST_F(GpuGradients, OfEveryClassOfShapeThroughEveryKernel) {
    for (const testing::ShapeClass &shape : testing::shape_classes()) {
        for (const int32_t dtype : testing::kDtypes) {
            for (const int32_t layout : {TCONV_NCHW, TCONV_NHWC}) {
                tconv_spec spec = testing::linear(testing::layer(shape.layer, dtype));
                spec.layout = layout;
                spec.math = dtype == TCONV_F32 ? TCONV_MATH_TF32 : TCONV_MATH_FAST;  // all kernels of the type
                const Placement placement = layout == TCONV_NCHW ? Placement::kShuffled : Placement::kDense;
                for (const int32_t which : testing::kGradients) {
                    GradientProblem problem(spec, which, 3, placement);
                    const std::vector<double> expected = problem.expected();
                    if (!alive())
                        return;
                    EXPECT_EQ(run(problem, expected, nullptr, stream), "") << testing::text_of(spec) << ' ' << which;
                    for (int32_t i = 0; which == TCONV_GRADIENT_INPUT && i < tconv_cuda_kernel_count() && alive(); i++) {
                        const char *const kernel = tconv_cuda_kernel_name(i);
                        tconv_cuda_gradient_plan *plan = nullptr;
                        if (tconv_cuda_gradient_plan_create(&spec, which, kernel, nullptr, nullptr, &plan) != TCONV_OK)
                            continue;  // refuses the layer, or computes layers only
                        tconv_cuda_gradient_plan_destroy(plan);
                        EXPECT_EQ(run(problem, expected, kernel, stream), "") << testing::text_of(spec) << ' ' << kernel;
                    }
                }
            }
        }
    }
}

TEST_F(GpuGradients, OfRandomLayersOnStreamsAndInGraphs) {
    testing::Random random(22);
    testing::SpecLimits limits;
    limits.activations = false;
    for (int i = 0; i < 300 && alive(); i++) {
        limits.dtype = testing::kDtypes[static_cast<size_t>(i) / 2 % std::size(testing::kDtypes)];
        const tconv_spec spec = testing::linear(testing::random_legal_spec(random, limits));
        for (const int32_t which : testing::kGradients) {
            GradientProblem problem(spec, which, static_cast<uint64_t>(i), static_cast<Placement>(random.below(4)));
            EXPECT_EQ(run(problem, problem.expected(), nullptr, stream, i % 2 == 0), "") << testing::text_of(spec) << ' ' << which;
        }
    }
}

}  // namespace
}  // namespace tconv
