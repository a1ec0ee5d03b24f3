/* tconv.h: 2-D transposed convolution kernels, compiled ahead of time.
 *
 * Per axis, with stride s, dilation d (1 = dense kernel) and leading padding p:
 *     y[n, o, s*i + d*k - p] += x[n, c, i] * w[c, o, k]        then  y = activation(y + bias)
 *     out = (in - 1)*s - pad_begin - pad_end + d*(kernel - 1) + 1 + output_padding
 *
 * Use: fill a tconv_spec, make a plan of it, pack the filter once, run as often as you like.
 *
 * Conventions. Dimensions are written slowest first: [N, C, H, W]. Sizes and strides count elements unless a
 * name ends in _bytes. Functions that can fail return a tconv_status; when they fail, what they would have
 * filled is left as it was, texts apart. There is no global state: every function may be called from any
 * thread at any time, and many threads may run one plan at once. Structs begin with struct_size and only ever
 * grow at the end; fill them with their _init function, then set what differs. Enums are stored as int32_t.
 *
 * Environment, read when a plan is created; an unknown value makes plan creation fail with INVALID_ARGUMENT:
 *     TCONV_ISA=baseline|avx2|avx512|avx512bf16|neon   lowers (never raises) the instruction set that may be used
 *     TCONV_VERBOSE=0|1                     1: plans tell hooks.log, or stderr, what was chosen and why
 *     TCONV_DB=FOLDER[:FOLDER]...|none      tuned tables to follow before the library's own; none: no table at all */
#ifndef TCONV_TCONV_H
#define TCONV_TCONV_H

#include <stddef.h>
#include <stdint.h>

#if defined(__GNUC__)
#define TCONV_API __attribute__((visibility("default")))
#else
#define TCONV_API
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* clang-format off: tables of comments, aligned by hand */

/* ---- Version ------------------------------------------------------------------------------------------- */

#define TCONV_VERSION_MAJOR 0
#define TCONV_VERSION_MINOR 1
#define TCONV_VERSION_PATCH 0
#define TCONV_VERSION (TCONV_VERSION_MAJOR * 10000 + TCONV_VERSION_MINOR * 100 + TCONV_VERSION_PATCH)

TCONV_API uint32_t tconv_version(void); /* TCONV_VERSION of the library that was linked */

/* ---- Status -------------------------------------------------------------------------------------------- */

typedef enum tconv_status { /* values never change meaning; the gaps are reserved */
    TCONV_OK = 0,
    TCONV_INVALID_ARGUMENT = 10,    /* NULL, a size below 1, an unknown enum or environment value, aliasing */
    TCONV_INVALID_SHAPE = 11,       /* output_padding or an asked output size out of range, or no output */
    TCONV_INVALID_STRUCT = 12,      /* struct_size is not one that this library knows */
    TCONV_SIZE_OVERFLOW = 13,       /* one image or the reach of one view exceeds 2^31-1 elements */
    TCONV_UNSUPPORTED = 20,         /* the spec is valid, but this library has no kernel for it */
    TCONV_UNSUPPORTED_CPU = 21,     /* the kernel exists, but this processor lacks its instructions */
    TCONV_UNSUPPORTED_DEVICE = 22,  /* the accelerator is older than any that the library has code for */
    TCONV_WORKSPACE_TOO_SMALL = 30, /* fewer workspace bytes than tconv_plan_requirements asks for */
    TCONV_MISALIGNED = 31,          /* packed filter or workspace not aligned as the plan asks, or a tensor
                                       not as its element */
    TCONV_PACKED_MISMATCH = 32,     /* the packed filter is damaged or was made for another kernel or layer */
    TCONV_OUT_OF_MEMORY = 40,       /* an allocation, or the start of a pool's thread, failed */
    TCONV_DEVICE_ERROR = 41,        /* an accelerator refused; hooks.log has the details */
    TCONV_NO_DRIVER = 42, TCONV_NO_DEVICE = 43, /* no driver of the accelerator; no device of that number */
    TCONV_INTERNAL = 90             /* a defect in tconv: please report it */
} tconv_status;

