"""numpy-ml's deconv2D_naive and, without dilation, the gradients of its layer Deconv2D -> data/numpy_ml.npz."""

import collections
import collections.abc
import warnings

import numpy as np

collections.Hashable = collections.abc.Hashable  # removed in Python 3.10, imported by numpy_ml.utils
warnings.simplefilter("ignore")  # numpy-ml warns about plotting packages that are not installed

from numpy_ml.neural_nets.layers import Deconv2D  # noqa: E402
from numpy_ml.neural_nets.utils import deconv2D_naive  # noqa: E402

from recorder import Draw, Recorder, arguments, extent  # noqa: E402

LARGEST = 500


def compute(args, x, w, b):
    pad = tuple(args["pad"]) if isinstance(args["pad"], list) else args["pad"]
    dilation = args.get("dilation", 0)
    y = deconv2D_naive(x, w, args["stride"], pad, dilation)
    if dilation:
        assert b is None
        return y
    layer = Deconv2D(w.shape[3], w.shape[:2], pad, args["stride"])
    layer.in_ch = x.shape[3]
    layer._init_params()
    layer.parameters["W"] = w
    if b is not None:
        layer.parameters["b"] = b.reshape(1, 1, 1, -1)
    with_bias = layer.forward(x)
    assert np.array_equal(with_bias, y if b is None else y + b)

    def pullback(dy):
        dx = layer.backward(dy)
        return dx, layer.gradients["W"], None if b is None else layer.gradients["b"].ravel()

    return with_bias, pullback


def traps(recorder):
    def add(group, pad, size=(3, 4), kernel=(3, 3), stride=1, dilation=0):
        args = {"stride": stride, "pad": pad, "dilation": dilation}
        recorder.add(group, args, (1, *size, 2), (*kernel, 2, 1), bias=dilation == 0)

    for kernel in (1, 2, 3, 4, 5):
        for stride in (1, 2, 3):
            for dilation in (0, 1, 2):
                add("T3_dilation_counts_zeros", 0, kernel=(kernel, 2), stride=stride, dilation=dilation)
                add("T3_same_is_not_same", "same", kernel=(kernel, kernel), stride=stride, dilation=dilation)
    for pads in ((0, 1), (1, 0), (0, 2), (2, 0), (1, 2), (2, 1), (0, 3), (3, 0), (1, 3), (2, 2), (4, 0), (2, 3)):
        for kernel in (2, 3, 4):
            for stride in (1, 2):
                add("T3_asymmetric_pads_are_centred", [*pads, 0, 0], kernel=(kernel, 3), stride=stride)
                add("T3_asymmetric_pads_are_centred", [0, 0, *pads], kernel=(3, kernel), stride=stride)
                add("T3_asymmetric_pads_are_centred", [*pads, *pads[::-1]], kernel=(kernel, kernel), stride=stride, dilation=1)
    add("T3_pad_forms", 1)
    add("T3_pad_forms", [1, 0])
    add("T3_pad_forms", [0, 1])
    add("T3_pad_forms", [1, 1, 0, 0])
    for pads in ([1, 0, 0, 0], [0, 0, 0, 1], [0, 1, 0, 0]):
        add("T3_asymmetric_pads_of_one_tap", pads, kernel=(1, 1))
    for pad in range(5):
        add("T3_largest_pad", pad, size=(5, 5), kernel=(3, 3))
        add("T3_largest_pad", pad, size=(5, 5), kernel=(2, 2), stride=2, dilation=1)
    for args in ({"stride": 0}, {"stride": -1}, {"pad": -1}, {"pad": "valid"}, {"pad": [1, 1, 1]}, {"pad": [1]}, {"dilation": -1}):
        add("refusals", **{"pad": 0, **args})
    recorder.add("refusals", {"stride": [2, 2], "pad": 0}, (1, 3, 3, 1), (2, 2, 1, 1), bias=False)
    recorder.add("refusals", {"stride": 1, "pad": 0}, (1, 3, 3, 2), (2, 2, 1, 1), bias=False)
    recorder.add("refusals", {"stride": 1, "pad": 0}, (3, 3, 2), (2, 2, 2, 1), bias=False)
    for x, w, stride in (((1, 1, 1, 1), (1, 1, 1, 1), 1), ((2, 1, 5, 3), (5, 1, 3, 1), 1), ((1, 2, 2, 1), (2, 2, 1, 2), 5)):
        recorder.add("T7_degenerate", {"stride": stride, "pad": 0}, x, w, bias=w[3])


def random_layers(recorder, count):
    draw = Draw(3)
    target = recorder.counts["accepted"] + count
    while recorder.counts["accepted"] < target:
        ih, kh, stride, d = draw.axis(dilations=(1, 1, 2, 3))
        iw, kw, _, _ = draw.axis()
        inputs, outputs, _ = draw.channels(groups=(1,))
        full = (extent(ih, kh, stride, d), extent(iw, kw, stride, d))
        largest = [draw.range(0, min(d * (k - 1) + draw.pick(0, 0, 0, 0, 1), (f - 1) // 2)) for k, f in zip((kh, kw), full)]
        pad = draw.pick("same", largest[0], largest, [draw.range(0, p) for p in (largest[0], largest[0], largest[1], largest[1])])
        batch = draw.batch()
        if full[0] * full[1] * outputs * batch > LARGEST:
            continue
        recorder.add("random", {"stride": stride, "pad": pad, "dilation": d - 1}, (batch, ih, iw, inputs),
                     (kh, kw, inputs, outputs), bias=draw.pick(0, 1) * outputs if d == 1 else 0)  # fmt: skip


def main():
    options = arguments(__doc__)
    recorder = Recorder("numpy_ml", ["numpy-ml", "numpy", "scipy"], compute,
                        aliases=["collections.Hashable = collections.abc.Hashable"])  # fmt: skip
    traps(recorder)
    random_layers(recorder, options.random)
    recorder.finish()


if __name__ == "__main__":
    main()
