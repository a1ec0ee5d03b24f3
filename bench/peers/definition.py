"""What the layer computes, in float64: the scatter, tap by tap, each a matrix product, channels last."""

import numpy as np

from layers import Layer

# Of the largest output. Winograd in float32 is off by up to 2e-5, sums in another order by 1e-6; arithmetic in bfloat16 or
# float16, which some peers use where they may, by 4e-4 and more.
TOLERANCE = 1e-4


def random_tensors(layer: Layer, seed: int = 1) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
    """Input (NCHW), filter (IOHW) and bias, float32, uniform in [-1, 1)."""
    rng = np.random.default_rng(seed)

    def uniform(*shape: int) -> np.ndarray:
        return rng.random(shape, np.float32) * 2 - 1

    return (uniform(*layer.input_shape), uniform(*layer.filter_shape), uniform(layer.out_channels) if layer.bias else None)


def forward(layer: Layer, x: np.ndarray, w: np.ndarray, b: np.ndarray | None) -> np.ndarray:
    """NHWC, float64."""
    x = np.ascontiguousarray(x.transpose(0, 2, 3, 1), np.float64)
    w = np.ascontiguousarray(w.transpose(2, 3, 0, 1), np.float64)
    y = np.zeros((layer.batch, *layer.size, layer.out_channels))
    if b is not None:
        y += b
    c_in, c_out = layer.in_channels // layer.groups, layer.out_channels // layer.groups
    for kh in range(layer.kernel.h):
        rows, out_rows = reach(kh, layer.crop.h, layer.size.h, layer.in_size.h, layer.stride.h, layer.dilation.h)
        for kw in range(layer.kernel.w):
            columns, out_columns = reach(kw, layer.crop.w, layer.size.w, layer.in_size.w, layer.stride.w, layer.dilation.w)
            source, target = x[:, rows, columns], y[:, out_rows, out_columns]
            if not source.size:
                continue
            if c_in == c_out == 1:
                target += source * w[kh, kw, :, 0]
                continue
            for g in range(layer.groups):
                inputs, outputs = slice(g * c_in, (g + 1) * c_in), slice(g * c_out, (g + 1) * c_out)
                target[..., outputs] += source[..., inputs] @ w[kh, kw, inputs]
    return y


def reach(k: int, crop: int, size: int, inputs: int, stride: int, dilation: int) -> tuple[slice, slice]:
    """Which inputs reach an output through tap k, and which outputs those are."""
    start = dilation * k - crop  # the output of input 0
    first = max(0, -(start // stride))
    last = min(inputs, (size - 1 - start) // stride + 1)
    if last <= first:
        return slice(0, 0), slice(0, 0)
    return slice(first, last), slice(start + first * stride, start + (last - 1) * stride + 1, stride)


def error_of(y: np.ndarray, expected: np.ndarray) -> float:
    """Largest difference in units of the largest output; infinite where a value is none. Both in one layout."""
    with np.errstate(invalid="ignore", over="ignore"):
        difference = float(np.max(np.abs(y - expected), initial=0.0))
    return difference / max(float(np.max(np.abs(expected), initial=0.0)), 1e-30) if np.isfinite(difference) else float("inf")
