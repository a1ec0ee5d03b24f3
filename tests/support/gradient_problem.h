// Data for one gradient of a layer, filled so that its sums are exact, and the oracle's answer for them.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "problem.h"
#include "tconv/tconv_gradients.h"

namespace tconv::testing {

constexpr int32_t kGradients[] = {TCONV_GRADIENT_INPUT, TCONV_GRADIENT_FILTER, TCONV_GRADIENT_BIAS};
const char *gradient_text(int32_t which);

// What gradients are of: the layer without activation and residual.
tconv_spec linear(tconv_spec spec);

// Integer data keep to the bounds of Problem, so that the only rounding is the last, to the storage type. What is
// summed counts in sixteenths for f16: input and filter, and for BIAS the output's gradient.
class GradientProblem {
public:
    GradientProblem(const tconv_spec &spec, int32_t which, uint64_t seed, Placement placement = Placement::kDense,
                    DataRules rules = {});

    const tconv_spec spec;
    const int32_t which;
    Tensor input, filter, output_gradient;
    Tensor input_gradient, filter_gradient, bias_gradient;  // poisoned

    Tensor &result() {
        return which == TCONV_GRADIENT_INPUT    ? input_gradient
               : which == TCONV_GRADIENT_FILTER ? filter_gradient
                                                : bias_gradient;
    }

    // The oracle's gradient in logical order.
    std::vector<double> expected() const;

    // What is wrong with the result, or was written though it is none; empty if nothing.
    std::string compare(const std::vector<double> &expected);

    // All views; packed filter and workspace are left NULL for the caller.
    tconv_gradient_tensors tensors() const;
};

}  // namespace tconv::testing
