"""PyTorch: eager conv_transpose2d in inference mode. It has no preallocated output and packs no weights of this layer."""

import numpy as np
import torch


def version() -> str:
    return torch.__version__


def operands(layer, layout, x, w, b, device="cpu"):
    """All that conv_transpose2d takes; tensors on the device, input and weight lying in memory as the layout says."""
    form = torch.contiguous_format if layout == "nchw" else torch.channels_last
    nchw = torch.from_numpy(x if layout == "nchw" else np.ascontiguousarray(x.transpose(0, 3, 1, 2))).to(device)
    image, weight = (tensor.contiguous(memory_format=form) for tensor in (nchw, torch.from_numpy(w).to(device)))
    padding = tuple(layer["pad_begin"])
    full = [s * (i - 1) + d * (k - 1) + 1
            for i, k, s, d in zip(layer["in_size"], layer["kernel"], layer["stride"], layer["dilation"])]
    output_padding = tuple(size - (f - 2 * p) for size, f, p in zip(layer["size"], full, padding))
    return (image, weight, None if b is None else torch.from_numpy(b).to(device), tuple(layer["stride"]), padding,
            output_padding, layer["groups"], tuple(layer["dilation"]))


def prepare(layer, layout, x, w, b, threads):
    torch.set_num_threads(threads)
    given = operands(layer, layout, x, w, b)
    result = None

    def run():
        nonlocal result
        with torch.inference_mode():
            result = torch.conv_transpose2d(*given)

    def output():
        return (result if layout == "nchw" else result.permute(0, 2, 3, 1)).numpy()

    return run, output, ""
