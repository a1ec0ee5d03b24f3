"""tconv.GradientPlan on arrays, and the gradients of tconv.chainer and tconv.numpy_ml, against the definition."""

import sys

import numpy as np
import pytest
import reference

import tconv
from tconv import chainer, numpy_ml

SPEC = tconv.Spec(batch=2, in_channels=4, out_channels=6, in_size=(5, 7), kernel=(4, 3), stride=(2, 3), pads=(1, 0, 2, 1),
                  groups=2, bias=False)


def expected_of(spec, x, w, gy):
    """The gradients of <gy, T(x, w) + b>, by the linearity of T: one unit at a time would be the same, but slower."""
    def layer(x, w):
        return reference.conv_transpose2d(x, w, None, spec.stride, spec.pads, spec.output_padding, spec.groups, spec.dilation)

    gx, gw = np.zeros(x.shape), np.zeros(w.shape)
    for index in np.ndindex(x.shape[1:]):
        unit = np.zeros((1, *x.shape[1:]))
        unit[(0, *index)] = 1
        gx[(slice(None), *index)] = (gy * layer(unit, w)).sum(axis=(1, 2, 3))
    for index in np.ndindex(w.shape):
        unit = np.zeros(w.shape)
        unit[index] = 1
        gw[index] = (gy * layer(x, unit)).sum()
    return gx, gw, gy.sum(axis=(0, 2, 3))


@pytest.fixture
def layer(random):
    x, w, gy = (random.integers(-3, 4, shape).astype(np.float32)
                for shape in (SPEC.input_shape, SPEC.filter_shape, SPEC.output_shape))
    return x, w, gy, expected_of(SPEC, x, w, gy)


def last(array):
    return np.ascontiguousarray(array.transpose(0, 2, 3, 1))


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("layout", ["nchw", "nhwc"])
@pytest.mark.parametrize("of", ["input", "filter", "bias"])
def test_exact_on_integers(layer, gradients, of, layout, threads):
    gradients(of)
    x, w, gy, expected = layer
    expected = dict(zip(("input", "filter", "bias"), expected, strict=True))[of]
    spec = SPEC
    if layout == "nhwc":
        spec = tconv.Spec.parse(str(SPEC).replace("nchw", "nhwc"))
        x, gy = last(x), last(gy)
        expected = last(expected) if of == "input" else expected
    plan = tconv.GradientPlan(spec, of, threads)
    assert plan.of == of and plan.spec == spec and plan.threads == threads
    arguments = {"input": {"packed": plan.pack(w) if of == "input" else None}, "filter": {"x": x}, "bias": {}}[of]
    result = plan.run(gy, **arguments)
    np.testing.assert_array_equal(result, expected)
    out = np.empty_like(result)
    assert plan.run(gy, **arguments, out=out) is out
    np.testing.assert_array_equal(out, expected)


def test_filter_layouts(layer, gradients):
    gradients("input", "filter")
    x, w, gy, (gx, gw, _) = layer
    for name, axes in {"hwio": (2, 3, 0, 1), "hwoi": (2, 3, 1, 0), "ohwi": (1, 2, 3, 0)}.items():
        plan = tconv.GradientPlan(SPEC, "input")
        np.testing.assert_array_equal(plan.run(gy, plan.pack(w.transpose(axes), name)), gx)
        result = tconv.GradientPlan(SPEC, "filter").run(gy, x=x, filter_layout=name)
        np.testing.assert_array_equal(result, gw.transpose(axes))


def test_input_gradients_of_strided_arrays(layer, gradients):
    gradients("input")
    _, w, gy, (gx, _, _) = layer
    plan = tconv.GradientPlan(SPEC, "input")
    whole = np.full((2, 9, 5, 7), np.nan, np.float32)
    plan.run(np.repeat(gy, 2, axis=2)[:, :, ::2], plan.pack(w), out=whole[:, 3:7])
    np.testing.assert_array_equal(whole[:, 3:7], gx)
    assert np.isnan(whole[:, :3]).all() and np.isnan(whole[:, 7:]).all()


