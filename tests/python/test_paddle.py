"""tconv.paddle: both generations of the layer, output sizes, activations by name."""

import numpy as np
import pytest
import reference

import tconv.paddle as fluid
from tconv.paddle import nn
from tconv.paddle._activation import _AFTERWARDS, _FUSED


def layer_and_output(random, x_shape=(2, 4, 5, 6), **arguments):
    layer = fluid.Conv2DTranspose(4, 6, (3, 2), **arguments)
    x = random.standard_normal(x_shape, dtype=np.float32)
    return layer, x, layer(fluid.dygraph.to_variable(x)).numpy()


def test_parameters(random):
    layer, x, y = layer_and_output(random, padding=1, stride=2, dilation=(1, 2), groups=2)
    assert layer.weight.numpy().shape == (4, 3, 3, 2) and layer.weight.dtype == np.float32
    assert not layer.bias.numpy().any()
    limit = np.sqrt(6 / ((4 + 3) * 6))
    assert np.abs(layer.weight).max() <= limit
    expected = reference.conv_transpose2d(x, layer.weight, layer.bias, (2, 2), (1, 1, 1, 1), groups=2, dilation=(1, 2))
    np.testing.assert_allclose(y, expected, rtol=1e-4, atol=1e-5)


def test_initial_values(random):
    w, b = random.standard_normal((4, 6, 3, 2), dtype=np.float32), random.standard_normal(6, dtype=np.float32)
    layer, x, y = layer_and_output(random, param_attr=w, bias_attr=b)
    np.testing.assert_array_equal(layer.weight, w)
    np.testing.assert_allclose(y, reference.conv_transpose2d(x, w, b), rtol=1e-4, atol=1e-5)
    layer, x, y = layer_and_output(random, param_attr=lambda shape: np.full(shape, 0.5), bias_attr=False)
    assert layer.bias is None and (layer.weight == 0.5).all()
    with pytest.raises(ValueError, match=r"has shape \(2, 2\); it must be \(4, 6, 3, 2\)"):
        fluid.Conv2DTranspose(4, 6, (3, 2), param_attr=np.ones((2, 2)))


