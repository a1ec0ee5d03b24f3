"""torch.nn.ConvTranspose2d on the CPU, in float32 and float64, with its gradients -> data/torch.npz."""

import torch

from recorder import Draw, Recorder, arguments, extent

LARGEST = 500  # values of one result


def compute(args, x, w, b):
    args = dict(args)
    output_size = args.pop("output_size", None)
    if isinstance(args.get("padding_mode"), str):
        padding_mode = {"padding_mode": args.pop("padding_mode")}
    else:
        padding_mode = {}
    x, w = (torch.from_numpy(a).requires_grad_() for a in (x, w))
    args = {name: tuple(value) if isinstance(value, list) else value for name, value in args.items()}
    layer = torch.nn.ConvTranspose2d(
        x.shape[-3], w.shape[1] * args.get("groups", 1), tuple(w.shape[2:]), bias=b is not None, dtype=x.dtype,
        **padding_mode, **args,
    )  # fmt: skip
    with torch.no_grad():
        assert layer.weight.shape == w.shape
    parameters = {"weight": w}
    if b is not None:
        parameters["bias"] = torch.from_numpy(b).requires_grad_()
    y = torch.func.functional_call(layer, parameters, (x, output_size))

    def pullback(dy):
        y.backward(torch.from_numpy(dy))
        bias = parameters.get("bias")
        return [None if a is None else a.grad.numpy() for a in (x, w, bias)]

    return y.detach().numpy(), pullback


def traps(recorder):
    add = recorder.add
    square = {"x": (1, 2, 4, 4), "w": (2, 1, 3, 3)}
    for stride in (1, 2, 3):
        for dilation in (1, 2, 3):
            for output_padding in range(max(stride, dilation) + 1):  # the last one is refused
                add("T1_output_padding", {"stride": stride, "dilation": dilation, "output_padding": output_padding},
                    (1, 1, 2, 3), (1, 1, 2, 2))  # fmt: skip
    add("T1_output_padding", {"stride": [1, 3], "dilation": [2, 1], "output_padding": [1, 2]}, **square)
    add("T1_output_padding", {"stride": [3, 1], "dilation": [1, 1], "output_padding": [2, 1]}, **square)
    for size in range(6, 11):  # 7 and 8 are in range
        add("T1_output_size", {"stride": 2, "padding": 1, "output_size": [size, 7]}, **square)
    for size in ([1, 1, 8, 8], [1, 8, 8], [2, 1, 8, 8], [8], [1, 1, 1, 8, 8]):
        add("T4_output_size_forms", {"stride": 2, "padding": 1, "output_size": size}, **square)
        add("T4_output_size_forms", {"stride": 2, "padding": 1, "output_size": size}, (2, 4, 4), (2, 1, 3, 3))
    add("T1_output_size", {"stride": 2, "padding": 1, "output_padding": 1, "output_size": [7, 7]}, **square)
    add("T1_output_size", {"stride": 1, "dilation": 3, "output_size": [11, 11]}, **square)
    for padding in (2, 3, 4):
        add("T7_negative_effective_pad", {"stride": 2, "padding": padding}, **square)
    add("T7_negative_effective_pad", {"padding": [1, 2]}, (1, 1, 4, 6), (1, 1, 1, 1))
    for stride, dilation in ((3, 1), (2, 2), (4, 2), (3, 3), (4, 1)):
        add("T7_empty_phases", {"stride": stride, "dilation": dilation}, (1, 1, 3, 3), (1, 2, 2, 2), bias=2)
        add("T7_empty_phases", {"stride": stride, "dilation": dilation, "output_padding": stride - 1},
            (1, 1, 3, 3), (1, 2, 2, 2), bias=2)  # fmt: skip
    for x, w, args in (
        ((1, 1, 1, 1), (1, 1, 1, 1), {}), ((0, 2, 4, 4), (2, 1, 3, 3), {}), ((1, 1, 1, 5), (1, 1, 5, 1), {"padding": [2, 0]}),
        ((1, 4, 2, 3), (4, 1, 2, 2), {"groups": 4}), ((1, 1, 2, 2), (1, 1, 2, 2), {"stride": 7, "padding": [0, 3]}),
        ((1, 2, 2, 2), (2, 1, 4, 4), {"stride": 2, "padding": 1}), ((1, 1, 2, 3), (1, 2, 2, 4), {"stride": [3, 2], "dilation": [1, 3]}),
        ((1, 4, 3, 3), (4, 3, 2, 2), {"groups": 2, "stride": 2}), ((2, 3, 3), (2, 2, 2, 2), {"stride": 2}),
    ):  # fmt: skip
        add("T7_degenerate", args, x, w, bias=w[1] * args.get("groups", 1))
    for x, w, args in (
        ((1, 2, 4, 4), (2, 1, 3, 3), {"stride": 0}), ((1, 2, 4, 4), (2, 1, 3, 3), {"dilation": 0}),
        ((1, 2, 4, 4), (2, 1, 3, 3), {"padding": -1}), ((1, 2, 4, 4), (2, 1, 3, 3), {"output_padding": -1}),
        ((1, 2, 4, 4), (2, 1, 3, 3), {"stride": -1}), ((1, 3, 4, 4), (3, 1, 3, 3), {"groups": 2}),
        ((1, 2, 4, 4), (2, 1, 3, 3), {"groups": 0}), ((1, 2, 4, 4), (2, 1, 3, 3), {"padding": 6}),
        ((1, 1, 1, 1), (1, 1, 2, 2), {"padding": 1}), ((1, 2, 0, 4), (2, 1, 3, 3), {}), ((1, 0, 4, 4), (0, 1, 3, 3), {}),
        ((1, 1, 2, 2), (1, 0, 2, 2), {}), ((4, 4), (1, 1, 3, 3), {}), ((1, 2, 4, 4), (2, 1, 3, 3), {"stride": [2, 2, 2]}),
        ((1, 2, 4, 4), (2, 1, 3, 3), {"padding_mode": "reflect"}), ((1, 2, 4, 4), (2, 1, 3, 3), {"padding": [1]}),
        ((1, 1, 2, 2), (1, 1, 0, 2), {}),
    ):  # fmt: skip
        add("refusals", args, x, w)


