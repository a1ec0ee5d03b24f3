"""Crop and size of each framework, written from docs/conventions.md: what tconv's profiles compute, in a second hand.

FRAMEWORKS maps a name to a Framework. geometry(args, x, w) takes the framework's own arguments and shapes and returns a
reference.Geometry, or raises ValueError where the framework refuses.
"""

from dataclasses import dataclass
from itertools import takewhile
from typing import Callable

from reference import Geometry


@dataclass(frozen=True)
class Framework:
    geometry: Callable
    layout: Callable = lambda args: "NCHW"
    filter: Callable = lambda args: "IOHW"
    turned: Callable = lambda args: False  # the filter is turned by 180 degrees before it is scattered


def nhwc(args):
    return "NHWC"


def require(condition, message):
    if not condition:
        raise ValueError(message)


def pair(value):
    if isinstance(value, int):
        return value, value
    require(len(value) in (1, 2), f"{value} is no pair")
    return tuple(value) if len(value) == 2 else (value[0], value[0])


def extents(sizes, kernels, strides, dilations):
    require(min(sizes) > 0 and min(kernels) > 0, "an empty image or kernel")
    require(min(strides) > 0 and min(dilations) > 0, "strides and dilations are at least 1")
    return [s * (i - 1) + d * (k - 1) + 1 for i, k, s, d in zip(sizes, kernels, strides, dilations)]


def require_sizes(sizes):
    require(min(sizes) > 0, f"output size {sizes}")
    return tuple(sizes)


# ---- PyTorch, Chainer, Paddle: pads cut from the full scatter ---------------------------------------------------------


def torch(args, x, w):
    stride, dilation = pair(args.get("stride", 1)), pair(args.get("dilation", 1))
    padding, extra = pair(args.get("padding", 0)), pair(args.get("output_padding", 0))
    groups = args.get("groups", 1)
    require(len(x) in (3, 4), "x has 3 or 4 dimensions")
    require(groups > 0 and x[-3] == w[0] and w[0] % groups == 0 and w[0] > 0 and w[1] > 0, "channels")
    require(args.get("padding_mode", "zeros") == "zeros", "padding_mode")
    require(min(padding) >= 0 and min(extra) >= 0, "negative padding")
    full = extents(x[-2:], w[2:], stride, dilation)
    base = [f - 2 * p for f, p in zip(full, padding)]
    if args.get("output_size") is not None:
        size = args["output_size"]
        require(len(size) in (2, len(x)), "output_size has two entries, or as many as x")
        extra = [o - o0 for o, o0 in zip(size[-2:], base)]
        require(all(0 <= e < s for e, s in zip(extra, stride)), f"output_size {size} for stride {stride}")
    require(all(e < max(s, d) for e, s, d in zip(extra, stride, dilation)), "output_padding")
    return Geometry(padding, require_sizes([o + e for o, e in zip(base, extra)]), stride, dilation, groups)


def chainer(args, x, w):
    stride, dilation = pair(args.get("stride", 1)), pair(args.get("dilate", 1))
    padding, groups = pair(args.get("pad", 0)), args.get("groups", 1)
    require("deterministic" not in args, "deterministic is not an argument")
    require(len(x) == 4 and groups > 0 and x[1] == w[0] and w[0] % groups == 0, "channels")
    require(min(padding) >= 0, "negative pad")
    full = extents(x[2:], w[2:], stride, dilation)
    size = base = [f - 2 * p for f, p in zip(full, padding)]
    if args.get("outsize") is not None:
        size = args["outsize"]
        require(len(size) == 2, "outsize is a pair")
        require(all(abs(o - o0) < s for o, o0, s in zip(size, base, stride)), f"outsize {size} for stride {stride}")
    return Geometry(padding, require_sizes(size), stride, dilation, groups)


def paddle_pads(padding, channels_last):
    """(top, bottom, left, right) of Paddle's forms of padding."""
    if isinstance(padding, str):
        require(padding.upper() in ("SAME", "VALID"), f"padding {padding}")
        return [0] * 4
    if isinstance(padding, int):
        padding = [padding] * 4
    elif len(padding) == 4 and not isinstance(padding[0], int):
        spatial = padding[1:3] if channels_last else padding[2:]
        rest = (padding[0], padding[3]) if channels_last else padding[:2]
        require(all(list(p) == [0, 0] for p in rest), "padding of batch or channels")
        padding = [p for both in spatial for p in both]
    elif len(padding) == 2:
        padding = [padding[0], padding[0], padding[1], padding[1]]
    require(len(padding) == 4 and min(padding) >= 0, f"padding {padding}")
    return padding


