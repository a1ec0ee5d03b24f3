"""chainer.functions.deconvolution_2d and chainer.links.Deconvolution2D on arrays.

Arguments and results are Chainer's, on NumPy arrays in place of Variables. Where Chainer raises InvalidType, these raise
TypeError for element types and ValueError for shapes.
"""

import contextlib
import threading

import numpy as np

from tconv import _autotune, _core, _functional, profiles
from tconv._threads import default_threads

_DETERMINISTIC = ("deterministic argument is not supported anymore. Use tconv.chainer.using_config('cudnn_deterministic', "
                  "value) context where value is either `True` or `False`.")
_UNEXPECTED = {
    "deterministic": _DETERMINISTIC,
    "requires_x_grad": "requires_x_grad argument is not supported anymore. Just remove the argument.",
}


class _Config(threading.local):
    """Each thread has its own, as in Chainer.

    dtype: the element type of a link's parameters.
    autotune: measure all kernels that can compute a layer, once for each layer and machine, and remember the fastest in the
    user's cache. deterministic, cudnn_deterministic: do not measure. A kernel's results are always the same bits; another
    kernel's may differ in the last ones, so with either of these set the choice is the library's own, which never depends
    on a measurement.
    """

    autotune = False
    dtype = np.float32
    deterministic = False
    cudnn_deterministic = False


config = _Config()


@contextlib.contextmanager
def using_config(name: str, value):
    """Sets config.<name> for the time of a ``with`` block. AttributeError if there is no such entry."""
    before = getattr(config, name)
    setattr(config, name, value)
    try:
        yield
    finally:
        setattr(config, name, before)


def _pair(value):
    return value if hasattr(value, "__getitem__") else (value, value)


def _parse_kwargs(function, given, **defaults):
    values = [given.pop(name, default) for name, default in defaults.items()]
    if given:
        for name, message in _UNEXPECTED.items():
            if name in given:
                raise ValueError(message)
        names = ", ".join(map(repr, sorted(given)))
        raise TypeError(f"{function}() got unexpected keyword argument(s) {names}")
    return values


def _check_types(**arrays):
    for name, array in arrays.items():
        if not isinstance(array, np.ndarray):
            raise TypeError(f"{name} is of type {type(array).__name__}; it must be a NumPy array")
        if array.dtype.kind != "f":
            raise TypeError(f"{name} holds {array.dtype}; it must hold floating point numbers")
        dimensions = 1 if name == "b" else 4
        if array.ndim != dimensions:
            raise ValueError(f"{name} has shape {array.shape}; it must have {dimensions} dimension{'s' * (dimensions > 1)}")
    x, W, b = arrays["x"], arrays["W"], arrays.get("b")
    if x.shape[1] != W.shape[0]:
        raise ValueError(f"x has {x.shape[1]} channels; W of shape {W.shape} needs {W.shape[0]}")
    if b is not None and b.dtype != x.dtype:
        raise TypeError(f"b holds {b.dtype}; x holds {x.dtype}")


def _spec(x, W, b, stride, pad, outsize, dilate, groups, dtype) -> _core.Spec:
    sizes = {"batch": x.shape[0], "in_channels": x.shape[1], "out_channels": W.shape[1] * groups, "in_size": x.shape[2:],
             "kernel": W.shape[2:], "dtype": dtype, "bias": b is not None}
    if outsize is not None and None in tuple(outsize):
        default = profiles.chainer(sizes, stride=_pair(stride), pad=_pair(pad), dilate=_pair(dilate), groups=groups).out_size
        outsize = tuple(size if size is not None else own for size, own in zip(outsize, default, strict=True))
    return profiles.chainer(sizes, stride=_pair(stride), pad=_pair(pad), outsize=outsize, dilate=_pair(dilate),
                            groups=groups)


def deconvolution_2d(x, W, b=None, stride=1, pad=0, outsize=None, **kwargs):
    """deconvolution_2d(x, W, b=None, stride=1, pad=0, outsize=None, *, dilate=1, groups=1)

    Parameters
    ----------
    x : array of shape (n, c_I, h_I, w_I), of one of NumPy's floating point types
    W : array of shape (c_I, c_O/groups, h_K, w_K), of one of these types; computed in the wider of both types
    b : array of shape (c_O,) and of x's type, or None
    stride, pad, dilate : int or (int, int)
    outsize : (h_O, w_O), less than a stride away from s*(h_I - 1) + d*(h_K - 1) + 1 - 2*p, either way; None is that size
    groups : int

    Returns an array of shape (n, c_O, h_O, w_O) and of x's type.

    Raises ValueError or TypeError with the argument, its value and what is allowed.
    """
    dilate, groups = _parse_kwargs("deconvolution_2d", kwargs, dilate=1, groups=1)
    _check_types(x=x, W=W, **({} if b is None else {"b": b}))
    dtype = np.result_type(x.dtype, W.dtype)
    spec = _spec(x, W, b, stride, pad, outsize, dilate, groups, dtype)
    threads = default_threads()
    measure = config.autotune and not (config.deterministic or config.cudnn_deterministic)
    plan = _autotune.tuned_plan(spec, threads) if measure else _functional.plan_of(spec, threads)
    y = _functional.run(plan, x.astype(dtype, copy=False), W.astype(dtype, copy=False),
                        None if b is None else np.ascontiguousarray(b, dtype))
    return y.astype(x.dtype, copy=False)