def test_nothing_is_kept(layer, gradients):
    gradients("input")
    _, w, gy, _ = layer
    plan = tconv.GradientPlan(SPEC, "input")
    packed, out = plan.pack(w), np.empty(SPEC.input_shape, np.float32)
    counts = [sys.getrefcount(thing) for thing in (gy, packed, out, plan)]
    for _ in range(50):
        plan.run(gy, packed, out=out)
    assert [sys.getrefcount(thing) for thing in (gy, packed, out, plan)] == counts


@pytest.mark.parametrize(("change", "error", "message"), [
    ({"gy": np.zeros((2, 6, 5, 7), np.float32)}, ValueError, "gy has shape"),
    ({"gy": np.zeros(SPEC.output_shape)}, TypeError, "gy holds float64; the spec has float32"),
    ({"packed": b"bytes"}, TypeError, "packed is of type bytes; it must come from a plan's pack"),
    ({"packed": None}, ValueError, "packed is missing; the gradient of the input needs it"),
    ({"x": np.zeros(SPEC.input_shape, np.float32)}, ValueError, "x is given; the gradient of the input has none"),
    ({"out": np.zeros((2, 4, 7, 5), np.float32)}, ValueError, "out has shape"),
])
def test_refusals(layer, gradients, change, error, message):
    gradients("input")
    _, w, gy, _ = layer
    plan = tconv.GradientPlan(SPEC, "input")
    with pytest.raises(error, match=message):
        plan.run(**{"gy": gy, "packed": plan.pack(w), **change})


@pytest.mark.parametrize("of", ["input", "filter", "bias"])
def test_requirements(gradients, of):
    gradients(of)
    plan = tconv.GradientPlan(SPEC, of)
    need = plan.requirements
    assert need["input_bytes"] == 4 * np.prod(SPEC.input_shape)
    packed = len(plan.pack(np.zeros(SPEC.filter_shape, np.float32))) if of == "input" else 0
    assert need["packed_filter_bytes"] == packed


def test_plans_that_are_refused():
    with pytest.raises(ValueError, match="of = 'weights'; it must be one of: input, filter, bias"):
        tconv.GradientPlan(SPEC, "weights")
    with pytest.raises(ValueError, match="activation"):
        tconv.GradientPlan(tconv.Spec(in_channels=1, out_channels=1, in_size=2, kernel=2, activation="relu"), "input")
    with pytest.raises(TypeError, match="kernel = 5; it must be a kernel's name"):
        tconv.GradientPlan(SPEC, "input", kernel=5)
    with pytest.raises(ValueError, match="packed"):  # the layer's own packed filter
        tconv.GradientPlan(SPEC, "input").run(np.zeros(SPEC.output_shape, np.float32), tconv.Plan(SPEC).pack(
            np.zeros(SPEC.filter_shape, np.float32)))


@pytest.mark.parametrize("outsize", [None, (8, 11), (10, 13)])
def test_chainers(random, gradients, outsize):
    gradients("input", "filter", "bias")
    x, W = (random.integers(-3, 4, shape).astype(np.float32) for shape in ((2, 4, 5, 6), (4, 3, 3, 4)))
    y = chainer.deconvolution_2d(x, W, None, 2, 1, outsize, dilate=(1, 1))
    gy = random.integers(-3, 4, y.shape).astype(np.float32)
    spec = chainer._spec(x, W, None, 2, 1, outsize, 1, 1, x.dtype)
    for result, expected in zip(chainer.deconvolution_2d_gradients(x, W, gy, 2, 1), expected_of(spec, x, W, gy), strict=True):
        np.testing.assert_array_equal(result, expected)


