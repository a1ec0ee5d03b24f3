"""Crop and size of each framework, written from docs/conventions.md: what tconv's profiles compute, in a second hand.

FRAMEWORKS maps a name to a Framework. geometry(args, x, w) takes the framework's own arguments and shapes and returns a
reference.Geometry, or raises ValueError where the framework refuses.
"""

from dataclasses import dataclass
from typing import Callable

from reference import Geometry


@dataclass(frozen=True)
class Framework:
    geometry: Callable
    layout: str = "NCHW"
    filter: str = "IOHW"

    def image_size(self, shape):
        """Rows and columns; the batch may be missing."""
        return tuple(shape[-2:] if self.layout == "NCHW" else shape[-3:-1])

    def kernel_size(self, shape):
        return tuple(shape[axis] for axis, letter in enumerate(self.filter) if letter in "HW")


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


FRAMEWORKS = {
    "torch": Framework(torch),
}
