"""Transposed convolution from its definition, in integers, with NumPy only: the scatter, its crop and its adjoints.

Every framework's result is y[o] = b + F[o + c] for o in [0, O), where F is the full scatter and zero outside
(docs/conventions.md). Tensors here are logical: x (N, C_in, H, W), w (C_in, C_out/groups, kH, kW), b (C_out), y NCHW.
"""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Geometry:
    """Pairs are (rows, columns). crop may be negative, size may run past the full scatter."""

    crop: tuple
    size: tuple
    stride: tuple = (1, 1)
    dilation: tuple = (1, 1)
    groups: int = 1


def extents(x_size, w_size, geometry):
    return tuple(
        s * (i - 1) + d * (k - 1) + 1
        for i, k, s, d in zip(x_size, w_size, geometry.stride, geometry.dilation)
    )


def taps(w, geometry, x_size):
    """For each tap: its indices, and the rows and columns of the full scatter that the inputs reach through it."""
    (sh, sw), (dh, dw) = geometry.stride, geometry.dilation
    for kh in range(w.shape[2]):
        for kw in range(w.shape[3]):
            rows = slice(dh * kh, dh * kh + sh * (x_size[0] - 1) + 1, sh)
            columns = slice(dw * kw, dw * kw + sw * (x_size[1] - 1) + 1, sw)
            yield kh, kw, rows, columns


def channel_groups(x_channels, w, groups):
    """For each group: its slice of input channels and its slice of output channels."""
    inputs, outputs = x_channels // groups, w.shape[1]
    for g in range(groups):
        yield slice(g * inputs, (g + 1) * inputs), slice(g * outputs, (g + 1) * outputs)


def windows(full, geometry):
    """Along each axis: where crop and full scatter overlap, in the output and in the full scatter."""
    pairs = []
    for length, crop, size in zip(full, geometry.crop, geometry.size):
        first, last = max(0, -crop), max(0, -crop, min(size, length - crop))
        pairs.append((slice(first, last), slice(first + crop, last + crop)))
    (out_h, full_h), (out_w, full_w) = pairs
    return (..., out_h, out_w), (..., full_h, full_w)


def forward(x, w, b, geometry):
    full_size = extents(x.shape[2:], w.shape[2:], geometry)
    channels = w.shape[1] * geometry.groups
    full = np.zeros((x.shape[0], channels, *full_size), x.dtype)
    for inputs, outputs in channel_groups(x.shape[1], w, geometry.groups):
        for kh, kw, rows, columns in taps(w, geometry, x.shape[2:]):
            full[:, outputs, rows, columns] += np.einsum("nihw,io->nohw", x[:, inputs], w[inputs, :, kh, kw])
    y = np.zeros((x.shape[0], channels, *geometry.size), x.dtype)
    to, source = windows(full_size, geometry)
    y[to] = full[source]
    return y if b is None else y + b.reshape(1, channels, 1, 1)


def backward(x, w, dy, geometry):
    """Gradients of sum(dy * forward): (dx, dw, db). What was cropped away gets none; db counts every output."""
    full_size = extents(x.shape[2:], w.shape[2:], geometry)
    full = np.zeros((*dy.shape[:2], *full_size), dy.dtype)
    to, source = windows(full_size, geometry)
    full[source] = dy[to]
    dx, dw = np.zeros_like(x), np.zeros_like(w)
    for inputs, outputs in channel_groups(x.shape[1], w, geometry.groups):
        for kh, kw, rows, columns in taps(w, geometry, x.shape[2:]):
            reached = full[:, outputs, rows, columns]
            dx[:, inputs] += np.einsum("nohw,io->nihw", reached, w[inputs, :, kh, kw])
            dw[inputs, :, kh, kw] += np.einsum("nohw,nihw->io", reached, x[:, inputs])
    return dx, dw, dy.sum(axis=(0, 2, 3))