TCONV_API const char *tconv_status_string(tconv_status status); /* one sentence, static; never NULL */

/* ---- Types --------------------------------------------------------------------------------------------- */

typedef enum tconv_dtype {
    TCONV_F32 = 1,
    TCONV_F64 = 2,
    TCONV_F16 = 3,
    TCONV_BF16 = 4,
    TCONV_S8 = 5,
    TCONV_U8 = 6,
    TCONV_S32 = 7
} tconv_dtype;

typedef enum tconv_layout { TCONV_NCHW = 1, TCONV_NHWC = 2 } tconv_layout;

/* I = in_channels, O = out_channels / groups. Input channel i belongs to group i / (in_channels / groups). */
typedef enum tconv_filter_layout {
    TCONV_IOHW = 1, /* PyTorch, Chainer, Paddle, ONNX */
    TCONV_HWIO = 2, /* numpy-ml */
    TCONV_HWOI = 3, /* TensorFlow, Keras */
    TCONV_OHWI = 4  /* TFLite */
} tconv_filter_layout;

typedef enum tconv_math {
    TCONV_MATH_FAST = 0,   /* Winograd allowed; error bounds per kernel family are documented */
    TCONV_MATH_STRICT = 1, /* direct sums in one documented order, equal bits for NCHW and NHWC */
    TCONV_MATH_TF32 = 2    /* products of operands rounded to 10-bit mantissas */
} tconv_math;

typedef enum tconv_activation { /* a = act_alpha, b = act_beta; NaN stays NaN */
    TCONV_ACT_NONE = 0,
    TCONV_ACT_RELU = 1,         /* max(x, 0) */
    TCONV_ACT_LEAKY_RELU = 2,   /* x < 0 ? a*x : x */
    TCONV_ACT_CLIP = 3,         /* min(max(x, a), b), a <= b; relu6 is 0, 6 */
    TCONV_ACT_SIGMOID = 4,      /* 1 / (1 + exp(-x)) */
    TCONV_ACT_TANH = 5,         /* tanh(x) */
    TCONV_ACT_ELU = 6,          /* x < 0 ? a*(exp(x) - 1) : x */
    TCONV_ACT_GELU = 7,         /* x/2 * (1 + erf(x / sqrt(2))) */
    TCONV_ACT_GELU_TANH = 8,    /* x/2 * (1 + tanh(sqrt(2/pi) * (x + 0.044715*x^3))) */
    TCONV_ACT_SILU = 9,         /* x * sigmoid(x) */
    TCONV_ACT_HARD_SWISH = 10,  /* x * hard_sigmoid(x) */
    TCONV_ACT_HARD_SIGMOID = 11, /* min(max(x + 3, 0), 6) / 6 */
    TCONV_ACT_SOFTPLUS = 12,    /* log(1 + exp(x)) */
    TCONV_ACT_PRELU = 13,       /* x < 0 ? act_slope[channel]*x : x */
    TCONV_ACT_SOFTMAX = 14      /* along softmax_axis */
} tconv_activation;

typedef enum tconv_softmax_axis {
    TCONV_AXIS_CHANNEL = 0,
    TCONV_AXIS_LAST = 1 /* the last of the logical N,C,H,W: W, whatever the layout */
} tconv_softmax_axis;

typedef enum tconv_residual {
    TCONV_RESIDUAL_NONE = 0,
    TCONV_RESIDUAL_BEFORE = 1, /* activation(sum + bias + residual) */
    TCONV_RESIDUAL_AFTER = 2   /* activation(sum + bias) + residual */
} tconv_residual;

/* ---- Spec: what is computed ---------------------------------------------------------------------------- */

