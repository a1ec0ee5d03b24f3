"""NumPy's float16 and ml_dtypes' bfloat16 through functions and plans: types in, types out, and the bound of docs/python.md."""

import ml_dtypes
import numpy as np
import pytest
import reference

import tconv

DTYPES = [np.float16, ml_dtypes.bfloat16]
LAYER = {"stride": (2, 1), "output_padding": (1, 0), "groups": 2}


@pytest.fixture(params=DTYPES, ids=["float16", "bfloat16"])
def dtype(request):
    return request.param


def arrays(random, dtype):
    return [random.standard_normal(shape).astype(dtype) for shape in ((2, 4, 5, 6), (4, 3, 3, 2), (6,))]


def assert_close(y, x, w, b):
    """y is in NCHW order, like x."""
    exact, wide = [a.astype(np.float64) for a in (x, w, b)], {name: LAYER[name] for name in LAYER}
    expected = reference.conv_transpose2d(*exact, **wide)
    magnitudes = reference.conv_transpose2d(*map(np.abs, exact), **wide)
    products = w.shape[0] // LAYER["groups"] * w.shape[2] * w.shape[3]
    assert y.dtype == x.dtype and y.shape == expected.shape
    assert np.all(np.abs(y.astype(np.float64) - expected) <= reference.bound(x.dtype.name, products, magnitudes, expected))


def test_function(random, dtype):
    x, w, b = arrays(random, dtype)
    y = tconv.conv_transpose2d(x, w, b, **LAYER)
    assert_close(y, x, w, b)
    np.testing.assert_array_equal(tconv.conv_transpose2d(x[1], w, b, **LAYER), y[1])
    last = tconv.conv_transpose2d(x.transpose(0, 2, 3, 1), w, b, **LAYER, layout="nhwc")
    assert_close(last.transpose(0, 3, 1, 2), x, w, b)
    whole = np.full((2, 10, 12, 7), 7, dtype)
    out = whole[:, 2:8]
    assert tconv.conv_transpose2d(x, w, b, **LAYER, out=out) is out
    np.testing.assert_array_equal(out, y)
    assert np.all(whole[:, :2] == 7) and np.all(whole[:, 8:] == 7)


def test_function_with_residual_and_slope(random, dtype):
    x, w, b = arrays(random, dtype)
    y = tconv.conv_transpose2d(x, w, b, **LAYER)
    residual = np.ones(y.shape, dtype)
    slope = np.zeros(6, dtype)
    found = tconv.conv_transpose2d(x, w, b, **LAYER, activation="prelu", slope=slope, residual=residual)
    assert found.dtype == dtype
    # The residual is added before the one rounding.
    np.testing.assert_allclose(found.astype(np.float64), np.maximum(y.astype(np.float64), 0) + 1, rtol=2.0**-7)


def test_plans_and_gradients(random, gradients, dtype):
    gradients("input", "filter", "bias")
    x, w, b = arrays(random, dtype)
    spec = tconv.Spec(batch=2, in_channels=4, out_channels=6, in_size=(5, 6), kernel=(3, 2), dtype=dtype, **LAYER)
    plan = tconv.Plan(spec)
    y = plan.run(x, plan.pack(w), b)
    assert_close(y, x, w, b)
    gy = np.ones(y.shape, dtype)
    plans = {of: tconv.GradientPlan(spec, of) for of in ("input", "filter", "bias")}
    found = {"input": plans["input"].run(gy, plans["input"].pack(w)), "filter": plans["filter"].run(gy, x=x),
             "bias": plans["bias"].run(gy)}
    assert {of: (g.dtype, g.shape) for of, g in found.items()} == {
        "input": (x.dtype, x.shape), "filter": (x.dtype, w.shape), "bias": (x.dtype, b.shape)}
    assert np.all(found["bias"] == y[0, 0].size * 2)
    out = np.empty_like(x)
    assert plans["input"].run(gy, plans["input"].pack(w), out=out) is out
    np.testing.assert_array_equal(out, found["input"])
    # <y - b, gy> = <x, gx> = <w, gw>, but for what the types round.
    inner = [np.sum(p.astype(np.float64) * q.astype(np.float64)) for p, q in ((x, found["input"]), (w, found["filter"]))]
    magnitude = np.sum(np.abs(x.astype(np.float64)) * np.abs(found["input"].astype(np.float64)))
    assert abs(inner[0] - inner[1]) <= 2.0**-7 * magnitude


def test_refusals(dtype):
    x, w = np.ones((1, 2, 3, 3), dtype), np.ones((2, 2, 2, 2), dtype)
    with pytest.raises(TypeError, match=f"w holds float32; the spec has {x.dtype.name}"):
        tconv.conv_transpose2d(x, w.astype(np.float32))
    out = np.empty((1, 2, 4, 4), dtype)
    out.flags.writeable = False
    with pytest.raises(ValueError, match="out cannot be written to: it is read-only"):
        tconv.conv_transpose2d(x, w, out=out)
