/* tconv_gradients.h: the gradients of a transposed convolution, beside tconv.h and with its conventions.
 *
 * For y = T(x, w) + b, the layer of a spec without activation and residual, and a gradient gy of its output:
 *     INPUT   gx[n, c, i] = sum over o, k of gy[n, o, s*i + d*k - p] * w[c, o, k]       a strided convolution
 *     FILTER  gw[c, o, k] = sum over n, i of x[n, c, i] * gy[n, o, s*i + d*k - p]       a correlation
 *     BIAS    gb[o]       = sum over n and all positions of gy[n, o, .]                  bias-only outputs included
 * where gy outside the output counts as 0. T is linear in x and in w, so gradients of these three are the layer and
 * these three again: with ggx and ggw for gx and gw, that of gy is T(ggx, w) + T(x, ggw), that of w is FILTER(ggx, gy)
 * and that of x is INPUT(gy, ggw).
 *
 * Use: make a plan for one of the three; for INPUT pack the filter once; run as often as you like. Sums are computed as
 * in tconv.h (f64 in double, all others in float) and rounded once. Their bits depend on neither threads, alignment
 * nor strides; those of INPUT not on the batch either. */
#ifndef TCONV_TCONV_GRADIENTS_H
#define TCONV_TCONV_GRADIENTS_H

#include "tconv.h"

#ifdef __cplusplus
extern "C" {
#endif

/* clang-format off: tables of comments, aligned by hand */

typedef enum tconv_gradient {
    TCONV_GRADIENT_INPUT = 0,
    TCONV_GRADIENT_FILTER = 1,
    TCONV_GRADIENT_BIAS = 2
} tconv_gradient;

typedef struct tconv_gradient_plan tconv_gradient_plan; /* immutable; many threads may run one at once */

/* spec: as for tconv_plan_create, with activation NONE and residual NONE (INVALID_ARGUMENT otherwise: chain their
 * derivatives outside); has_bias is ignored. kernel: NULL chooses, else a name of tconv_kernel_name, UNSUPPORTED if that
 * kernel does not compute this gradient. hooks as for tconv_plan_create. */
TCONV_API tconv_status tconv_gradient_plan_create(const tconv_spec *spec, int32_t which, const char *kernel,
                                                  const tconv_hooks *hooks, tconv_gradient_plan **plan);
TCONV_API void tconv_gradient_plan_destroy(tconv_gradient_plan *plan); /* accepts NULL */

TCONV_API const char *tconv_gradient_plan_kernel(const tconv_gradient_plan *plan); /* name; NULL for NULL */

/* Tensor sizes as for the layer's own plan; packed_filter_bytes is 0 unless the plan is for INPUT. */
TCONV_API tconv_status tconv_gradient_plan_requirements(const tconv_gradient_plan *plan,
                                                        tconv_requirements *requirements);

/* INPUT only (INVALID_ARGUMENT otherwise): the filter of the layer, packed for its gradient. Not interchangeable with
 * tconv_pack_filter's result; each refuses the other's. */
TCONV_API tconv_status tconv_gradient_pack_filter(const tconv_gradient_plan *plan, const tconv_view *filter,
                                                  void *packed, size_t packed_bytes);

typedef struct tconv_gradient_tensors {
    size_t struct_size;
    tconv_view input;           /* x  [N, C_in, H, W]; read by FILTER */
    tconv_view output_gradient; /* gy [N, C_out, out_h, out_w]; read by all three */
    tconv_view input_gradient;  /* gx, as input; fully overwritten by INPUT */
    tconv_view filter_gradient; /* gw, as a filter [C_in, C_out/groups, kH, kW]: strides of any sign, but distinct
                                   elements; fully overwritten by FILTER */
    void *bias_gradient;        /* gb [C_out]; fully overwritten by BIAS */
    const void *packed_filter;  /* from tconv_gradient_pack_filter; read by INPUT */
    void *workspace;            /* as in tconv_tensors */
    size_t workspace_bytes;
} tconv_gradient_tensors;

TCONV_API void tconv_gradient_tensors_init(tconv_gradient_tensors *tensors, size_t struct_size);

/* Checks and codes as tconv_run; what is written may overlap nothing that is read. Allocates nothing. With batch 0
 * FILTER and BIAS write zeros. */
TCONV_API tconv_status tconv_gradient_run(const tconv_gradient_plan *plan, const tconv_gradient_tensors *tensors);

#ifdef __cplusplus
}
#endif

#endif /* TCONV_TCONV_GRADIENTS_H */
