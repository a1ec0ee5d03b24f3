"""paddle.nn.functional.conv2d_transpose, with gradients, and paddle.static.nn.conv2d_transpose -> data/paddle.npz.

The old paddle.fluid.dygraph.Conv2DTranspose runs on no current Python. Its arguments that paddle.nn.functional still has
are checked with that; output_size together with padding, and act, with paddle.static.nn.conv2d_transpose, which is what
fluid.layers.conv2d_transpose has become: the same LayerHelper.append_activation adds the operator that act names.
"""

import os

os.environ["FLAGS_enable_pir_api"] = "0"  # paddle.static.nn.conv2d_transpose takes no tensors of the newer representation

import paddle  # noqa: E402

from recorder import Draw, Recorder, arguments, extent  # noqa: E402

LARGEST = 500


def compute(args, x, w, b):
    args = dict(args)
    if args.pop("api", None) == "static":
        return compute_static(args, x, w, b)
    tensors = [None if a is None else paddle.to_tensor(a, stop_gradient=False) for a in (x, w, b)]
    y = paddle.nn.functional.conv2d_transpose(*tensors, **args)

    def pullback(dy):
        y.backward(paddle.to_tensor(dy))
        return [None if t is None else t.grad.numpy() for t in tensors]

    return y.numpy(), pullback


def compute_static(args, x, w, b):
    paddle.enable_static()
    try:
        main, startup = paddle.static.Program(), paddle.static.Program()
        with paddle.static.program_guard(main, startup):
            fed = paddle.static.data("x", x.shape, str(x.dtype))
            attributes = [None if a is None else paddle.ParamAttr(initializer=paddle.nn.initializer.Assign(a))
                          for a in (w, b)]  # fmt: skip
            y = paddle.static.nn.conv2d_transpose(
                fed, w.shape[1] * args.get("groups", 1), filter_size=list(w.shape[2:]), param_attr=attributes[0],
                bias_attr=attributes[1] or False, **args,
            )  # fmt: skip
        executor = paddle.static.Executor(paddle.CPUPlace())
        executor.run(startup)
        return executor.run(main, feed={"x": x}, fetch_list=[y])[0]
    finally:
        paddle.disable_static()


def traps(recorder):
    add = recorder.add
    square = {"x": (1, 2, 4, 4), "w": (2, 1, 3, 3)}
    for stride in (1, 2, 3):
        for dilation in (1, 2, 3):
            for output_padding in range(max(stride, dilation) + 1):
                add("T1_output_padding", {"stride": stride, "dilation": dilation, "output_padding": output_padding},
                    (1, 1, 2, 3), (1, 1, 2, 2))  # fmt: skip
    for api in ({}, {"api": "static"}):
        for stride in (1, 2, 3):
            for more in range(-1, stride + 1):
                add("T1_output_size", {**api, "stride": stride, "padding": 1, "output_size": [3 * stride + 1 + more, 3 * stride + 1]},
                    **square)  # fmt: skip
        add("T4_output_size_int_is_both_axes", {**api, "stride": 2, "output_size": 10}, **square)
        add("T4_output_size_int_is_both_axes", {**api, "stride": 2, "output_size": 10}, (1, 1, 4, 5), (1, 1, 3, 3))
        for padding in ([1, 0], [1, 0, 0, 2], [0, 1, 2, 0], [[0, 0], [0, 0], [1, 0], [0, 2]], [[0, 0], [1, 0], [0, 0], [0, 2]], "VALID"):
            add("T1_padding_forms", {**api, "stride": 2, "padding": padding}, **square)
    for size in range(1, 7):
        for kernel in (1, 2, 3, 4, 5):
            for stride in (1, 2, 3):
                add("T6_same_takes_the_input_for_the_output", {"stride": stride, "padding": "SAME"},
                    (1, 1, size, 3), (1, 1, kernel, 3))  # fmt: skip
    for dilation in (2, 3):
        for stride in (1, 2):
            add("T6_same_forces_dilation_1", {"stride": stride, "padding": "SAME", "dilation": dilation}, **square)
    add("T6_same_with_output_size", {"stride": 2, "padding": "SAME", "output_size": [8, 8]}, **square)
    add("T6_same_with_output_padding", {"stride": 2, "padding": "SAME", "output_padding": 1}, **square)
    add("refusals", {"stride": 2, "output_padding": 1, "output_size": [10, 10]}, **square)
    for padding in (2, 3, 4):
        add("T7_negative_effective_pad", {"stride": 2, "padding": padding}, **square)
    for stride, dilation in ((3, 1), (2, 2), (4, 2), (3, 3), (4, 1)):
        add("T7_empty_phases", {"stride": stride, "dilation": dilation}, (1, 1, 3, 3), (1, 2, 2, 2), bias=2)
    for x, w, args in (
        ((1, 1, 1, 1), (1, 1, 1, 1), {}), ((1, 4, 2, 3), (4, 1, 2, 2), {"groups": 4, "stride": 2}),
        ((1, 4, 2, 3), (4, 2, 2, 2), {"groups": 4}), ((1, 1, 2, 2), (1, 1, 2, 2), {"stride": 7, "padding": [0, 3]}),
        ((0, 2, 4, 4), (2, 1, 3, 3), {}), ((1, 4, 3, 3), (4, 3, 2, 2), {"groups": 2, "stride": 2}),
    ):  # fmt: skip
        add("T7_degenerate", args, x, w, bias=w[1] * args.get("groups", 1))
    for args in ({"stride": 0}, {"dilation": 0}, {"stride": -1}, {"padding": -1}, {"output_padding": -1}, {"groups": 3},
                 {"groups": 0}, {"padding": 3}, {"padding": "FULL"}, {"stride": [1, 1, 1]}, {"data_format": "CHWN"},
                 {"padding": [[0, 0], [1, 1], [0, 0], [0, 0]]}, {"padding": [1, 1, 1]}):  # fmt: skip
        add("refusals", args, **square)
    add("refusals", {}, (1, 3, 4, 4), (2, 1, 3, 3))
    add("refusals", {}, (2, 4, 4), (2, 1, 3, 3))
    # Softmax runs along the last axis: neither height nor width is the number of channels, nor are they equal.
    for act in ("softmax", "relu", "sigmoid", "tanh", "relu6", "leaky_relu", "elu", "softplus", "hard_swish", "swish", "hard_sigmoid", "gelu"):
        for x, w, args in (((2, 2, 3, 4), (2, 3, 2, 2), {"stride": 2}), ((1, 2, 2, 3), (2, 2, 3, 3), {"stride": 2, "padding": 1, "output_size": [4, 6]}),
                           ((1, 4, 2, 3), (4, 1, 3, 2), {"groups": 2, "dilation": 2})):  # fmt: skip
            add("T4_act_" + act, {"api": "static", "act": act, **args}, x, w, bias=w[1] * args.get("groups", 1), real=True)
    add("refusals", {"api": "static", "act": "no_such_activation"}, **square)


