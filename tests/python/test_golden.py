"""The layers of tconv.chainer, numpy_ml, paddle and torch against what the packages themselves computed and refused: the
golden files of tests/golden. The C profiles are held against them there; here it is what Python makes of arguments and arrays.
"""

import os
import pathlib
import sys

import numpy as np
import pytest

from tconv import chainer, numpy_ml, profiles
from tconv.paddle import Conv2DTranspose as FluidLayer
from tconv.paddle.nn import Conv2DTranspose as PaddleLayer

GOLDEN = pathlib.Path(os.environ.get("TCONV_SOURCE", pathlib.Path(__file__).parents[2])) / "tests/golden"
sys.path.insert(0, str(GOLDEN))
import deviations  # noqa: E402
import store  # noqa: E402
from integers import tensor  # noqa: E402


def tuples(value):
    return tuple(map(tuples, value)) if isinstance(value, list) else value


def arguments_of(case):
    return {name: tuples(value) for name, value in case["args"].items()}


def arrays_of(case):
    x, w = (tensor(case["id"], role, case[role]).astype(np.float32) for role in ("x", "w"))
    return x, w, tensor(case["id"], "b", [case["b"]]).astype(np.float32) if "b" in case else None


def run_chainer(case):
    x, w, b = arrays_of(case)
    arguments = arguments_of(case)
    x_type, w_type = arguments.pop("x_dtype", "float32"), arguments.pop("W_dtype", "float32")
    return chainer.deconvolution_2d(x.astype(x_type), w.astype(w_type), None if b is None else b.astype(x_type), **arguments)


def run_numpy_ml(case):
    x, w, b = arrays_of(case)
    y = numpy_ml.deconv2D_naive(x, w, **arguments_of(case))
    return y if b is None else y + b


def run_paddle(case):
    x, w, b = arrays_of(case)
    arguments = arguments_of(case)
    arguments.pop("api", None)  # Paddle's function or its static one, of which the layer of fluid has the act
    groups = arguments.get("groups", 1)
    bias = False if b is None else b
    if "act" in arguments:
        return FluidLayer(w.shape[0], w.shape[1] * groups, w.shape[2:], param_attr=w, bias_attr=bias, **arguments)(x)
    size = arguments.pop("output_size", None)
    if size is not None and arguments.get("output_padding"):
        # Paddle's function refuses both; its layer, and ours, drops the output_padding instead.
        return profiles.paddle({"in_channels": 1, "out_channels": 1, "in_size": x.shape[2:], "kernel": w.shape[2:]},
                               output_size=size, **{**arguments, "groups": 1})
    layer = PaddleLayer(w.shape[0], w.shape[1] * groups, w.shape[2:], weight_attr=w, bias_attr=bias, **arguments)
    return layer(x, size)


def torch_layer(case):
    """The layer of a case, its input and its output_size."""
    torch = pytest.importorskip("torch")
    import tconv.torch

    x, w, b = (None if array is None else torch.from_numpy(array) for array in arrays_of(case))
    arguments = arguments_of(case)
    size, groups = arguments.pop("output_size", None), arguments.get("groups", 1)
    layer = tconv.torch.ConvTranspose2d(w.shape[0], w.shape[1] * groups, tuple(w.shape[2:]), bias=b is not None, **arguments)
    with torch.no_grad():
        layer.weight.copy_(w)
        if b is not None:
            layer.bias.copy_(b)
    return layer, x, size


def run_torch(case):
    layer, x, size = torch_layer(case)
    return layer(x, output_size=size).detach().numpy()


def deviates(framework, case):
    return any(deviation.applies(case) for deviation in deviations.DEVIATIONS.get(framework, ()))


@pytest.mark.parametrize(("framework", "run"), [("chainer", run_chainer), ("numpy_ml", run_numpy_ml),
                                                ("paddle", run_paddle), ("torch", run_torch)])
def test_results_and_refusals(framework, run):
    compared = refused = 0
    for case in store.Golden(GOLDEN / "data" / f"{framework}.npz").cases:
        known = deviates(framework, case)
        try:
            y = run(case)
        except (ValueError, TypeError) as error:
            assert known or "error" in case, f"{case['id']} {case['args']} {case['x']} {case['w']}: {error}"
            refused += 1
            continue
        if "y" not in case["results"]:
            assert known, f"{case['id']} {case['args']} {case['x']} {case['w']}: {framework} says {case['error']}"
            continue
        expected = case["results"]["y"]
        # Sums of integers are exact, but for what Winograd's tiles in float32 divide by three.
        tiles = np.asarray(y).dtype == np.float32
        close = np.allclose(y, expected, atol=1e-5) if case.get("real") or tiles else np.array_equal(y, expected)
        assert close or known, f"{case['id']} {case['args']} {case['x']} {case['w']}"
        compared += close
    assert compared > 500 and refused > 0, (compared, refused)


def torch_gradients(case, dy):
    torch = pytest.importorskip("torch")
    layer, x, size = torch_layer(case)
    layer(x.requires_grad_(), output_size=size).backward(torch.from_numpy(dy))
    return x.grad, layer.weight.grad, None if layer.bias is None else layer.bias.grad


def chainer_gradients(case, dy):
    x, w, b = arrays_of(case)
    arguments = arguments_of(case)
    x_type, w_type = arguments.pop("x_dtype", "float32"), arguments.pop("W_dtype", "float32")
    arguments.pop("outsize", None)  # as dy has it
    dx, dw, db = chainer.deconvolution_2d_gradients(x.astype(x_type), w.astype(w_type), dy, **arguments)
    assert dx.dtype == x_type and dw.dtype == w_type
    return dx, dw, None if b is None else db


def numpy_ml_gradients(case, dy):
    x, w, b = arrays_of(case)
    arguments = arguments_of(case)
    assert arguments.pop("dilation", 0) == 0
    layer = numpy_ml.Deconv2D(w.shape[3], w.shape[:2], **arguments)
    layer.forward(x, retain_derived=False)  # makes the parameters
    layer.parameters["W"] = w
    layer.forward(x)
    dx = layer.backward(dy)
    return dx, layer.gradients["W"], None if b is None else layer.gradients["b"].ravel()


@pytest.mark.parametrize(("framework", "gradients_of"), [("chainer", chainer_gradients), ("numpy_ml", numpy_ml_gradients),
                                                         ("torch", torch_gradients)])
def test_gradients(framework, gradients_of, gradients):
    """Those of the other frameworks are compared by the test golden.profiles, without Python's layers."""
    gradients("input", "filter", "bias")
    compared = 0
    for case in store.Golden(GOLDEN / "data" / f"{framework}.npz").cases:
        if "dx" not in case or deviates(framework, case):
            continue
        dy = tensor(case["id"], "dy", case["y"]).astype(np.float32)
        for name, gradient in zip(("dx", "dw", "db"), gradients_of(case, dy), strict=True):
            assert (gradient is None) == (name not in case), (case["id"], name)
            if gradient is not None:
                np.testing.assert_array_equal(gradient, case["results"][name], err_msg=f"{case['id']} {name}")
                compared += 1
    assert compared > 1500, compared
