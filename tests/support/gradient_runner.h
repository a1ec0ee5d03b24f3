// Runs a GradientProblem through the C ABI, in memory of its own with guards around it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "gradient_problem.h"
#include "runner.h"

namespace tconv::testing {

// A plan and what it asks for; check `status` before anything else.
class GradientPlan {
public:
    GradientPlan(const tconv_spec &spec, int32_t which, const std::string &kernel = "",
                 const tconv_hooks *hooks = nullptr);
    ~GradientPlan();
    GradientPlan(const GradientPlan &) = delete;
    GradientPlan &operator=(const GradientPlan &) = delete;

    const tconv_gradient_plan *get() const { return plan_; }

    tconv_status status;
    tconv_requirements needs;

private:
    tconv_gradient_plan *plan_ = nullptr;
};

struct GradientRunner : Listener {
    // As Runner::run: the result is poisoned first, and the workspace too.
    tconv_status run(GradientProblem &problem, const std::string &name = "");
};

// The usable kernels of the spec's dtype that must compute this gradient of it.
std::vector<std::string> kernels_for(const tconv_spec &spec, int32_t which);

}  // namespace tconv::testing
