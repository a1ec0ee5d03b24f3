// On a GPU: the shipped library against the oracle, on streams and in graphs. `make gpu-check` runs it. Every kernel that gives
// wrong numbers is named, since a GPU may not be at hand for long.
#include <gtest/gtest.h>

#include <iterator>
#include <string>
#include <vector>

#include "gpu_fixture.h"
#include "problem.h"
#include "random_spec.h"
#include "runner.h"
#include "shape_classes.h"

namespace tconv {
namespace {

using testing::Placement;
using testing::Problem;

// Packs and runs on a stream, directly or `captured` in a graph; what is wrong with the result, or an empty text.
std::string run(Problem &problem, const std::vector<double> &expected, const std::string &kernel, void *stream,
                bool captured = false) {
    tconv_cuda_plan *plan = nullptr;
    std::string said;
    const tconv_hooks hooks = testing::listening(&said);
    if (tconv_cuda_plan_create(&problem.spec, kernel.empty() ? nullptr : kernel.c_str(), nullptr, &hooks, &plan) != TCONV_OK)
        return said;
    tconv_requirements need;
    tconv_requirements_init(&need, sizeof need);
    tconv_cuda_plan_requirements(plan, &need);
    problem.output.poison();
    testing::DeviceTensor input(problem.input), filter(problem.filter), output(problem.output), residual(problem.residual);
    testing::DeviceTensor bias(problem.bias), slope(problem.slope);
    testing::DeviceBytes packed(need.packed_filter_bytes), workspace(need.workspace_bytes);
    tconv_tensors t;
    tconv_tensors_init(&t, sizeof t);
    t.input = input.view(), t.output = output.view(), t.residual = residual.view();
    t.bias = bias.view().data, t.act_slope = slope.view().data;
    t.packed_filter = packed.at(), t.workspace = workspace.at(), t.workspace_bytes = need.workspace_bytes;
    const tconv_view weights = filter.view();
    tconv_status status = tconv_cuda_pack_filter(plan, &weights, packed.at(), need.packed_filter_bytes, stream);
    const int result = testing::finish(stream, captured, [&](void *on) {
        if (status == TCONV_OK)
            status = tconv_cuda_run(plan, &t, on);
    });
    std::string wrong = said;
    if (status == TCONV_OK && result == 0)
        wrong = output.give() ? problem.compare(expected) : "written around the output";
    else if (wrong.empty())
        wrong = "CUresult " + std::to_string(result);
    tconv_cuda_plan_destroy(plan);
    return wrong;
}

class GpuLayers : public testing::Gpu {
protected:
    void through_every_kernel(const tconv_spec &spec, Placement placement);
};

void GpuLayers::through_every_kernel(const tconv_spec &spec, Placement placement) {
    Problem problem(spec, 3, placement);
    const std::vector<double> expected = problem.expected();
    EXPECT_EQ(run(problem, expected, "", stream), "") << testing::text_of(spec);
    for (int32_t i = 0; i < tconv_cuda_kernel_count() && alive(); i++) {
        tconv_cuda_plan *plan = nullptr;
        if (tconv_cuda_plan_create(&spec, tconv_cuda_kernel_name(i), nullptr, nullptr, &plan) != TCONV_OK)
            continue;  // refuses the layer: the tests under OpenCL hold it to its reasons
        tconv_cuda_plan_destroy(plan);
        EXPECT_EQ(run(problem, expected, tconv_cuda_kernel_name(i), stream), "")
            << testing::text_of(spec) << ' ' << tconv_cuda_kernel_name(i);
    }
}

TEST_F(GpuLayers, EveryClassOfShapeThroughEveryKernel) {
    for (const testing::ShapeClass &shape : testing::shape_classes()) {
        for (const int32_t dtype : testing::kDtypes) {
            for (const int32_t layout : {TCONV_NCHW, TCONV_NHWC}) {
                for (const Placement placement : {Placement::kDense, Placement::kShuffled}) {
                    tconv_spec spec = testing::layer(shape.layer, dtype);
                    spec.layout = layout;
                    spec.math = dtype == TCONV_F32 ? TCONV_MATH_TF32 : TCONV_MATH_FAST;  // all kernels of the type
                    through_every_kernel(spec, placement);
                    if (!alive())
                        return;
                }
            }
        }
    }
}

TEST_F(GpuLayers, RandomLayersOnStreamsAndInGraphs) {
    testing::Random random(21);
    testing::SpecLimits limits;
    limits.exact_only = true;
    for (int i = 0; i < 500 && alive(); i++) {
        limits.dtype = testing::kDtypes[static_cast<size_t>(i) / 2 % std::size(testing::kDtypes)];
        const tconv_spec spec = testing::random_legal_spec(random, limits);
        Problem problem(spec, static_cast<uint64_t>(i), static_cast<Placement>(random.below(4)));
        EXPECT_EQ(run(problem, problem.expected(), "", stream, i % 2 == 0), "") << testing::text_of(spec);
    }
}

}  // namespace
}  // namespace tconv
