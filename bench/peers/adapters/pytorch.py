"""PyTorch: eager conv_transpose2d in inference mode. It has no preallocated output and packs no weights of this layer."""

import numpy as np
import torch


def version() -> str:
    return torch.__version__


def prepare(layer, layout, x, w, b, threads):
    torch.set_num_threads(threads)
    form = torch.contiguous_format if layout == "nchw" else torch.channels_last
    nchw = torch.from_numpy(x if layout == "nchw" else np.ascontiguousarray(x.transpose(0, 3, 1, 2)))
    image, weight = nchw.contiguous(memory_format=form), torch.from_numpy(w).contiguous(memory_format=form)
    bias = None if b is None else torch.from_numpy(b)
    padding = tuple(layer["pad_begin"])
    full = [s * (i - 1) + d * (k - 1) + 1
            for i, k, s, d in zip(layer["in_size"], layer["kernel"], layer["stride"], layer["dilation"])]
    output_padding = tuple(size - (f - 2 * p) for size, f, p in zip(layer["size"], full, padding))
    stride, dilation, groups = tuple(layer["stride"]), tuple(layer["dilation"]), layer["groups"]
    result = None

    def run():
        nonlocal result
        with torch.inference_mode():
            result = torch.conv_transpose2d(image, weight, bias, stride, padding, output_padding, groups, dilation)

    def output():
        return (result if layout == "nchw" else result.permute(0, 2, 3, 1)).numpy()

    return run, output, ""
