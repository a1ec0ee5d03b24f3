/* tconv_cuda.h: the layers of tconv.h on NVIDIA's GPUs (library tconv_cuda, compute capability 8.0 and later).
 *
 * Use: make a plan for a layer and a device, pack the filter on the device once, run on your streams as often as you like.
 * All tensors, packed filters and workspaces are device memory that the caller owns, reached from the plan's context.
 *
 * Element types are F32, F64, and F16 and BF16 with sums in F32; others are UNSUPPORTED. Tensor cores compute F16 and BF16
 * unless math is STRICT, and F32 where it is TF32: a permission, by which other kernels may compute in F32 still.
 *
 * The library needs no CUDA to be built against or linked: the driver, libcuda.so.1, is loaded when the first plan is made.
 * Where there is none, plans fail with TCONV_NO_DRIVER. A context that a plan was made in must outlive the plan.
 *
 * Packing and runs are asynchronous: they check their arguments, put kernels on the stream and return. They allocate
 * nothing, wait for nothing, copy nothing, and may be captured into a CUDA graph. What a kernel does wrong while it runs the
 * driver reports later, to whoever asks it. Results do not depend on stream, batch, alignment or strides, bit for bit. */
#ifndef TCONV_TCONV_CUDA_H
#define TCONV_TCONV_CUDA_H

#include "tconv/tconv.h"

#ifdef __cplusplus
extern "C" {
#endif

/* clang-format off: comments aligned by hand */

typedef struct tconv_cuda_target { /* where a plan's layers run */
    size_t struct_size;
    void *context;   /* a CUcontext; NULL: the primary context of `device`, which the plan retains. That is the one of
                        the runtime API, and of frameworks; NULL */
    int32_t device;  /* ordinal, read where context is NULL; 0 */
} tconv_cuda_target;

TCONV_API void tconv_cuda_target_init(tconv_cuda_target *target, size_t struct_size);

/* Devices that the driver knows, whether or not the library has code for them. Fails with NO_DRIVER or DEVICE_ERROR; with
 * none *count is 0. */
TCONV_API tconv_status tconv_cuda_device_count(int32_t *count);

typedef struct tconv_cuda_plan tconv_cuda_plan;

/* As tconv_plan_create. target: NULL means its defaults. Loads the kernels that the layer needs into the context, once for
 * all plans there. Beside the codes of tconv_plan_create:
 *     NO_DRIVER             there is no libcuda.so.1, or none that works
 *     NO_DEVICE             there is no device of this ordinal
 *     UNSUPPORTED_DEVICE    its compute capability is below 8.0
 *     OUT_OF_MEMORY         of the device or of hooks.allocate
 *     DEVICE_ERROR          anything else that the driver refuses, the code in the message
 * hooks: allocate and release are called by create and destroy only, parallel_for never; log hears why a call fails. */
TCONV_API tconv_status tconv_cuda_plan_create(const tconv_spec *spec, const char *kernel, const tconv_cuda_target *target,
                                              const tconv_hooks *hooks, tconv_cuda_plan **plan);

/* Kernels that are still queued must have finished. Accepts NULL. */
TCONV_API void tconv_cuda_plan_destroy(tconv_cuda_plan *plan);

/* As tconv_plan_requirements. workspace_bytes is 0 but for layers with a curved activation (SIGMOID to SOFTPLUS) or SOFTMAX
 * that have a residual after it or are of F16 or BF16, which need room for sums: of one image, or as many as 16 MiB hold. */
TCONV_API tconv_status tconv_cuda_plan_requirements(const tconv_cuda_plan *plan, tconv_requirements *requirements);

TCONV_API const char *tconv_cuda_plan_kernel(const tconv_cuda_plan *plan); /* its name; NULL for NULL */

/* Each candidate kernel with its estimate or why it is not used; terminated, cut at capacity. */
TCONV_API tconv_status tconv_cuda_plan_explain(const tconv_cuda_plan *plan, char *text, size_t capacity);

/* filter: a view of device memory; packed: packed_filter_bytes of it. stream: a CUstream, NULL the default one. A packed
 * filter holds no pointers and may be copied; it fits plans of the same kernel and layer, which nothing checks. */
TCONV_API tconv_status tconv_cuda_pack_filter(const tconv_cuda_plan *plan, const tconv_view *filter, void *packed,
                                              size_t packed_bytes, void *stream);

/* Tensors as for tconv_run, all in device memory. */
TCONV_API tconv_status tconv_cuda_run(const tconv_cuda_plan *plan, const tconv_tensors *tensors, void *stream);

TCONV_API int32_t tconv_cuda_kernel_count(void);
TCONV_API const char *tconv_cuda_kernel_name(int32_t index); /* NULL outside [0, tconv_cuda_kernel_count()) */

#ifdef __cplusplus
}
#endif

#endif /* TCONV_TCONV_CUDA_H */