@pytest.mark.parametrize("size", [9, (10, 8)])
def test_output_size_in_its_range(random, size):
    layer, x, y = layer_and_output(random, (2, 4, 5, 5), stride=2, padding=1, output_size=size)
    out = (size, size) if isinstance(size, int) else size
    full = reference.scatter(x, layer.weight, (2, 2))
    np.testing.assert_allclose(y, reference.crop(full, (1, 1), out), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("size", [8, 11, (9, 7), (11, 8)])
def test_output_size_outside_its_range(random, size):
    with pytest.raises(ValueError, match="output_size"):
        layer_and_output(random, (2, 4, 5, 5), stride=2, padding=1, output_size=size)


def test_float64(random):
    layer = fluid.Conv2DTranspose(4, 6, 3, dtype="float64")
    x = random.standard_normal((2, 4, 5, 6))
    y = layer(x)
    assert y.dtype == np.float64
    np.testing.assert_allclose(y, reference.conv_transpose2d(x, layer.weight, layer.bias), rtol=1e-12, atol=1e-12)


def test_softmax_is_along_the_last_axis(random):
    """A map that is not square, with as many channels as neither side."""
    layer, x, y = layer_and_output(random, (2, 4, 5, 7), act="softmax")
    z = reference.conv_transpose2d(x, layer.weight, layer.bias)
    assert len({*z.shape[1:]}) == 3
    e = np.exp(z - z.max(axis=-1, keepdims=True))
    np.testing.assert_allclose(y, e / e.sum(axis=-1, keepdims=True), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(y.sum(axis=-1), 1, rtol=1e-5)


FORMULAS = {
    "relu": lambda z: np.maximum(z, 0), "relu6": lambda z: np.clip(z, 0, 6), "brelu": lambda z: np.clip(z, 0, 24),
    "leaky_relu": lambda z: np.where(z < 0, 0.02 * z, z), "sigmoid": lambda z: 1 / (1 + np.exp(-z)), "tanh": np.tanh,
    "elu": lambda z: np.where(z < 0, np.expm1(z), z), "swish": lambda z: z / (1 + np.exp(-z)),
    "silu": lambda z: z / (1 + np.exp(-z)), "hard_swish": lambda z: z * np.clip(z + 3, 0, 6) / 6,
    "softplus": lambda z: np.log1p(np.exp(z)), "hard_sigmoid": lambda z: np.clip(0.2 * z + 0.5, 0, 1),
    "logsigmoid": lambda z: np.log(1 / (1 + np.exp(-z))), "softsign": lambda z: z / (1 + np.abs(z)),
    "tanh_shrink": lambda z: z - np.tanh(z), "exp": np.exp, "square": lambda z: z * z, "abs": np.abs, "sin": np.sin,
    "cos": np.cos,
}


@pytest.mark.parametrize("name", FORMULAS)
def test_activations_by_name(random, name):
    layer, x, y = layer_and_output(random, act=name)
    z = reference.conv_transpose2d(x, layer.weight, layer.bias)
    np.testing.assert_allclose(y, FORMULAS[name](z), rtol=1e-4, atol=1e-5)


def test_gelu(random):
    from math import erf, sqrt

    layer, x, y = layer_and_output(random, act="gelu")
    z = reference.conv_transpose2d(x, layer.weight, layer.bias)
    np.testing.assert_allclose(y, z / 2 * (1 + np.vectorize(erf)(z / sqrt(2))), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("name", "formula"), [
    ("sqrt", np.sqrt), ("rsqrt", lambda z: z**-0.5), ("log", np.log), ("reciprocal", lambda z: 1 / z), ("ceil", np.ceil),
    ("floor", np.floor)])
def test_activations_of_positive_numbers(random, name, formula):
    layer = fluid.Conv2DTranspose(1, 1, 1, param_attr=np.ones((1, 1, 1, 1)), act=name)
    x = random.uniform(0.5, 5, (1, 1, 4, 5)).astype(np.float32)
    np.testing.assert_allclose(layer(x), formula(x), rtol=1e-5)


def test_no_activation_is_untested():
    tested = {*FORMULAS, None, "softmax", "gelu", "sqrt", "rsqrt", "log", "reciprocal", "ceil", "floor"}
    assert tested == {*_FUSED, *_AFTERWARDS}


@pytest.mark.parametrize(("arguments", "error", "message"), [
    ({"param_attr": False}, ValueError, "param_attr should not be False"),
    ({"use_cudnn": 1}, ValueError, "use_cudnn should be True or False"),
    ({"dtype": "float16"}, ValueError, "dtype = 'float16'"),
    ({"act": "swoosh"}, ValueError, "act = 'swoosh'; it must be None or one of: abs,"),
    ({"padding": (1, 2, 3, 4)}, ValueError, "The padding's type must be int or a list or tuple of 2 integers"),
    ({"stride": "2"}, ValueError, "The stride's type"),
    ({"groups": 4}, ValueError, "num_filters = 6; it must be a multiple of groups = 4"),
])
def test_constructor_refusals(arguments, error, message):
    with pytest.raises(error, match=message):
        fluid.Conv2DTranspose(4, 6, 3, **arguments)


def test_call_refusals():
    layer = fluid.Conv2DTranspose(4, 6, 3, use_cudnn=False)
    for x, error, message in [(np.zeros((2, 4, 5, 6)), TypeError, "input holds float64; the layer holds float32"),
                              (np.zeros((4, 5, 6), "f4"), ValueError, r"input has shape \(4, 5, 6\)"),
                              (np.zeros((2, 3, 5, 6), "f4"), ValueError, "input has 3 channels; the layer has 4")]:
        with pytest.raises(error, match=message):
            layer(x)


@pytest.mark.parametrize("data_format", ["NCHW", "NHWC"])
def test_todays_layer(random, data_format):
    layer = nn.Conv2DTranspose(4, 6, (3, 2), stride=2, padding=[1, 0, 0, 1], output_padding=1, data_format=data_format)
    x = random.standard_normal((2, 4, 5, 6), dtype=np.float32)
    expected = reference.conv_transpose2d(x, layer.weight, layer.bias, (2, 2), (1, 0, 0, 1), (1, 1))
    if data_format == "NHWC":
        x, expected = x.transpose(0, 2, 3, 1), expected.transpose(0, 2, 3, 1)
    np.testing.assert_allclose(layer(x), expected, rtol=1e-4, atol=1e-5)
    with pytest.raises(ValueError, match="output_size"):
        layer(x, output_size=99)


def test_todays_output_size(random):
    layer = nn.Conv2DTranspose(4, 6, 3, stride=2, padding=1)
    x = random.standard_normal((2, 4, 5, 6), dtype=np.float32)
    assert layer(x).shape == (2, 6, 9, 11)
    assert layer(x, output_size=(10, 12)).shape == (2, 6, 10, 12)