def random_layers(recorder, count):
    draw = Draw(4)
    target = recorder.counts["accepted"] + count
    while recorder.counts["accepted"] < target:
        (ih, kh, sh, dh), (iw, kw, sw, dw) = draw.axis(), draw.axis()
        inputs, outputs, groups = draw.channels()
        channels = outputs * groups
        full = (extent(ih, kh, sh, dh), extent(iw, kw, sw, dw))
        pads = [draw.pick(0, 0, 1, 2, draw.range(0, (f + 1) // 2)) for f in (full[0], full[0], full[1], full[1])]
        form = draw.pick("pair", "pair", "four", "SAME", "VALID")
        args = {"stride": [sh, sw], "dilation": [dh, dw], "groups": groups, "padding": form}
        if form in ("pair", "four"):
            args["padding"] = pads if form == "four" else pads[::2]
        sums = {"pair": (2 * pads[0], 2 * pads[2]), "four": (pads[0] + pads[1], pads[2] + pads[3])}.get(form, (0, 0))
        size = [f - p for f, p in zip(full, sums)]
        if form != "SAME" and draw.chance(0.4):
            args["output_padding"] = [draw.range(0, max(s, d) - draw.pick(0, 1, 1, 1, 1)) for s, d in ((sh, dh), (sw, dw))]
        elif form != "SAME" and draw.chance(0.5):
            args["output_size"] = [o + draw.range(0, s - draw.pick(0, 1, 1, 1, 1)) for o, s in zip(size, (sh, sw))]
        batch = draw.batch()
        if min(size) < draw.pick(0, 1, 1, 1, 1, 1) or (size[0] + 3) * (size[1] + 3) * channels * batch > LARGEST:
            continue
        x = (batch, inputs, ih, iw)
        if draw.chance(0.15):
            args["data_format"] = "NHWC"
            x = (batch, ih, iw, inputs)
        recorder.add("random", args, x, (inputs, outputs, kh, kw), bias=draw.pick(0, 1, 1) * channels)


def main():
    options = arguments(__doc__)
    recorder = Recorder("paddle", ["paddlepaddle", "numpy"], compute)
    traps(recorder)
    random_layers(recorder, options.random)
    recorder.finish()


if __name__ == "__main__":
    main()