def paddle(args, x, w):
    stride, dilation = pair(args.get("stride", 1)), pair(args.get("dilation", 1))
    groups, padding = args.get("groups", 1), args.get("padding", 0)
    last = args.get("data_format", "NCHW") == "NHWC"
    require(len(x) == 4 and args.get("data_format", "NCHW") in ("NCHW", "NHWC"), "NCHW or NHWC")
    require(groups > 0 and x[3 if last else 1] == w[0] and w[0] % groups == 0, "channels")
    image = x[1:3] if last else x[2:]
    pads = paddle_pads(padding, last)
    if isinstance(padding, str) and padding.upper() == "SAME":
        # The forward convolution's SAME for an input of this size, which is not what a transposed one needs.
        dilation = (1, 1)
        sums = [max((-(-i // s) - 1) * s + k - i, 0) for i, k, s in zip(image, w[2:], stride)]
        pads = [sums[0] // 2, sums[0] - sums[0] // 2, sums[1] // 2, sums[1] - sums[1] // 2]
    full = extents(image, w[2:], stride, dilation)
    size = [full[0] - pads[0] - pads[1], full[1] - pads[2] - pads[3]]
    extra = pair(args.get("output_padding", 0))
    if args.get("output_size") is not None:
        require(args.get("output_padding", 0) == 0, "output_padding and output_size")
        extra = [o - o0 for o, o0 in zip(pair(args["output_size"]), size)]
        require(all(0 <= e < s for e, s in zip(extra, stride)), f"output_size {args['output_size']}")
    require(all(0 <= e < max(s, d) for e, s, d in zip(extra, stride, dilation)), f"output_padding {extra}")
    size = require_sizes([o + e for o, e in zip(size, extra)])
    return Geometry((pads[0], pads[2]), size, stride, dilation, groups)


# ---- numpy-ml: what asymmetric pads leave is centred ------------------------------------------------------------------


def numpy_ml(args, x, w):
    stride, dilation = args["stride"], args.get("dilation", 0) + 1
    require(isinstance(stride, int), "stride is one int")
    require(len(x) == 4 and x[3] == w[2], "channels")
    full = extents(x[1:3], w[:2], (stride,) * 2, (dilation,) * 2)
    pad = args["pad"]
    if pad == "same":
        # Zero insertion comes first, so "same" keeps the size of what it made.
        size = [stride * (i - 1) + 1 for i in x[1:3]]
        crop = [-((o - f) // 2) for f, o in zip(full, size)]
        return Geometry(tuple(crop), tuple(size), (stride,) * 2, (dilation,) * 2)
    require(isinstance(pad, int) or len(pad) in (2, 4), f"pad {pad}")
    if isinstance(pad, int):
        pad = [pad] * 4
    elif len(pad) == 2:
        pad = [pad[0], pad[0], pad[1], pad[1]]
    require(min(pad) >= 0, "negative pad")
    sums = (pad[0] + pad[1], pad[2] + pad[3])
    require(all(p <= 2 * dilation * (k - 1) for p, k in zip(sums, w[:2])), f"pads {pad}")
    crop = tuple((p + 1) // 2 for p in sums)
    return Geometry(crop, require_sizes([f - p for f, p in zip(full, sums)]), (stride,) * 2, (dilation,) * 2)


# ---- ONNX: by its text, and as ONNX Runtime does it -------------------------------------------------------------------


def onnx_parameters(args, x, w):
    """strides, dilations, output_padding, group, and the full scatter with output_padding."""
    stride, dilation = tuple(args.get("strides", (1, 1))), tuple(args.get("dilations", (1, 1)))
    extra, group = tuple(args.get("output_padding", (0, 0))), args.get("group", 1)
    require(len(stride) == len(dilation) == len(extra) == 2, "two spatial axes")
    require(len(x) == 4 and group > 0 and x[1] == w[0] and w[0] % group == 0, "channels")
    require(list(args.get("kernel_shape", w[2:])) == list(w[2:]), "kernel_shape")
    require(args.get("auto_pad", "NOTSET") in ("NOTSET", "SAME_UPPER", "SAME_LOWER", "VALID"), "auto_pad")
    require("pads" not in args or args.get("auto_pad", "NOTSET") == "NOTSET", "pads together with auto_pad")
    require(len(args.get("output_shape", (0, 0))) == 2, "output_shape has the spatial axes only")
    full = extents(x[2:], w[2:], stride, dilation)
    require(all(0 <= e < max(s, d) for e, s, d in zip(extra, stride, dilation)), f"output_padding {extra}")
    return stride, dilation, extra, group, [f + e for f, e in zip(full, extra)]


def split(total, upper):
    """The head of a padding: the smaller half for SAME_UPPER, the larger one for all else."""
    return total // 2 if upper else total - total // 2


def onnx_pads(args, full):
    pads = args.get("pads", (0, 0, 0, 0))
    require(len(pads) == 4 and min(pads) >= 0, f"pads {pads}")
    return tuple(pads[:2]), [f - a - b for f, a, b in zip(full, pads[:2], pads[2:])]


def onnx(args, x, w):
    stride, dilation, extra, group, full = onnx_parameters(args, x, w)
    upper = args.get("auto_pad") == "SAME_UPPER"
    if "output_shape" in args:
        size = args["output_shape"]
    elif args.get("auto_pad", "").startswith("SAME"):
        size = [i * s for i, s in zip(x[2:], stride)]
    else:
        crop, size = onnx_pads(args, full)
        return Geometry(crop, require_sizes(size), stride, dilation, group)
    # What lies beyond the full scatter is at the end: no negative padding at the start.
    crop = tuple(split(max(f - o, 0), upper) for f, o in zip(full, size))
    return Geometry(crop, require_sizes(size), stride, dilation, group)


def onnx_shape_inference(args, x, w):
    """Rows and columns by onnx.shape_inference, for what onnx() accepts: not always the size of the text."""
    stride, _, extra, _, full = onnx_parameters(args, x, w)
    if "output_shape" in args:
        # It stops at the first axis that is below the input's size, without an error.
        return [o for o, _ in takewhile(lambda sizes: sizes[0] >= sizes[1], zip(args["output_shape"], x[2:]))]
    if args.get("auto_pad", "").startswith("SAME"):
        return [min(i * s + e, f) for i, s, e, f in zip(x[2:], stride, extra, full)]
    return onnx_pads(args, full)[1]


def onnxruntime(args, x, w):
    stride, dilation, extra, group, full = onnx_parameters(args, x, w)
    upper = args.get("auto_pad") == "SAME_UPPER"
    require(all(e < s for e, s in zip(extra, stride)), f"output_padding {extra} for strides {stride}")
    if "output_shape" in args:
        size = args["output_shape"]
    elif args.get("auto_pad", "").startswith("SAME"):
        size = [min(i * s, f) for i, s, f in zip(x[2:], stride, full)]
    else:
        crop, size = onnx_pads(args, full)
        return Geometry(crop, require_sizes(size), stride, dilation, group)
    crop = tuple(split(max(f - o, 0), upper) for f, o in zip(full, size))
    # The convolution that it is the gradient of must have the input's size.
    for f, e, o, s in zip(full, extra, size, stride):
        require(0 <= o + max(f - o, 0) - (f - e) < s, f"output_shape {size}")
    return Geometry(crop, require_sizes(size), stride, dilation, group)


# ---- JAX: a correlation with an input that has zeros inserted ---------------------------------------------------------


def jax_layout(args):
    return args.get("dimension_numbers", ["NHWC"])[0]


def jax_filter(args):
    order = args.get("dimension_numbers", ["NHWC", "HWIO"])[1]
    return order.translate(str.maketrans("IO", "OI")) if args.get("transpose_kernel") else order


def jax(args, x, w):
    stride, dilation = tuple(args["strides"]), tuple(args.get("rhs_dilation", (1, 1)))
    padding = args["padding"]
    require(len(x) == 4 and len(stride) == 2, "two spatial axes")
    layout, order = jax_layout(args), jax_filter(args)
    require(x[layout.index("C")] == w[order.index("I")], "channels")
    image, kernel = ([shape[letters.index(axis)] for axis in "HW"] for shape, letters in ((x, layout), (w, order)))
    full = extents(image, kernel, stride, dilation)
    effective = [d * (k - 1) + 1 for k, d in zip(kernel, dilation)]
    if padding == "SAME":
        low = [e - 1 if s > e - 1 else -((2 - e - s) // 2) for e, s in zip(effective, stride)]
        size = [i * s for i, s in zip(image, stride)]
    elif padding == "VALID":
        low = [e - 1 for e in effective]
        size = [s * (i - 1) + max(e, s) for i, s, e in zip(image, stride, effective)]
    else:
        require(not isinstance(padding, str) and len(padding) == 2, f"padding {padding}")
        if args.get("use_consistent_padding"):
            padding = [[e - 1 - a, e - 1 - b] for e, (a, b) in zip(effective, padding)]
        low = [a for a, _ in padding]
        size = [f - 2 * (e - 1) + a + b for f, e, (a, b) in zip(full, effective, padding)]
    crop = tuple(e - 1 - a for e, a in zip(effective, low))
    return Geometry(crop, require_sizes(size), stride, dilation)


# ---- TensorFlow, TFLite, Keras: the size is given, SAME and VALID place it --------------------------------------------


def tensorflow(args, x, w):
    stride, dilation = pair(args["strides"]), pair(args.get("dilations", 1))
    padding, size = args["padding"], args["output_shape"]
    require(len(x) == 4 and x[3] == w[3], "channels")
    full = extents(x[1:3], w[:2], stride, dilation)
    effective = [d * (k - 1) + 1 for k, d in zip(w[:2], dilation)]
    require_sizes(size)
    if padding == "SAME":
        require(all(-(-o // s) == i for o, s, i in zip(size, stride, x[1:3])), f"output_shape {size}")
        crop = tuple(max(f - o, 0) // 2 for f, o in zip(full, size))
        return Geometry(crop, tuple(size), stride, dilation)
    require(padding == "VALID" or not isinstance(padding, str), f"padding {padding}")
    pads = [(0, 0), (0, 0)] if padding == "VALID" else padding[1:3]
    require(min(p for both in pads for p in both) >= 0, f"padding {padding}")
    for o, (before, after), e, s, i in zip(size, pads, effective, stride, x[1:3]):
        require((o + before + after - e) // s + 1 == i, f"output_shape {size}")
    return Geometry(tuple(p[0] for p in pads), tuple(size), stride, dilation)


def tflite(args, x, w):
    forward = {"strides": args["stride"], "padding": args["padding"], "output_shape": args["output_shape"]}
    return tensorflow(forward, x, [w[1], w[2], w[0], w[3]])


def keras(args, x, w):
    stride, dilation = pair(args["strides"]), pair(args.get("dilation_rate", 1))
    extra = args.get("output_padding")
    require(args["padding"] in ("same", "valid"), f"padding {args['padding']}")
    full = extents(x[1:3], w[:2], stride, dilation)
    effective = [d * (k - 1) + 1 for k, d in zip(w[:2], dilation)]
    if extra is not None:
        extra = pair(extra)
        require(all(0 <= e < s for e, s in zip(extra, stride)), f"output_padding {extra}")
    if args["padding"] == "valid":
        size = [f + e for f, e in zip(full, extra)] if extra is not None else [
            s * (i - 1) + max(e, s) for i, s, e in zip(x[1:3], stride, effective)]  # fmt: skip
        return Geometry((0, 0), require_sizes(size), stride, dilation)
    size = [i * s for i, s in zip(x[1:3], stride)] if extra is None else [
        s * (i - 1) + k % 2 + e for i, s, k, e in zip(x[1:3], stride, effective, extra)]  # fmt: skip
    crop = tuple(max(f - o, 0) // 2 for f, o in zip(full, size))
    return Geometry(crop, require_sizes(size), stride, dilation)


# ---- OpenVINO ---------------------------------------------------------------------------------------------------------


def openvino(args, x, w, plugin=False):
    """By the text of the operators; plugin: as the CPU plugin does, which differs with output_shape and without SAME."""
    stride, dilation = tuple(args["strides"]), tuple(args.get("dilations", (1, 1)))
    extra, groups = args.get("output_padding", (0, 0)), args.get("groups", 1)
    auto_pad = args.get("auto_pad", "explicit")
    require(len(stride) == 2 and x[1] == w[0] and w[0] % groups == 0, "channels")
    require(min(extra) >= 0, f"output_padding {extra}")
    full = [f + e for f, e in zip(extents(x[2:], w[2:], stride, dilation), extra)]
    begin, end = ([0, 0] if auto_pad != "explicit" else args.get(name, [0, 0]) for name in ("pads_begin", "pads_end"))
    size = args.get("output_shape", [f - a - b for f, a, b in zip(full, begin, end)])
    require(len(size) == 2, "output_shape has the spatial axes only")
    crop = tuple(begin)
    if "output_shape" in args and plugin:
        crop = crop if groups == 1 else (0, 0)
    elif "output_shape" in args:
        # Its halves are the reverse of ONNX's.
        crop = tuple(split(max(f - o, 0), auto_pad != "same_upper") for f, o in zip(full, size))
    return Geometry(crop, require_sizes(size), stride, dilation, groups)


def openvino_plugin(args, x, w):
    return openvino(args, x, w, plugin=True)


FRAMEWORKS = {
    "torch": Framework(torch),
    "chainer": Framework(chainer),
    "paddle": Framework(paddle, layout=lambda args: args.get("data_format", "NCHW")),
    "onnxruntime": Framework(onnxruntime),
    "onnx": Framework(onnx),
    "jax": Framework(jax, jax_layout, jax_filter, lambda args: not args.get("transpose_kernel")),
    "tensorflow": Framework(tensorflow, nhwc, lambda args: "HWOI"),
    "keras": Framework(keras, nhwc, lambda args: "HWOI"),
    "tflite": Framework(tflite, nhwc, lambda args: "OHWI"),
    "openvino": Framework(openvino),
    "numpy_ml": Framework(numpy_ml, nhwc, lambda args: "HWIO"),
}
