/* tconv_profiles.h: a layer from the parameters of PyTorch, Chainer, Paddle, numpy-ml, ONNX, TensorFlow, Keras,
 * TFLite, JAX or OpenVINO.
 *
 * Frameworks differ in which part of the full scatter they keep (tconv.h, tconv_spec_set_crop) and in the order of
 * their weights. A profile is one function for each framework: it takes the framework's own parameters, checks them
 * against the framework's own limits, and completes a spec.
 *
 * Use: set what the arrays say (batch, channels, in_h, in_w, kernel_h, kernel_w), dtype, layout, activation and bias
 * in an initialised tconv_spec; fill the framework's struct with its _init function, then set what differs; call
 * tconv_profile_FRAMEWORK. It sets strides, dilations, pads and output_padding, groups where the struct has them,
 * and leaves every other field as it was. Pads and output_padding that were in the spec before do not count.
 *
 * Conventions. Fields have the framework's names. Arrays of two are rows (H), columns (W), and messages write them
 * with the index: stride[0] is that of the rows. A field with a has_ before it is read only if that is 1.
 * The functions fail as tconv_spec_validate does, with a message (may be NULL; always terminated, cut at capacity;
 * empty on success) that names the field, its value and what is allowed, and leave the spec as it was:
 *     INVALID_STRUCT      struct_size of the spec or of the parameters is not one that this library knows
 *     INVALID_ARGUMENT    NULL, a stride, dilation or padding out of its range, parameters that exclude each other
 *     INVALID_SHAPE       an output_padding, an asked size or numpy-ml's pads out of the framework's range, or no output
 *     SIZE_OVERFLOW       as in tconv_spec_validate
 *
 * Notation below, for each axis: I input size, K taps, s stride, d dilation, Ke = d*(K - 1) + 1 extent of the kernel,
 * L = s*(I - 1) + Ke length of the full scatter F. The result is y[o] = b + F[o + c] for o in [0, O), F being 0
 * outside [0, L). Quotients without another sign are rounded down. */
#ifndef TCONV_TCONV_PROFILES_H
#define TCONV_TCONV_PROFILES_H

#include "tconv.h"