typedef struct tconv_spec {     /* each comment ends with the default of tconv_spec_init */
    size_t struct_size;         /* the caller's sizeof(tconv_spec) */
    int32_t dtype;              /* tconv_dtype of input, filter, bias, slope, residual and output; F32 */
    int32_t layout;             /* tconv_layout the plan is chosen for; views may have any strides; NCHW */
    int32_t math;               /* tconv_math; FAST */
    int32_t activation;         /* tconv_activation; NONE */
    int32_t softmax_axis;       /* tconv_softmax_axis, read only for SOFTMAX; CHANNEL */
    int32_t residual;           /* tconv_residual; NONE */
    int32_t has_bias;           /* 0 or 1; 1 */
    int32_t batch;              /* >= 0; with 0 tconv_run does nothing and succeeds; 1 */
    int32_t in_channels;        /* >= 1, a multiple of groups; 0, which is not valid and must be set */
    int32_t out_channels;       /* likewise */
    int32_t in_h, in_w;         /* >= 1; 0, must be set */
    int32_t kernel_h, kernel_w; /* >= 1; 0, must be set */
    int32_t stride_h, stride_w; /* >= 1; 1 */
    int32_t dilation_h, dilation_w; /* >= 1, 1 = dense kernel; 1 */
    int32_t pad_top, pad_left, pad_bottom, pad_right; /* rows and columns cut from the full output,
                                   added to it where negative; anything that leaves an output; 0 */
    int32_t output_padding_h, output_padding_w; /* 0 <= value < max(stride, dilation) of its axis; 0 */
    int32_t groups;             /* >= 1; 1 */
    float act_alpha, act_beta;  /* parameters of activation, finite; ignored where it has none; 0 */
    int64_t max_packed_bytes;   /* bound on the packed filter: -1 = the larger of 64 MiB and 3 times the
                                   filter, 0 = as small as possible; something always fits; -1 */
} tconv_spec;

/* Fills the defaults given above. Call as tconv_spec_init(&spec, sizeof spec). */
TCONV_API void tconv_spec_init(tconv_spec *spec, size_t struct_size);

/* Checks in this order, and reports the first failure: struct_size (INVALID_STRUCT); enums, then sizes,
 * strides, dilations, groups, activation parameters and max_packed_bytes (INVALID_ARGUMENT); output_padding,
 * then output size (INVALID_SHAPE); an axis whose uncropped extent or crop leaves the int32 range, then one
 * image of input or output, or the filter, above 2^31-1 elements (SIZE_OVERFLOW). The message (may be NULL;
 * always terminated, cut at capacity) names the field, its value and what is allowed; it is empty on success.
 * A valid spec may still be UNSUPPORTED by this library's kernels. */
TCONV_API tconv_status tconv_spec_validate(const tconv_spec *spec, char *message, size_t capacity);

/* Output rows and columns; fails as tconv_spec_validate does. */
TCONV_API tconv_status tconv_spec_output_size(const tconv_spec *spec, int32_t *out_h, int32_t *out_w);

/* Sets output_padding so that the output has this size, as PyTorch's output_size: per axis, from the size
 * without output_padding up to that plus stride - 1, else INVALID_SHAPE. */
TCONV_API tconv_status tconv_spec_set_output_size(tconv_spec *spec, int32_t out_h, int32_t out_w);

/* Sets pads and output_padding so that output row r is row r + crop_h of the full scatter, for out_h rows;
 * columns alike. Crops may be negative and sizes may run past the end: such outputs hold activation(bias).
 * Every framework's padding rule (SAME, outsize, output_shape ...) is a way to compute these four numbers. */
TCONV_API tconv_status tconv_spec_set_crop(tconv_spec *spec, int32_t crop_h, int32_t out_h, int32_t crop_w,
                                           int32_t out_w);

