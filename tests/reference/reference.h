// The oracle: the definition, a scatter of every input times every tap, in double. Written from the definition alone
// and different in form from the kernels, which gather, so that one mistake cannot hide in both.
#pragma once

#include "tconv/tconv.h"

namespace tconv::reference {

// Dense arrays in logical order: [N, C_in, H, W], [C_in, C_out/groups, kH, kW], [C_out], [C_out] and twice
// [N, C_out, out_h, out_w]. bias, slope and residual may be NULL where the spec does not read them.
struct Arrays {
    const double *input, *filter, *bias, *slope, *residual;
    double *output;
};

struct Size {
    long long h, w;
};
Size output_size(const tconv_spec &spec);
void run(const tconv_spec &spec, const Arrays &arrays);  // a valid spec

// The gradients of the layer without activation and residual, for that of its output: dense arrays in logical order,
// the last one zero before.
void input_gradient(const tconv_spec &spec, const double *output_gradient, const double *filter, double *gradient);
void filter_gradient(const tconv_spec &spec, const double *output_gradient, const double *input, double *gradient);
void bias_gradient(const tconv_spec &spec, const double *output_gradient, double *gradient);

}  // namespace tconv::reference
