#include "gradient_runner.h"

namespace tconv::testing {

GradientPlan::GradientPlan(const tconv_spec &spec, int32_t which, const std::string &kernel, const tconv_hooks *hooks) {
    tconv_requirements_init(&needs, sizeof needs);
    status = tconv_gradient_plan_create(&spec, which, kernel.empty() ? nullptr : kernel.c_str(), hooks, &plan_);
    if (status == TCONV_OK)
        status = tconv_gradient_plan_requirements(plan_, &needs);
}

GradientPlan::~GradientPlan() {
    tconv_gradient_plan_destroy(plan_);
}

tconv_status GradientRunner::run(GradientProblem &problem, const std::string &name) {
    log.clear();
    const GradientPlan plan(problem.spec, problem.which, name, &hooks);
    if (plan.status != TCONV_OK)
        return plan.status;
    kernel = tconv_gradient_plan_kernel(plan.get());
    Block packed(plan.needs.packed_filter_bytes, pattern), workspace(plan.needs.workspace_bytes, pattern);
    tconv_gradient_tensors tensors = problem.tensors();
    tconv_status status = TCONV_OK;
    if (problem.which == TCONV_GRADIENT_INPUT) {
        const tconv_view filter = problem.filter.view();
        status = tconv_gradient_pack_filter(plan.get(), &filter, packed.data(), packed.size());
        tensors.packed_filter = packed.data();
    }
    problem.result().poison();
    tensors.workspace = workspace.data();
    tensors.workspace_bytes = workspace.size();
    if (status == TCONV_OK)
        status = tconv_gradient_run(plan.get(), &tensors);
    if (status == TCONV_OK && (!packed.guards_intact() || !workspace.guards_intact())) {
        log += "the kernel wrote past its packed filter or workspace\n";
        return TCONV_INTERNAL;
    }
    return status;
}

std::vector<std::string> kernels_for(const tconv_spec &spec, int32_t which) {
    static const std::vector<std::string> usable = usable_kernels();
    std::vector<std::string> names;
    for (const std::string &name : usable) {
        KernelName parsed;
        if (dtype_of(name) == spec.dtype &&
            !(parse_kernel_name(name, &parsed) && may_refuse_gradient(parsed, spec, which)))
            names.push_back(name);
    }
    return names;
}

}  // namespace tconv::testing
