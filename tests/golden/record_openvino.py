"""ConvolutionBackpropData and GroupConvolutionBackpropData of OpenVINO on the CPU, in float32 -> data/openvino.npz.

The filter of a group convolution, (G, I, O, H, W), is recorded as the array (G*I, O, H, W) that it is in memory.
"""

import numpy as np
import openvino
from openvino import opset13 as ops

from recorder import Draw, Recorder, arguments, extent

LARGEST = 500
CORE = openvino.Core()
# Without this, processors with bfloat16 units compute in bfloat16.
EXACT = {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": 1, "PERFORMANCE_HINT": "LATENCY"}


def compute(args, x, w, b):
    assert b is None
    args = dict(args)
    groups = args.pop("groups", 1)
    if "output_shape" in args:
        args["output_shape"] = ops.constant(np.array(args["output_shape"], np.int64))
    node = ops.convolution_backprop_data
    if groups > 1:
        node = ops.group_convolution_backprop_data
        w = w.reshape(groups, w.shape[0] // groups, *w.shape[1:])
    data = ops.parameter(list(x.shape), np.float32)
    strides = args.pop("strides")
    layer = node(data, ops.constant(w), strides, **args)
    compiled = CORE.compile_model(openvino.Model([layer], [data]), "CPU", EXACT)
    return compiled(x)[0].copy()


def traps(recorder):
    def add(group, x, w, **args):
        recorder.add(group, {"strides": [1, 1], **args}, x, w, False)

    square = {"x": (1, 1, 4, 4), "w": (1, 1, 3, 3)}
    for auto_pad in ({}, {"auto_pad": "explicit"}, {"auto_pad": "same_upper"}, {"auto_pad": "same_lower"}, {"auto_pad": "valid"}):
        add("T1_auto_pad_zeroes_pads", **square, strides=[2, 2], pads_begin=[1, 1], pads_end=[1, 0], **auto_pad)
        add("T1_auto_pad_zeroes_pads", **square, strides=[2, 2], **auto_pad)
        for size in range(6, 13):
            add("T5_output_shape_is_the_reverse_of_onnx", **square, strides=[2, 2], output_shape=[size, size], **auto_pad)
        for extra in (0, 1):
            add("T5_output_shape_with_output_padding", **square, strides=[2, 2], output_padding=[extra, extra],
                output_shape=[8, 7], **auto_pad)  # fmt: skip
        add("T5_output_shape_with_pads", **square, strides=[2, 2], output_shape=[8, 8], pads_begin=[2, 2], pads_end=[0, 0], **auto_pad)
        add("T5_kernel_below_stride", (1, 1, 4, 4), (1, 1, 2, 2), strides=[3, 3], **auto_pad)
    for dilation in (1, 2, 3):
        for stride in (1, 2, 3):
            for extra in range(max(stride, dilation) + 1):
                add("T1_output_padding", **square, strides=[stride] * 2, dilations=[dilation] * 2, output_padding=[extra, extra])
    for groups, inputs, outputs in ((2, 4, 3), (2, 2, 1), (3, 3, 1), (4, 4, 2)):
        add("T2_groups", (1, inputs, 3, 3), (inputs, outputs, 2, 2), strides=[2, 2], groups=groups)
    for pads in (1, 2):
        add("T7_negative_effective_pad", (1, 1, 5, 5), (1, 1, 2, 2), strides=[2, 2], pads_begin=[pads + 1, pads], pads_end=[pads, pads])
    for args in ({"strides": [0, 1]}, {"dilations": [0, 1]}, {"pads_begin": [4, 4], "pads_end": [3, 3]}, {"strides": [1]},
                 {"output_shape": [6]}, {"pads_begin": [3, 3], "pads_end": [3, 3]}):  # fmt: skip
        add("refusals", **square, **args)
    add("refusals", (1, 3, 4, 4), (2, 1, 3, 3))


def random_layers(recorder, count):
    draw = Draw(10)
    target = recorder.counts["accepted"] + count
    while recorder.counts["accepted"] < target:
        (ih, kh, sh, dh), (iw, kw, sw, dw) = draw.axis(), draw.axis()
        inputs, outputs, groups = draw.channels((1, 1, 1, 2))
        full = (extent(ih, kh, sh, dh), extent(iw, kw, sw, dw))
        args = {"strides": [sh, sw], "dilations": [dh, dw], "groups": groups}
        size = list(full)
        starts, ends = ([draw.pick(0, 0, 1, 2, draw.range(0, (f + 1) // 2)) for f in full] for _ in "se")
        form = draw.pick("pads", "pads", "same_upper", "same_lower", "valid", "shape", "shape")
        if form == "pads":
            args.update(pads_begin=starts, pads_end=ends)
            size = [f - a - b for f, a, b in zip(full, starts, ends)]
        elif form == "shape":
            args["output_shape"] = size = [draw.range(max(1, f - 4), f) for f in full]
            if draw.chance(0.7):
                args["auto_pad"] = draw.pick("same_upper", "same_lower", "valid")
            elif draw.chance(0.5):
                args.update(pads_begin=starts, pads_end=ends)
        else:
            args["auto_pad"] = form
        if draw.chance(0.3):
            args["output_padding"] = [draw.range(0, s - 1) for s in (sh, sw)]
        batch = draw.batch()
        if min(size) < 1 or (size[0] + 2) * (size[1] + 2) * outputs * groups * batch > LARGEST:
            continue
        recorder.add("random", args, (batch, inputs, ih, iw), (inputs, outputs, kh, kw), False)


def main():
    options = arguments(__doc__)
    recorder = Recorder("openvino", ["openvino", "numpy"], compute, dtypes=("float32",))
    traps(recorder)
    random_layers(recorder, options.random)
    recorder.finish()


if __name__ == "__main__":
    main()
