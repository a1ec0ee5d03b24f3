"""numpy_ml.neural_nets: utils.deconv2D_naive, quirks included, and layers.Deconv2D with its gradients."""

import numpy as np

from tconv import _core, _functional, profiles
from tconv._threads import default_threads


def _check_types(**arrays):
    for name, array in arrays.items():
        if array.dtype.kind not in "biufO":
            raise TypeError(f"{name} holds {array.dtype}; it must hold real numbers")


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
    _check_types(X=X, W=W)
    dtype = _computed_in(X, W)
    spec = _spec(X, W, stride, pad, dilation, dtype)
    plan = _functional.plan_of(spec, default_threads())
    Z = _functional.run(plan, X.astype(dtype, copy=False), W.astype(dtype, copy=False), filter_layout="hwio")
    return Z.astype(np.result_type(X, W), copy=False)


def _sigmoid(z):
    with np.errstate(over="ignore"):  # 1 / (1 + inf) is the 0 that is wanted
        return 1 / (1 + np.exp(-z))


# The activations of numpy-ml by name, each with its derivative; other activations are objects with __call__ and grad.
_ACTIVATIONS = {
    "identity": (lambda z: z, np.ones_like),
    "affine(slope=1, intercept=0)": (lambda z: z, np.ones_like),
    "relu": (lambda z: np.clip(z, 0, np.inf), lambda z: (z > 0).astype(z.dtype)),
    "sigmoid": (_sigmoid, lambda z: _sigmoid(z) * (1 - _sigmoid(z))),
    "tanh": (np.tanh, lambda z: 1 - np.tanh(z) ** 2),
}


class _Named:
    def __init__(self, name):
        if name.lower() not in _ACTIVATIONS:
            raise ValueError(f"act_fn = {name!r}; it must be None, an object with grad, or one of: {', '.join(_ACTIVATIONS)}")
        self.name = name
        self._function, self.grad = _ACTIVATIONS[name.lower()]

    def __call__(self, z):
        return self._function(z)

    def __str__(self):
        return self.name


def _initial(mode, shape, gain):
    rows, columns, in_ch, out_ch = shape
    fan_in, fan_out = rows * columns * in_ch, rows * columns * out_ch
    scales = {"glorot_uniform": gain * np.sqrt(6 / (fan_in + fan_out)), "he_uniform": np.sqrt(6 / fan_in),
              "glorot_normal": gain * np.sqrt(2 / (fan_in + fan_out)), "he_normal": np.sqrt(2 / fan_in)}
    if mode not in scales:
        raise ValueError(f"init = {mode!r}; it must be one of: {', '.join(scales)}")
    if mode.endswith("uniform"):
        return np.random.uniform(-scales[mode], scales[mode], shape)
    values = np.random.standard_normal(shape)
    while (far := np.abs(values) > 2).any():  # the truncated normal distribution, by drawing again
        values[far] = np.random.standard_normal(far.sum())
    return scales[mode] * values


class Deconv2D:
    """Deconv2D(out_ch, kernel_shape, pad=0, stride=1, act_fn=None, init="glorot_uniform")

    The layer `act_fn(deconv2D_naive(X, W, stride, pad) + b)` and its gradients, as numpy-ml has it but for the optimizer:
    after backward, `gradients` has what one needs, `flush_gradients` starts again.

    parameters : {"W": (kernel_rows, kernel_cols, in_ch, out_ch), "b": (1, 1, 1, out_ch)}, made by the first forward
    act_fn : None, an object with __call__(z) and grad(z), or a name: "relu", "sigmoid", "tanh", "identity"
    init : "glorot_uniform", "glorot_normal", "he_uniform" or "he_normal"
    """

    def __init__(self, out_ch, kernel_shape, pad=0, stride=1, act_fn=None, init="glorot_uniform"):
        self.out_ch, self.kernel_shape, self.pad, self.stride, self.init = out_ch, tuple(kernel_shape), pad, stride, init
        self.in_ch = None
        self.act_fn = _Named(act_fn or "identity") if act_fn is None or isinstance(act_fn, str) else act_fn
        self.parameters = {"W": None, "b": None}
        self.gradients = {}
        self.X, self.derived_variables = [], {"Z": []}
        self.is_initialized = False
        self.trainable = True

    def _make_parameters(self, in_ch):
        gain = {"tanh": 5 / 3, "relu": np.sqrt(2)}.get(str(self.act_fn).lower(), 1.0)
        self.in_ch = in_ch
        self.parameters = {"W": _initial(self.init, (*self.kernel_shape, in_ch, self.out_ch), gain),
                           "b": np.zeros((1, 1, 1, self.out_ch))}
        self.gradients = {name: np.zeros_like(value) for name, value in self.parameters.items()}
        self.is_initialized = True

    def forward(self, X, retain_derived=True):
        """The output, of shape (n_ex, out_rows, out_cols, out_ch); remembers what backward needs if `retain_derived`."""
        if not self.is_initialized:
            self._make_parameters(X.shape[3])
        Z = deconv2D_naive(X, self.parameters["W"], self.stride, self.pad) + self.parameters["b"]
        if retain_derived:
            self.X.append(X)
            self.derived_variables["Z"].append(Z)
        return self.act_fn(Z)

    def backward(self, dLdY, retain_grads=True):
        """The gradients of the inputs of all forwards, given those of the outputs: an array, or a list of them.

        Adds those of the parameters to `gradients` if `retain_grads`.
        """
        if not self.trainable:
            raise AssertionError("Layer is frozen")
        dX = []
        for dy, x, z in zip(dLdY if isinstance(dLdY, list) else [dLdY], self.X, self.derived_variables["Z"], strict=False):
            dx, dw, db = self._gradients_of(dy * self.act_fn.grad(z), x)
            dX.append(dx)
            if retain_grads:
                self.gradients["W"] += dw
                self.gradients["b"] += db
        return dX[0] if len(self.X) == 1 else dX

    def _gradients_of(self, dz, x):
        W = self.parameters["W"]
        _check_types(X=x, W=W, dLdY=dz)
        dtype = _computed_in(x, W)
        dz, x, W = (np.ascontiguousarray(array, dtype) for array in (dz, x, W))
        spec = _spec(x, W, self.stride, self.pad, 0, dtype)
        plans = {of: _core.GradientPlan(spec, of, default_threads()) for of in ("input", "filter", "bias")}
        return (plans["input"].run(dz, plans["input"].pack(W, "hwio")), plans["filter"].run(dz, x=x, filter_layout="hwio"),
                plans["bias"].run(dz).reshape(1, 1, 1, -1))

    def flush_gradients(self):
        """Forgets all forwards and sets the gradients to zero."""
        self.X, self.derived_variables = [], {"Z": []}
        self.gradients = {name: np.zeros_like(value) for name, value in self.gradients.items()}

    def freeze(self):
        """backward refuses from here on."""
        self.trainable = False

    def unfreeze(self):
        """backward works again."""
        self.trainable = True