def random_layers(recorder, count):
    draw = Draw(1)
    target = recorder.counts["accepted"] + count
    while recorder.counts["accepted"] < target:
        (ih, kh, sh, dh), (iw, kw, sw, dw) = draw.axis(), draw.axis()
        inputs, outputs, groups = draw.channels()
        full = (extent(ih, kh, sh, dh), extent(iw, kw, sw, dw))
        pads = [draw.pick(0, 0, 1, 2, draw.range(0, (f + 1) // 2)) for f in full]
        args = {"stride": [sh, sw], "padding": pads, "dilation": [dh, dw], "groups": groups}
        if draw.chance(0.5):
            args["output_padding"] = [draw.range(0, max(sh, dh) - draw.pick(0, 1, 1, 1)),
                                      draw.range(0, max(sw, dw) - draw.pick(0, 1, 1, 1))]  # fmt: skip
        elif draw.chance(0.5):
            args["output_size"] = [f - 2 * p + draw.range(0, s - draw.pick(0, 1, 1, 1, 1))
                                   for f, p, s in zip(full, pads, (sh, sw))]  # fmt: skip
        size = [f - 2 * p + 3 for f, p in zip(full, pads)]
        batch = [] if draw.chance(0.1) else [draw.batch()]
        if min(size) < 3 or size[0] * size[1] * outputs * groups * (batch or [1])[0] > LARGEST:
            continue
        recorder.add("random", args, (*batch, inputs, ih, iw), (inputs, outputs, kh, kw),
                     bias=draw.pick(0, 1, 1) * outputs * groups)  # fmt: skip


def main():
    options = arguments(__doc__)
    recorder = Recorder("torch", ["torch", "numpy"], compute)
    traps(recorder)
    random_layers(recorder, options.random)
    recorder.finish()


if __name__ == "__main__":
    main()
