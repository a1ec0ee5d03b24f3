"""chainer.functions.deconvolution_2d on NumPy arrays, float32, float64 and mixed, with gradients -> data/chainer.npz."""

import chainer
import chainer.functions as F
import numpy as np

from recorder import Draw, Recorder, arguments, extent

LARGEST = 500


def compute(args, x, w, b):
    args = {name: tuple(value) if isinstance(value, list) else value for name, value in args.items()}
    w = w.astype(args.pop("W_dtype", w.dtype))  # not an argument of Chainer's: the dtype of W where it is not x's
    variables = [None if a is None else chainer.Variable(a) for a in (x, w, b)]
    y = F.deconvolution_2d(*variables, **args)
    assert y.dtype == x.dtype, (y.dtype, x.dtype)

    def pullback(dy):
        y.grad = dy
        y.backward()
        return [None if v is None else v.grad for v in variables]

    return y.data, pullback


def traps(recorder):
    add = recorder.add
    for stride in (1, 2, 3, 4):
        for dilate in (1, 2, 3):
            full = extent(3, 3, stride, dilate)
            for size in range(full - stride - 1, full + stride + 1):  # the first and the last two are refused
                add("T1_outsize_two_sided", {"stride": stride, "dilate": dilate, "outsize": [size, full]},
                    (1, 1, 3, 2 + 1), (1, 1, 3, 3))  # fmt: skip
    for pad in (0, 1, 2):
        for size in range(3, 9):
            add("T4_outsize_crops_the_end", {"stride": 2, "pad": pad, "outsize": [size, size]}, (1, 2, 3, 3), (2, 1, 3, 3))
    for dtype in ("float32", "float64"):
        add("T4_mixed_dtypes", {"stride": 2, "pad": 1, "W_dtype": dtype}, (1, 2, 3, 4), (2, 2, 4, 4), bias=2)
        add("T4_mixed_dtypes", {"stride": 2, "dilate": 2, "groups": 2, "W_dtype": dtype}, (1, 2, 3, 4), (2, 1, 2, 3), bias=2)
    add("T4_deterministic_is_no_argument", {"deterministic": True}, (1, 1, 3, 3), (1, 1, 2, 2))
    for dilate in (1, 2, 3):
        add("T1_docstring_omits_dilation", {"dilate": dilate, "pad": 1}, (1, 1, 4, 3), (1, 2, 3, 3), bias=2)
    for pad in (2, 3, 4):
        add("T7_negative_effective_pad", {"stride": 2, "pad": pad}, (1, 2, 4, 4), (2, 1, 3, 3))
    add("T7_negative_effective_pad", {"pad": [1, 2]}, (1, 1, 4, 6), (1, 1, 1, 1))
    for stride, dilate in ((3, 1), (2, 2), (4, 2), (3, 3), (4, 1)):
        add("T7_empty_phases", {"stride": stride, "dilate": dilate}, (1, 1, 3, 3), (1, 2, 2, 2), bias=2)
    for x, w, args in (
        ((1, 1, 1, 1), (1, 1, 1, 1), {}), ((0, 2, 3, 3), (2, 1, 3, 3), {}), ((1, 1, 1, 5), (1, 1, 5, 1), {"pad": [2, 0]}),
        ((1, 4, 2, 3), (4, 1, 2, 2), {"groups": 4}), ((1, 1, 2, 2), (1, 1, 2, 2), {"stride": 7, "pad": [0, 3]}),
        ((1, 4, 3, 3), (4, 3, 2, 2), {"groups": 2, "stride": 2}), ((1, 1, 2, 3), (1, 2, 2, 4), {"stride": [3, 2], "dilate": [1, 3]}),
    ):  # fmt: skip
        add("T7_degenerate", args, x, w, bias=w[1] * args.get("groups", 1))
    square = {"x": (1, 2, 4, 4), "w": (2, 1, 3, 3)}
    for args in ({"stride": 0}, {"dilate": 0}, {"stride": -1}, {"pad": 5}, {"pad": 6}, {"pad": -1},
                 {"groups": 3}, {"stride": [1, 1, 1]}, {"outsize": [6]}, {"outsize": [6, 6, 6]}):  # fmt: skip
        add("refusals", args, **square)
    add("refusals", {}, (1, 3, 4, 4), (2, 1, 3, 3))
    add("refusals", {}, (2, 4, 4), (2, 1, 3, 3))
    add("refusals", {"groups": 2}, (1, 3, 4, 4), (3, 1, 3, 3))
    add("refusals", {}, **square, bias=2)


def random_layers(recorder, count):
    draw = Draw(2)
    target = recorder.counts["accepted"] + count
    while recorder.counts["accepted"] < target:
        (ih, kh, sh, dh), (iw, kw, sw, dw) = draw.axis(), draw.axis()
        inputs, outputs, groups = draw.channels()
        full = (extent(ih, kh, sh, dh), extent(iw, kw, sw, dw))
        pads = [draw.pick(0, 0, 1, 2, draw.range(0, (f + 1) // 2)) for f in full]
        args = {"stride": [sh, sw], "pad": pads, "dilate": [dh, dw], "groups": groups}
        if draw.chance(0.6):
            beyond = draw.pick(0, 0, 0, 1)
            args["outsize"] = [f - 2 * p + draw.range(1 - s - beyond, s - 1 + beyond)
                               for f, p, s in zip(full, pads, (sh, sw))]  # fmt: skip
        size = args.get("outsize", [f - 2 * p for f, p in zip(full, pads)])
        batch = draw.batch()
        if min(size) < draw.pick(0, 1, 1, 1, 1, 1) or size[0] * size[1] * outputs * groups * batch > LARGEST:
            continue
        recorder.add("random", args, (batch, inputs, ih, iw), (inputs, outputs, kh, kw),
                     bias=draw.pick(0, 1, 1) * outputs * groups)  # fmt: skip


def main():
    options = arguments(__doc__)
    assert np.__version__ < "2", "Chainer 7.8.1 needs names that NumPy 2 removed"
    recorder = Recorder("chainer", ["chainer", "numpy"], compute)
    traps(recorder)
    random_layers(recorder, options.random)
    recorder.finish()


if __name__ == "__main__":
    main()