@pytest.mark.parametrize(("gy", "error", "message"), [
    (None, TypeError, "gy is of type NoneType; it must be a NumPy array"),
    ([[1.0]], TypeError, "gy is of type list; it must be a NumPy array"),
    (np.zeros((2, 3, 7, 9), "i4"), TypeError, "gy holds int32; it must hold floating point numbers"),
    (np.zeros((3, 7, 9), "f4"), ValueError, r"gy has shape \(3, 7, 9\); it must have 4 dimensions"),
])
def test_gradients_that_chainer_refuses(gy, error, message):
    x, W = np.zeros((2, 4, 5, 6), "f4"), np.zeros((4, 3, 3, 4), "f4")
    with pytest.raises(error, match=message):
        chainer.deconvolution_2d_gradients(x, W, gy)


@pytest.mark.parametrize(("act_fn", "pad"), [(None, 0), ("relu", 1), ("tanh", (1, 0)), ("sigmoid", "same")])
def test_numpy_mls_layer(random, gradients, act_fn, pad):
    """By finite differences of the layer itself."""
    gradients("input", "filter", "bias")
    layer = numpy_ml.Deconv2D(3, (3, 2), pad=pad, stride=2, act_fn=act_fn)
    X = random.standard_normal((2, 3, 4, 2))
    Y = layer.forward(X)
    dLdY = random.standard_normal(Y.shape)
    dX = layer.backward(dLdY)
    step = 1e-6

    def slope(array):
        numbers = np.zeros(array.shape)
        for index in np.ndindex(array.shape):
            kept = array[index]
            values = []
            for array[index] in (kept + step, kept - step):
                values.append((layer.forward(X, retain_derived=False) * dLdY).sum())
            array[index] = kept
            numbers[index] = (values[0] - values[1]) / (2 * step)
        return numbers

    for got, array in [(dX, X), (layer.gradients["W"], layer.parameters["W"]), (layer.gradients["b"], layer.parameters["b"])]:
        np.testing.assert_allclose(got, slope(array), rtol=1e-4, atol=1e-6)
    layer.flush_gradients()
    assert not layer.gradients["W"].any() and not layer.X
    layer.freeze()
    with pytest.raises(AssertionError, match="frozen"):
        layer.backward(dLdY)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(("dtype", "least"), [(np.float32, -89), (np.float64, -710)])
def test_the_sigmoid_of_what_exp_cannot_hold(dtype, least):
    sigmoid = numpy_ml.Deconv2D(1, (1, 1), act_fn="sigmoid").act_fn
    z = np.array([10 * least, least, -1, 0, 1, -least, -10 * least], dtype)
    f = 1 / (1 + np.exp(-np.clip(z, least / 1.1, None)))
    np.testing.assert_allclose(sigmoid(z), f, rtol=1e-6, atol=1e-30)
    np.testing.assert_allclose(sigmoid.grad(z), f * (1 - f), rtol=1e-6, atol=1e-30)
    assert sigmoid.grad(z).dtype == dtype


def test_numpy_mls_initial_values():
    layer = numpy_ml.Deconv2D(32, (3, 3), act_fn="relu")
    layer.forward(np.zeros((1, 4, 4, 64)))
    W = layer.parameters["W"]
    limit = np.sqrt(2) * np.sqrt(6 / (9 * 64 + 9 * 32))
    assert W.shape == (3, 3, 64, 32) and 0.99 * limit < np.abs(W).max() <= limit
    with pytest.raises(ValueError, match="init = 'zeros'"):
        numpy_ml.Deconv2D(2, (3, 3), init="zeros").forward(np.zeros((1, 4, 4, 2)))
    with pytest.raises(ValueError, match="act_fn = 'swoosh'"):
        numpy_ml.Deconv2D(2, (3, 3), act_fn="swoosh")


def test_numpy_mls_layer_takes_no_complex_gradients(gradients):
    gradients("input", "filter", "bias")
    layer = numpy_ml.Deconv2D(3, (3, 2))
    Y = layer.forward(np.zeros((1, 3, 4, 2)))
    with pytest.raises(TypeError, match="dLdY holds complex128; it must hold real numbers"):
        layer.backward(Y * 1j)