#ifdef __cplusplus
extern "C" {
#endif

/* clang-format off: tables of comments, aligned by hand */

/* ---- PyTorch: ConvTranspose2d, conv_transpose2d ---------------------------------------------------------- */

typedef struct tconv_torch_params { /* each comment ends with the default of _init */
    size_t struct_size;
    int32_t stride[2];          /* >= 1; 1 */
    int32_t padding[2];         /* >= 0; 0 */
    int32_t output_padding[2];  /* 0 <= value < max(stride, dilation); not read with output_size; 0 */
    int32_t dilation[2];        /* >= 1; 1 */
    int32_t groups;             /* >= 1, divides both channels; 1 */
    int32_t has_output_size;    /* 0 or 1; 0 */
    int32_t output_size[2];     /* L - 2*padding <= value < that + stride */
} tconv_torch_params;

/* O = L - 2*padding + output_padding or output_size, c = padding. */
TCONV_API void tconv_torch_params_init(tconv_torch_params *params, size_t struct_size);
TCONV_API tconv_status tconv_profile_torch(tconv_spec *spec, const tconv_torch_params *params, char *message,
                                           size_t capacity);

/* ---- Chainer: deconvolution_2d --------------------------------------------------------------------------- */

typedef struct tconv_chainer_params {
    size_t struct_size;
    int32_t stride[2];    /* >= 1; 1 */
    int32_t pad[2];       /* >= 0; 0 */
    int32_t dilate[2];    /* >= 1; 1 */
    int32_t groups;       /* >= 1, divides both channels; 1 */
    int32_t has_outsize;  /* 0 or 1; 0 */
    int32_t outsize[2];   /* less than stride away from L - 2*pad, either way, and >= 1 */
} tconv_chainer_params;

/* O = L - 2*pad or outsize, c = pad: an outsize differs at the end only. */
TCONV_API void tconv_chainer_params_init(tconv_chainer_params *params, size_t struct_size);
TCONV_API tconv_status tconv_profile_chainer(tconv_spec *spec, const tconv_chainer_params *params, char *message,
                                             size_t capacity);

/* ---- Rules of padding that several frameworks know by name ----------------------------------------------- */

typedef enum tconv_padding {
    TCONV_PADDING_EXPLICIT = 0, /* numbers */
    TCONV_PADDING_SAME = 1,
    TCONV_PADDING_VALID = 2
} tconv_padding;

/* ---- Paddle: nn.Conv2DTranspose, and the older fluid.dygraph.Conv2DTranspose ----------------------------- */

typedef struct tconv_paddle_params {
    size_t struct_size;
    int32_t stride[2];         /* >= 1; 1 */
    int32_t padding_algorithm; /* tconv_padding; EXPLICIT */
    int32_t padding_count;     /* EXPLICIT: how many numbers `padding` holds, 1, 2 or 4; 1 */
    int32_t padding[4];        /* >= 0; 1: for all sides, 2: rows, columns, 4: top, bottom, left, right; 0 */
    int32_t output_padding[2]; /* 0 <= value < max(stride, dilation); 0 with output_size; 0 */
    int32_t dilation[2];       /* >= 1; taken as 1 with SAME, which is Paddle's rule; 1 */
    int32_t groups;            /* >= 1, divides both channels; 1 */
    int32_t has_output_size;   /* 0 or 1; 0 */
    int32_t output_size[2];    /* L - p0 - p1 <= value < that + stride */
    int32_t fluid;             /* 1: fluid.dygraph, without SAME, VALID, four numbers and output_padding; 0 */
} tconv_paddle_params;

/* O = L - p0 - p1 + output_padding or output_size, c = p0. VALID: p0 = p1 = 0. SAME: p0 = t/2, p1 = t - t/2 for
 * t = max((ceil(I/s) - 1)*s + K - I, 0), as if I were the input of a convolution, so that O is rarely I*s. */
TCONV_API void tconv_paddle_params_init(tconv_paddle_params *params, size_t struct_size);
TCONV_API tconv_status tconv_profile_paddle(tconv_spec *spec, const tconv_paddle_params *params, char *message,
                                            size_t capacity);

/* ---- numpy-ml: deconv2D_naive ---------------------------------------------------------------------------- */

typedef struct tconv_numpy_ml_params {
    size_t struct_size;
    int32_t stride;    /* >= 1, of both axes; 1 */
    int32_t pad_rule;  /* tconv_padding: EXPLICIT or SAME; EXPLICIT */
    int32_t pad_count; /* EXPLICIT: how many numbers `pad` holds, 1, 2 or 4; 1 */
    int32_t pad[4];    /* >= 0; 1: for all sides, 2: rows, columns, 4: top, bottom, left, right; the two of an axis
                          together at most 2*(Ke - 1); 0 */
    int32_t dilation;  /* >= 0, zeros between taps: d = dilation + 1, on both axes; 0 */
} tconv_numpy_ml_params;

/* O = L - p0 - p1, c = ceil((p0 + p1)/2): only the sum of the two pads of an axis counts. SAME keeps the size that
 * the input has with its zeros: O = s*(I - 1) + 1, c = ceil((Ke - 1)/2). */
TCONV_API void tconv_numpy_ml_params_init(tconv_numpy_ml_params *params, size_t struct_size);
TCONV_API tconv_status tconv_profile_numpy_ml(tconv_spec *spec, const tconv_numpy_ml_params *params, char *message,
                                              size_t capacity);

/* ---- ONNX: ConvTranspose --------------------------------------------------------------------------------- */

typedef enum tconv_auto_pad {
    TCONV_AUTO_PAD_NOTSET = 0, /* numbers; OpenVINO: explicit */
    TCONV_AUTO_PAD_SAME_UPPER = 1,
    TCONV_AUTO_PAD_SAME_LOWER = 2,
    TCONV_AUTO_PAD_VALID = 3
} tconv_auto_pad;

typedef enum tconv_onnx_rules {
    TCONV_ONNX_SPEC = 0,    /* the operator's text, opset 22 */
    TCONV_ONNX_ORT_1_31 = 1 /* what ONNX Runtime 1.31 computes; older versions differ again */
} tconv_onnx_rules;

typedef struct tconv_onnx_params {
    size_t struct_size;
    int32_t rules;             /* tconv_onnx_rules; SPEC */
    int32_t auto_pad;          /* tconv_auto_pad; NOTSET */
    int32_t strides[2];        /* >= 1; 1 */
    int32_t dilations[2];      /* >= 1; 1 */
    int32_t pads[4];           /* top, left, bottom, right, >= 0; 0 beside an auto_pad; not read with output_shape;
                                  0 */
    int32_t output_padding[2]; /* 0 <= value < max(stride, dilation), with ORT < stride; 0 */
    int32_t group;             /* >= 1, divides both channels; 1 */
    int32_t has_output_shape;  /* 0 or 1; 0 */
    int32_t output_shape[2];   /* >= 1; rows, columns */
} tconv_onnx_params;

/* NOTSET: O = L + output_padding - begin - end, c = begin. VALID: the same with pads of 0. With output_shape, or with
 * SAME_*, for which O = I*s: with t = max(L + output_padding - O, 0), c = t/2 for SAME_UPPER and c = t - t/2 for all
 * others. An O beyond L ends in positions without a tap. ORT refuses an output_shape of stride or more beyond L, and
 * with SAME_* its O is L + output_padding where that is less than I*s. */
TCONV_API void tconv_onnx_params_init(tconv_onnx_params *params, size_t struct_size);
TCONV_API tconv_status tconv_profile_onnx(tconv_spec *spec, const tconv_onnx_params *params, char *message,
                                          size_t capacity);

/* ---- TensorFlow: nn.conv2d_transpose --------------------------------------------------------------------- */

typedef struct tconv_tensorflow_params {
    size_t struct_size;
    int32_t output_shape[2];  /* rows, columns; SAME: ceil(O/s) = I, else (O + p0 + p1 - Ke)/s + 1 = I;
                                 0, must be set */
    int32_t strides[2];       /* >= 1; 1 */
    int32_t padding;          /* tconv_padding; SAME */
    int32_t paddings[4];      /* EXPLICIT: top, bottom, left, right, >= 0; 0 */
    int32_t dilations[2];     /* >= 1; 1 */
} tconv_tensorflow_params;

/* O = output_shape. SAME: c = max(L - O, 0)/2. VALID: c = 0. EXPLICIT: c = p0. */
TCONV_API void tconv_tensorflow_params_init(tconv_tensorflow_params *params, size_t struct_size);
TCONV_API tconv_status tconv_profile_tensorflow(tconv_spec *spec, const tconv_tensorflow_params *params,
                                                char *message, size_t capacity);

/* ---- Keras: layers.Conv2DTranspose, ops.conv_transpose --------------------------------------------------- */

typedef struct tconv_keras_params {
    size_t struct_size;
    int32_t strides[2];         /* >= 1; 1 */
    int32_t padding;            /* tconv_padding: SAME or VALID; VALID */
    int32_t has_output_padding; /* 0 (None) or 1; 0 is not the same as an output_padding of 0; 0 */
    int32_t output_padding[2];  /* 0 <= value < strides */
    int32_t dilation_rate[2];   /* >= 1; a layer refuses it beside strides above 1, this function does not; 1 */
    int32_t torch_legacy;       /* 1: as the torch backend before May 2026, see below; 0 */
} tconv_keras_params;

/* SAME: O = I*s, with output_padding O = s*(I - 1) + Ke mod 2 + output_padding; c = max(L - O, 0)/2.
 * VALID: O = s*(I - 1) + max(Ke, s), with output_padding O = L + output_padding; c = 0.
 * torch_legacy: the same O, but with SAME c = max(ceil((L - O)/2), 0), one more where L - O is odd; INVALID_SHAPE
 * where O exceeds L - 2*c by stride or more, for which that backend had no output_padding. */
TCONV_API void tconv_keras_params_init(tconv_keras_params *params, size_t struct_size);
TCONV_API tconv_status tconv_profile_keras(tconv_spec *spec, const tconv_keras_params *params, char *message,
                                           size_t capacity);

/* ---- TFLite, LiteRT: TRANSPOSE_CONV ---------------------------------------------------------------------- */

typedef struct tconv_tflite_params {
    size_t struct_size;
    int32_t output_shape[2];  /* rows, columns; as TensorFlow's; 0, must be set */
    int32_t stride[2];        /* stride_h, stride_w, >= 1; 1 */
    int32_t padding;          /* tconv_padding: SAME or VALID; SAME */
} tconv_tflite_params;

/* As TensorFlow's, without dilation. */
TCONV_API void tconv_tflite_params_init(tconv_tflite_params *params, size_t struct_size);
TCONV_API tconv_status tconv_profile_tflite(tconv_spec *spec, const tconv_tflite_params *params, char *message,
                                            size_t capacity);

/* ---- JAX: lax.conv_transpose ----------------------------------------------------------------------------- */

typedef struct tconv_jax_params {
    size_t struct_size;
    int32_t strides[2];             /* >= 1; 1 */
    int32_t padding;                /* tconv_padding; EXPLICIT */
    int32_t pads[4];                /* EXPLICIT: low, high of the rows, low, high of the columns, of any sign; 0 */
    int32_t rhs_dilation[2];        /* >= 1; 1 */
    int32_t use_consistent_padding; /* 0 or 1: pads are those of the convolution that is transposed; 0 */
} tconv_jax_params;

/* SAME: O = I*s, c = max(Ke - s, 0)/2 (so JAX's own formula comes out). VALID: O = s*(I - 1) + max(Ke, s), c = 0.
 * EXPLICIT: pads of the input with its zeros, O = L - 2*(Ke - 1) + low + high, c = Ke - 1 - low; consistent:
 * O = L - low - high, c = low. transpose_kernel is a matter of the weights: TCONV_WEIGHTS_JAX_TRANSPOSED. */
TCONV_API void tconv_jax_params_init(tconv_jax_params *params, size_t struct_size);
TCONV_API tconv_status tconv_profile_jax(tconv_spec *spec, const tconv_jax_params *params, char *message,
                                         size_t capacity);

/* ---- OpenVINO: ConvolutionBackpropData, GroupConvolutionBackpropData ------------------------------------- */

typedef struct tconv_openvino_params {
    size_t struct_size;
    int32_t strides[2];        /* >= 1; 1 */
    int32_t pads_begin[2];     /* >= 0; read only with auto_pad NOTSET and without output_shape; 0 */
    int32_t pads_end[2];       /* likewise */
    int32_t dilations[2];      /* >= 1; 1 */
    int32_t auto_pad;          /* tconv_auto_pad, NOTSET is "explicit"; NOTSET */
    int32_t output_padding[2]; /* >= 0; 0 */
    int32_t has_output_shape;  /* 0 or 1; 0 */
    int32_t output_shape[2];   /* >= 1; rows, columns */
} tconv_openvino_params;

/* O = L - begin - end + output_padding, c = begin; any other auto_pad than NOTSET makes the pads 0. With output_shape:
 * t = max(L + output_padding - O, 0), c = t - t/2 for SAME_UPPER and c = t/2 for all others, the reverse of ONNX. */
TCONV_API void tconv_openvino_params_init(tconv_openvino_params *params, size_t struct_size);
TCONV_API tconv_status tconv_profile_openvino(tconv_spec *spec, const tconv_openvino_params *params, char *message,
                                              size_t capacity);

/* ---- Weights --------------------------------------------------------------------------------------------- */

/* Dense arrays of weights, slowest first; G = groups, I = in_channels / G, O = out_channels / G. */
typedef enum tconv_weights {
    TCONV_WEIGHTS_TORCH = 1,      /* G*I, O, kH, kW: PyTorch, Chainer, Paddle, ONNX, OpenVINO */
    TCONV_WEIGHTS_NUMPY_ML = 2,   /* kH, kW, G*I, O */
    TCONV_WEIGHTS_TENSORFLOW = 3, /* kH, kW, O, G*I: TensorFlow, Keras */
    TCONV_WEIGHTS_TFLITE = 4,     /* G*O, kH, kW, I: TFLite, XNNPACK */
    TCONV_WEIGHTS_ONEDNN = 5,     /* G, O, I, kH, kW: oneDNN, ncnn */
    TCONV_WEIGHTS_JAX = 6,        /* kH, kW, I, G*O ("HWIO"), turned by 180 degrees: transpose_kernel=False */
    TCONV_WEIGHTS_JAX_TRANSPOSED = 7, /* kH, kW, O, G*I ("HWIO" of the convolution): transpose_kernel=True */
    TCONV_WEIGHTS_JAX_OIHW = 8    /* G*O, I, kH, kW ("OIHW"), turned: transpose_kernel=False */
} tconv_weights;

/* The view of such an array, for tconv_pack_filter; data may be NULL and set later, but for the turned ones.
 * A view has one stride for all input channels, so with groups above 1 TFLITE, ONEDNN, JAX and JAX_OIHW are one view
 * only where I = 1, or where the groups happen to follow each other at the same distance (ONEDNN: O = 1); elsewhere
 * UNSUPPORTED: reorder the array once. Fails as tconv_spec_validate does for a spec that is not complete. */
TCONV_API tconv_status tconv_profile_filter(const tconv_spec *spec, int32_t weights, const void *data,
                                            tconv_view *view, char *message, size_t capacity);

#ifdef __cplusplus
}
#endif

#endif /* TCONV_TCONV_PROFILES_H */
