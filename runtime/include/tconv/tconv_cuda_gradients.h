/* tconv_cuda_gradients.h: the gradients of tconv_gradients.h on NVIDIA's GPUs, with the conventions of tconv_cuda.h.
 *
 * Use: make a plan for one of the three and a device; for INPUT pack the filter on the device once; run on your streams. All
 * tensors are device memory. Sums are computed as in tconv_cuda.h and rounded once. Tensor cores compute INPUT where they compute
 * the layer; FILTER and BIAS are sums in F64 or F32 in a fixed order, whatever math says. The bits depend on neither stream,
 * alignment, strides nor device; those of INPUT not on the batch either. */
#ifndef TCONV_TCONV_CUDA_GRADIENTS_H
#define TCONV_TCONV_CUDA_GRADIENTS_H

#include "tconv/tconv_cuda.h"
#include "tconv/tconv_gradients.h"

#ifdef __cplusplus
extern "C" {
#endif

/* clang-format off: comments aligned by hand */

typedef struct tconv_cuda_gradient_plan tconv_cuda_gradient_plan;

/* As tconv_gradient_plan_create and tconv_cuda_plan_create, with the codes of both. kernel: NULL, or for INPUT a name of
 * tconv_cuda_kernel_name; FILTER and BIAS have kernels of their own, whose names tconv_cuda_gradient_plan_kernel gives. Where
 * stride * (in - 1) + dilation * (kernel - 1) and the crop together exceed 2^31 - 1: SIZE_OVERFLOW. */
TCONV_API tconv_status tconv_cuda_gradient_plan_create(const tconv_spec *spec, int32_t which, const char *kernel,
                                                       const tconv_cuda_target *target, const tconv_hooks *hooks,
                                                       tconv_cuda_gradient_plan **plan);
TCONV_API void tconv_cuda_gradient_plan_destroy(tconv_cuda_gradient_plan *plan); /* accepts NULL */

TCONV_API const char *tconv_cuda_gradient_plan_kernel(const tconv_cuda_gradient_plan *plan); /* its name; NULL for NULL */

/* As tconv_gradient_plan_requirements. The workspace of FILTER holds sums of up to 64 MiB, or of one filter if that is larger;
 * INPUT needs none. */
TCONV_API tconv_status tconv_cuda_gradient_plan_requirements(const tconv_cuda_gradient_plan *plan,
                                                             tconv_requirements *requirements);

/* INPUT only (INVALID_ARGUMENT otherwise). As tconv_cuda_pack_filter. */
TCONV_API tconv_status tconv_cuda_gradient_pack_filter(const tconv_cuda_gradient_plan *plan, const tconv_view *filter,
                                                       void *packed, size_t packed_bytes, void *stream);

/* As tconv_gradient_run, on a stream. */
TCONV_API tconv_status tconv_cuda_gradient_run(const tconv_cuda_gradient_plan *plan, const tconv_gradient_tensors *tensors,
                                               void *stream);

#ifdef __cplusplus
}
#endif

#endif /* TCONV_TCONV_CUDA_GRADIENTS_H */