/* The layer text, one line for one spec, pads as top,left,bottom,right:
 *     n1_c256_h32_w24_o256_k4x4_s2x2_p1,1,1,1_op0,0_d1x1_g1_f32_nchw_leaky_relu0.2_resafter_nobias_strict
 * Optional at the end: _ and an activation in lower case with its parameters (_clip0,6 _elu1 _gelu_tanh
 * _prelu _softmax _softmax_last), _resbefore or _resafter, _nobias, _strict or _tf32.
 * parse sets every field (the text has none for max_packed_bytes: -1), needs an initialised spec for its
 * struct_size, and validates; a message says where the text is wrong and what was expected there.
 * format writes the canonical spelling of a valid spec; INVALID_ARGUMENT if capacity is too small, which
 * TCONV_LAYER_TEXT_BYTES never is. parse(format(spec)) gives the fields of spec back, floats bit for bit. */
#define TCONV_LAYER_TEXT_BYTES 512
TCONV_API tconv_status tconv_spec_parse(const char *text, tconv_spec *spec, char *message, size_t capacity);
TCONV_API tconv_status tconv_spec_format(const tconv_spec *spec, char *text, size_t capacity);

/* ---- Views: where a tensor lies ------------------------------------------------------------------------ */

typedef struct tconv_view {
    void *data;        /* element (0, 0, 0, 0); written through only where the view is an output */
    int64_t stride[4]; /* elements to the next index of N, C, H, W; filter: of C_in, C_out/groups, kH, kW */
} tconv_view;
/* Strides of input, output and residual are >= 0, those of a filter have any sign (a flip). The stride of an
 * extent of 1 is ignored. An output's elements must be distinct: sorted, each stride exceeds the span of the
 * smaller ones, which holds for every slice, permutation and padded form of a dense array. */

/* Fill the strides of a dense tensor. data may be NULL and set later. */
TCONV_API tconv_status tconv_view_input(const tconv_spec *spec, int32_t layout, const void *data,
                                        tconv_view *view);
TCONV_API tconv_status tconv_view_output(const tconv_spec *spec, int32_t layout, void *data,
                                         tconv_view *view);
TCONV_API tconv_status tconv_view_filter(const tconv_spec *spec, int32_t filter_layout, const void *data,
                                         tconv_view *view);

/* ---- Hooks: who supplies memory, threads and log ------------------------------------------------------- */

typedef struct tconv_hooks { /* NULL members mean the default */
    size_t struct_size;
    void *user;              /* first argument of each function below */
    /* Memory: only while a plan is created. NULL = none left. Set both of this pair or neither. */
    void *(*allocate)(void *user, size_t alignment, size_t bytes);
    void (*release)(void *user, void *block);
    /* Calls task(arg, i) once for each i in [0, count), at most `concurrency` of them at once, and returns
     * when all are done: 0, or a task's non-zero result, after which the rest may be skipped. Default: a loop. */
    int (*parallel_for)(void *user, int32_t count, int (*task)(void *arg, int32_t index), void *arg);
    /* Hears of an error in a line; with TCONV_OK of rows of TCONV_DB that no longer hold and, with TCONV_VERBOSE=1, of a
     * choice, in several. Default: silent, stderr if verbose. */
    void (*log)(void *user, tconv_status status, const char *message);
    int32_t concurrency;     /* tasks that parallel_for may run at once; the workspace grows with it; 1 */
} tconv_hooks;

TCONV_API void tconv_hooks_init(tconv_hooks *hooks, size_t struct_size);

/* A small thread pool for parallel_for: `threads` in [1, 1024] counts the calling thread, so threads - 1 are
 * started. tconv_pool_hooks sets user, parallel_for and concurrency of initialised hooks and leaves the rest;
 * to combine it with an allocator that has its own user pointer, forward to these from your own hooks. Calls
 * from inside a task, from a second thread while the pool is busy, or after fork run their tasks serially. */
