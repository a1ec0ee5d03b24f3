"""numpy_ml.neural_nets.utils.deconv2D_naive, quirks included."""

import numpy as np

from tconv import _core, _functional, profiles
from tconv._threads import default_threads


def _computed_in(*arrays) -> np.dtype:
    """The floating point type that NumPy would compute in; float64 for integers."""
    dtype = np.result_type(*arrays)
    return dtype if dtype.kind == "f" else np.dtype(np.float64)


def _spec(X, W, stride, pad, dilation, dtype) -> _core.Spec:
    for name, array in (("X", X), ("W", W)):
        if array.ndim != 4:
            raise ValueError(f"{name} has shape {array.shape}; it must have 4 dimensions")
    if X.shape[3] != W.shape[2]:
        raise ValueError(f"X has {X.shape[3]} channels; W of shape {W.shape} needs {W.shape[2]}")
    return profiles.numpy_ml({"batch": X.shape[0], "in_channels": X.shape[3], "out_channels": W.shape[3],
                              "in_size": X.shape[1:3], "kernel": W.shape[:2], "layout": "nhwc", "dtype": dtype,
                              "bias": False}, stride=stride, pad=pad, dilation=dilation)


def deconv2D_naive(X, W, stride, pad, dilation=0):
    """A "deconvolution" (more accurately, a transposed convolution) of an input volume.

    Parameters
    ----------
    X : array of shape (n_ex, in_rows, in_cols, in_ch)
    W : array of shape (kernel_rows, kernel_cols, in_ch, out_ch)
    stride : int, of both axes
    pad : int, (rows, columns), (top, bottom, left, right) or "same". Of the two pads of an axis only the sum p counts: what
        they leave of the full result is centred, from row ceil(p/2) on; p may be at most twice the extent of the kernel less
        one. "same" keeps the size of the input after its zeros were inserted: stride*(in_rows - 1) + 1
    dilation : int, the number of zeros between two taps: 0 is a dense kernel

    Returns an array of shape (n_ex, out_rows, out_cols, out_ch) and of the wider of both types;
    out_rows = stride*(in_rows - 1) + kernel_rows*(dilation + 1) - dilation - p.

    Raises ValueError or TypeError with the argument, its value and what is allowed.
    """
    X, W = np.asarray(X), np.asarray(W)
    dtype = _computed_in(X, W)
    spec = _spec(X, W, stride, pad, dilation, dtype)
    plan = _functional.plan_of(spec, default_threads())
    Z = _functional.run(plan, X.astype(dtype, copy=False), W.astype(dtype, copy=False), filter_layout="hwio")
    return Z.astype(np.result_type(X, W), copy=False)
