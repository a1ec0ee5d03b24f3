// The oracle: transposed convolution as the definition states it, a scatter of every input times every tap,
// in double. Written from the definition alone and different in form from the kernels, which gather, so that
// one mistake cannot hide in both.
#pragma once

#include "tconv/tconv.h"

namespace tconv::reference {

// Dense arrays in logical order: [N, C_in, H, W], [C_in, C_out/groups, kH, kW], [C_out], [C_out] and
// [N, C_out, out_h, out_w]. bias, slope and residual may be NULL where the spec does not read them.
struct Arrays {
    const double *input, *filter, *bias, *slope, *residual;
    double *output;
};

struct Size {
    long long h, w;
};
Size output_size(const tconv_spec &spec);
void scatter(const tconv_spec &spec, const Arrays &arrays);                  // sum + bias + residual-before
void activate(const tconv_spec &spec, const double *slope, double *output);  // in place on the output
void run(const tconv_spec &spec, const Arrays &arrays);                      // all of a valid layer
}  // namespace tconv::reference