typedef struct tconv_pool tconv_pool;
TCONV_API tconv_status tconv_pool_create(int32_t threads, tconv_pool **pool);
TCONV_API tconv_status tconv_pool_hooks(tconv_pool *pool, tconv_hooks *hooks);
TCONV_API void tconv_pool_destroy(tconv_pool *pool); /* accepts NULL; the pool must be idle */

/* ---- Plan: which kernel computes it -------------------------------------------------------------------- */

typedef struct tconv_plan tconv_plan;

/* kernel: NULL chooses the best for this processor, else a name of tconv_kernel_name. hooks: NULL means all
 * defaults; they are copied, and what user points to must outlive the plan. hooks.log hears why it failed. */
TCONV_API tconv_status tconv_plan_create(const tconv_spec *spec, const char *kernel, const tconv_hooks *hooks,
                                         tconv_plan **plan);
TCONV_API void tconv_plan_destroy(tconv_plan *plan); /* accepts NULL */

typedef struct tconv_requirements {
    size_t struct_size;
    size_t input_bytes, filter_bytes, bias_bytes, output_bytes; /* of dense tensors, all images */
    size_t packed_filter_bytes, workspace_bytes;                /* what the caller must provide */
    size_t alignment; /* of packed filter and workspace, in bytes; tensors need only their element's */
} tconv_requirements;

TCONV_API void tconv_requirements_init(tconv_requirements *requirements, size_t struct_size);
TCONV_API tconv_status tconv_plan_requirements(const tconv_plan *plan, tconv_requirements *requirements);
TCONV_API const char *tconv_plan_kernel(const tconv_plan *plan); /* name of its kernel; NULL for NULL */

/* Crop and size, phases, each candidate kernel with why or why not, sizes; terminated, cut at capacity. */
TCONV_API tconv_status tconv_plan_explain(const tconv_plan *plan, char *text, size_t capacity);

/* ---- Packing: once per filter -------------------------------------------------------------------------- */

/* Writes packed_filter_bytes into packed. The result names its kernel, carries a checksum, holds no pointers
 * and may be stored or mapped; a plan that it does not fit refuses it with PACKED_MISMATCH. */
TCONV_API tconv_status tconv_pack_filter(const tconv_plan *plan, const tconv_view *filter, void *packed,
                                         size_t packed_bytes);

/* For a blob that was loaded or mapped, at any alignment: PACKED_MISMATCH, with the reason in hooks.log, if it
 * is foreign, truncated or damaged. Reads every byte, where tconv_run looks at the header only. */
TCONV_API tconv_status tconv_packed_check(const tconv_plan *plan, const void *packed, size_t packed_bytes);

/* ---- Run ----------------------------------------------------------------------------------------------- */

typedef struct tconv_tensors {
    size_t struct_size;
    tconv_view input;          /* [N, C_in, H, W] by its strides */
    tconv_view output;         /* [N, C_out, out_h, out_w]; fully overwritten; overlaps nothing else here,
                                  except that it may be exactly the residual's view */
    tconv_view residual;       /* as output; read only if spec.residual is not NONE */
    const void *packed_filter; /* from tconv_pack_filter */
    const void *bias;          /* [C_out]; read only if spec.has_bias */
    const void *act_slope;     /* [C_out]; read only for PRELU */
    void *workspace;           /* scratch, any contents; one for each call that runs at the same time */
    size_t workspace_bytes;
} tconv_tensors;

TCONV_API void tconv_tensors_init(tconv_tensors *tensors, size_t struct_size); /* all NULL and zero */

/* Allocates nothing. The bits of the result depend on neither threads, alignment, strides nor batch. */
TCONV_API tconv_status tconv_run(const tconv_plan *plan, const tconv_tensors *tensors);

/* ---- Kernels compiled into this library ---------------------------------------------------------------- */

TCONV_API int32_t tconv_kernel_count(void);
TCONV_API const char *tconv_kernel_name(int32_t index); /* NULL outside [0, tconv_kernel_count()) */

#ifdef __cplusplus
}
#endif

#endif /* TCONV_TCONV_H */