def deconvolution_2d_gradients(x, W, gy, stride=1, pad=0, **kwargs):
    """deconvolution_2d_gradients(x, W, gy, stride=1, pad=0, *, dilate=1, groups=1)

    What Chainer's backward gives for `gy`, the gradient of an output of deconvolution_2d: (gx, gW, gb), each of the type of
    what it is a gradient of (gb: of x's). gy has shape (n, c_O, h_O, w_O); an outsize is read off it.
    """
    dilate, groups = _parse_kwargs("deconvolution_2d_gradients", kwargs, dilate=1, groups=1)
    _check_types(x=x, W=W, gy=gy)
    dtype = np.result_type(x.dtype, W.dtype, gy.dtype)
    spec = _spec(x, W, None, stride, pad, gy.shape[2:], dilate, groups, dtype)
    plans = {of: _core.GradientPlan(spec, of, default_threads()) for of in ("input", "filter", "bias")}
    wide = gy.astype(dtype, copy=False)
    gx = plans["input"].run(wide, plans["input"].pack(W.astype(dtype, copy=False)))
    gW = plans["filter"].run(wide, x=x.astype(dtype, copy=False))
    gb = plans["bias"].run(wide)
    return gx.astype(x.dtype, copy=False), gW.astype(W.dtype, copy=False), gb.astype(x.dtype, copy=False)


class Deconvolution2D:
    """Deconvolution2D(in_channels, out_channels, ksize=None, stride=1, pad=0, nobias=False, outsize=None, initialW=None,
    initial_bias=None, *, dilate=1, groups=1)

    The link, with arrays for parameters: `W` of shape (in_channels, out_channels/groups, kh, kw), `b` of shape
    (out_channels,) or None, both of config.dtype. With in_channels None, or left out together with the name of ksize, W is
    made when the first input comes. initialW and initial_bias are a number, an array of any type, or a function that fills an
    array; None is LeCun's normal distribution for W, with the standard deviation sqrt(1/fan_in) of Chainer, and 0 for b.
    """

    def __init__(self, in_channels, out_channels, ksize=None, stride=1, pad=0, nobias=False, outsize=None, initialW=None,
                 initial_bias=None, **kwargs):
        dilate, groups = _parse_kwargs("__init__", kwargs, dilate=1, groups=1)
        if ksize is None:
            out_channels, ksize, in_channels = in_channels, out_channels, None
        self.ksize = ksize
        self.stride, self.pad, self.dilate = _pair(stride), _pair(pad), _pair(dilate)
        self.outsize = outsize
        self.out_channels = out_channels
        self.groups = int(groups)
        self.W = None
        self._initial_w = initialW
        if in_channels is not None:
            self._make_w(in_channels)
        self.b = None if nobias else _initialised((out_channels,), 0 if initial_bias is None else initial_bias)

    def _make_w(self, in_channels):
        if self.out_channels % self.groups != 0:
            raise ValueError("the number of output channels must be divisible by the number of groups")
        if in_channels % self.groups != 0:
            raise ValueError("the number of input channels must be divisible by the number of groups")
        self.W = _initialised((in_channels, self.out_channels // self.groups, *_pair(self.ksize)), self._initial_w)

    def __call__(self, x):
        """deconvolution_2d of an array of shape (n, in_channels, h, w)."""
        if self.W is None:
            self._make_w(x.shape[1])
        return deconvolution_2d(x, self.W, self.b, self.stride, self.pad, self.outsize, dilate=self.dilate,
                                groups=self.groups)

    forward = __call__


def _initialised(shape, initial):
    """An array of config.dtype, whatever the type of an array that is given, as in Chainer."""
    if isinstance(initial, np.ndarray) and initial.shape != shape:
        raise ValueError(f"the initial array has shape {initial.shape}; it must be {shape}")
    array = np.empty(shape, config.dtype)
    if initial is None:
        fan_in = shape[1] * np.prod(shape[2:])
        array[...] = np.random.normal(0.0, np.sqrt(1.0 / fan_in), shape)
    elif callable(initial):
        initial(array)
    else:
        array[...] = initial
    return array
