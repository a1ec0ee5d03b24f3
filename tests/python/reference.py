"""The definition, as a scatter in float64: slow, short, and without tconv."""

import numpy as np


def scatter(x, w, stride=(1, 1), dilation=(1, 1), groups=1):
    """The full scatter of x (N, C, H, W) by w (C, O/groups, kH, kW)."""
    x, w = np.asarray(x, np.float64), np.asarray(w, np.float64)
    n, c, h, width = x.shape
    _, per_group, kh, kw = w.shape
    full = np.zeros((n, per_group * groups, stride[0] * (h - 1) + dilation[0] * (kh - 1) + 1,
                     stride[1] * (width - 1) + dilation[1] * (kw - 1) + 1))
    for group in range(groups):
        inputs = slice(group * c // groups, (group + 1) * c // groups)
        outputs = slice(group * per_group, (group + 1) * per_group)
        for i in range(kh):
            for j in range(kw):
                rows = slice(i * dilation[0], i * dilation[0] + stride[0] * (h - 1) + 1, stride[0])
                columns = slice(j * dilation[1], j * dilation[1] + stride[1] * (width - 1) + 1, stride[1])
                full[:, outputs, rows, columns] += np.einsum("nchw,co->nohw", x[:, inputs], w[inputs, :, i, j])
    return full


def crop(full, first, size):
    """`size` rows and columns of the full scatter from `first` on, zeros where it has none."""
    padded = np.zeros((*full.shape[:2], *size))
    source, target = [], []
    for start, length, have in zip(first, size, full.shape[2:], strict=True):
        begin, end = max(start, 0), max(min(start + length, have), max(start, 0))
        source.append(slice(begin, end))
        target.append(slice(begin - start, end - start))
    if all(part.start < part.stop for part in source):
        padded[:, :, target[0], target[1]] = full[:, :, source[0], source[1]]
    return padded


def conv_transpose2d(x, w, b=None, stride=(1, 1), pads=(0, 0, 0, 0), output_padding=(0, 0), groups=1, dilation=(1, 1)):
    """As tconv.conv_transpose2d, in float64; pairs must be pairs and pads four."""
    full = scatter(x, w, stride, dilation, groups)
    top, left, bottom, right = pads
    size = (full.shape[2] - top - bottom + output_padding[0], full.shape[3] - left - right + output_padding[1])
    y = crop(full, (top, left), size)
    return y if b is None else y + np.asarray(b, np.float64)[None, :, None, None]


def legal_layer(random):
    """Random arguments of a small legal layer: sizes of x and w, keyword arguments with pairs."""
    while True:
        groups = int(random.choice([1, 1, 2, 3]))
        c, per_group = groups * int(random.integers(1, 5)), int(random.integers(1, 7))
        size, kernel = random.integers(1, 8, 2), random.integers(1, 6, 2)
        stride, dilation = random.integers(1, 5, 2), random.choice([1, 1, 1, 2, 3], 2)
        full = stride * (size - 1) + dilation * (kernel - 1) + 1
        padding = random.integers(0, 4, 2)
        output_padding = random.integers(0, np.maximum(stride, dilation))
        if np.all(full - 2 * padding + output_padding >= 1):
            break
    pairs = {"stride": stride, "padding": padding, "output_padding": output_padding, "dilation": dilation}
    arguments = {name: tuple(int(n) for n in value) for name, value in pairs.items()}
    batch = int(random.integers(1, 4))
    return ((batch, c, *map(int, size)), (c, per_group, *map(int, kernel)), {**arguments, "groups": groups})


def exact_filter(random, shape, multiple=225):
    """Integers on which every kernel's sums are exact: multiples of what Winograd's transformed filters divide by, which
    for phases of at most two taps is 9."""
    return (multiple * random.integers(-3, 4, shape)).astype(np.float32)


# Unit roundoff of what an element type is computed in and of what it is stored in, and half its least number above zero.
ROUNDOFF = {"float64": (2.0**-53, 2.0**-53, 2.0**-1075), "float32": (2.0**-24, 2.0**-24, 2.0**-150),
            "float16": (2.0**-24, 2.0**-11, 2.0**-25), "bfloat16": (2.0**-24, 2.0**-8, 2.0**-134)}


def bound(dtype, products, magnitudes, expected):
    """|error| by docs/python.md of sums of so many products, and of what was `expected`, which was summed in float64."""
    working, stored, least = ROUNDOFF[dtype]
    return (products + 2) * (working + 2.0**-53) * magnitudes + 2 * stored * abs(expected) + least


def winograd_bound(x, w, groups=1, **_):
    """What docs/python.md adds where Winograd's kernels may be chosen: [1, C_out, 1, 1], by each channel's largest |x|."""
    if groups != 1:
        return 0.0
    channels = x.shape[-3]
    largest = np.abs(x.reshape(-1, *x.shape[-3:])).max(axis=(0, 2, 3)).astype(np.float64)
    sums = largest @ np.abs(w).sum(axis=(2, 3), dtype=np.float64)
    return (27 * (1 + 1 / channels**0.5) + channels**0.5 / 8) * 2.0**-24 * sums[None, :, None, None]


def float32_bound(x, w, b=None, **arguments):
    """The bound of a layer, from its float32 arrays."""
    arguments = dict(arguments)
    padding = arguments.pop("padding", (0, 0))
    arguments["pads"] = (*padding, *padding)
    magnitudes = conv_transpose2d(np.abs(x), np.abs(w), None if b is None else np.abs(b), **arguments)
    products = w.shape[0] // arguments.get("groups", 1) * w.shape[2] * w.shape[3]
    rounded = bound("float32", products, magnitudes, conv_transpose2d(x, w, b, **arguments))
    return rounded + winograd_bound(x, w, **arguments)
