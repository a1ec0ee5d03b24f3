"""jax.lax.conv_transpose on the CPU, in float32 and float64, with gradients in float64 -> data/jax.npz."""

import jax
import numpy as np

from recorder import Draw, Recorder, arguments, extent

jax.config.update("jax_enable_x64", True)
LARGEST = 500


def compute(args, x, w, b):
    assert b is None
    args = dict(args)
    if not isinstance(args["padding"], str):
        args["padding"] = [tuple(p) for p in args["padding"]]
    if "dimension_numbers" in args:
        args["dimension_numbers"] = tuple(args["dimension_numbers"])

    def layer(x, w):
        return jax.lax.conv_transpose(x, w, **args)

    if x.dtype == np.float32:
        return np.asarray(layer(x, w))
    y, vjp = jax.vjp(layer, x, w)

    def pullback(dy):
        return (*map(np.asarray, vjp(jax.numpy.asarray(dy))), None)

    return np.asarray(y), pullback


def traps(recorder):
    def add(group, x, w, bias=False, **args):
        recorder.add(group, args, x, w, bias)

    square = {"x": (1, 4, 4, 2), "w": (3, 3, 2, 1)}
    for padding in ("SAME", "VALID"):
        for stride in (1, 2, 3, 4):
            for kernel in (1, 2, 3, 4, 5):
                add("T1_" + padding.lower(), (1, 3, 2, 1), (kernel, 3, 1, 1), strides=[stride, 2], padding=padding)
            for dilation in (2, 3):
                add("T1_" + padding.lower() + "_dilated", (1, 3, 2, 1), (2, 3, 1, 1), strides=[stride, 2], padding=padding,
                    rhs_dilation=[dilation, 1])  # fmt: skip
    for transpose_kernel in (False, True):
        for x, w in (((1, 3, 4, 2), (3, 2, 2, 1)), ((1, 3, 4, 1), (2, 3, 1, 2)), ((1, 2, 2, 2), (4, 4, 2, 2))):
            w = (*w[:2], *w[:1:-1]) if transpose_kernel else w
            for padding in ("SAME", "VALID", [[0, 0], [0, 0]], [[2, 1], [1, 2]], [[3, 2], [0, 4]]):
                add("T2_transpose_kernel", x, w, strides=[2, 2], padding=padding, transpose_kernel=transpose_kernel)
        add("T2_dimension_numbers", (1, 2, 3, 4), (2, 2, 3, 3), strides=[2, 2], padding="SAME", transpose_kernel=transpose_kernel,
            dimension_numbers=["NCHW", "IOHW", "NCHW"])  # fmt: skip
        add("T2_dimension_numbers", (1, 2, 3, 4), (2, 2, 3, 2), strides=[2, 1], padding="VALID", transpose_kernel=transpose_kernel,
            dimension_numbers=["NCHW", "OIHW", "NCHW"])  # fmt: skip
    for low, high in ((0, 0), (2, 2), (1, 2), (3, 0), (-1, 2), (4, -1)):
        add("T1_explicit_pads_pad_the_input", **square, strides=[2, 2], padding=[[low, high], [high, low]])
        add("T1_consistent_padding", **square, strides=[2, 2], padding=[[low, high], [high, low]], use_consistent_padding=True)
    for padding in ("SAME", "VALID"):
        add("T1_consistent_padding", **square, strides=[2, 2], padding=padding, use_consistent_padding=True)
    for stride, dilation in ((3, 1), (2, 2), (4, 2), (3, 3), (4, 1)):
        add("T7_empty_phases", (1, 3, 3, 1), (2, 2, 1, 2), strides=[stride] * 2, padding="VALID", rhs_dilation=[dilation] * 2)
    add("T7_degenerate", (1, 1, 1, 1), (1, 1, 1, 1), strides=[1, 1], padding="SAME")
    add("T7_degenerate", (0, 3, 3, 1), (2, 2, 1, 1), strides=[2, 2], padding="SAME")
    for args in ({"strides": [0, 1]}, {"strides": [-1, 1]}, {"rhs_dilation": [0, 1]}, {"padding": "FULL"}, {"padding": [[0, 0]]},
                 {"strides": [1]}, {"padding": [[-4, -4], [0, 0]]}, {"padding": "SAME_LOWER"}):  # fmt: skip
        add("refusals", **square, **{"strides": [1, 1], "padding": "VALID", **args})
    add("refusals", (1, 4, 4, 3), (3, 3, 2, 1), strides=[1, 1], padding="VALID")
    add("refusals", (4, 4, 2), (3, 3, 2, 1), strides=[1, 1], padding="VALID")


def random_layers(recorder, count):
    draw = Draw(6)
    target = recorder.counts["accepted"] + count
    while recorder.counts["accepted"] < target:
        (ih, kh, sh, dh), (iw, kw, sw, dw) = draw.axis(), draw.axis()
        inputs, outputs, _ = draw.channels((1,))
        effective = (dh * (kh - 1) + 1, dw * (kw - 1) + 1)
        args = {"strides": [sh, sw], "rhs_dilation": [dh, dw], "transpose_kernel": draw.chance(0.5)}
        args["padding"] = draw.pick("SAME", "VALID", "explicit", "explicit")
        size = [extent(ih, kh, sh, dh) + sh, extent(iw, kw, sw, dw) + sw]
        if args["padding"] == "explicit":
            args["padding"] = [[draw.range(-1, e), draw.range(-1, e + 1)] for e in effective]
            args["use_consistent_padding"] = draw.chance(0.3)
            if not args["use_consistent_padding"]:
                size = [s * (i - 1) + 2 + sum(p) - e for s, i, p, e in zip((sh, sw), (ih, iw), args["padding"], effective)]
            else:
                size = [f - s - sum(p) for f, s, p in zip(size, (sh, sw), args["padding"])]
        batch = draw.batch()
        if min(size) < draw.pick(-1, 1, 1, 1, 1) or size[0] * size[1] * outputs * batch > LARGEST:
            continue
        channels = (outputs, inputs) if args["transpose_kernel"] else (inputs, outputs)
        recorder.add("random", args, (batch, ih, iw, inputs), (kh, kw, *channels), False)


def main():
    options = arguments(__doc__)
    recorder = Recorder("jax", ["jax", "jaxlib", "numpy"], compute)
    traps(recorder)
    random_layers(recorder, options.random)
    recorder.finish()


if __name__ == "__main__":
    main()
