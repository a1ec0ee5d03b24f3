"""What counts as an array: exporters of every kind, element types by their names, and what PyTorch's tensors carry with them."""

import ctypes
import multiprocessing

import numpy as np
import pytest

import tconv

SPEC = tconv.Spec(in_channels=1, out_channels=3, in_size=(2, 2), kernel=2, stride=2)


@pytest.fixture
def layer(random):
    x, w, b = (random.integers(-4, 5, shape).astype(np.float32) for shape in (SPEC.input_shape, SPEC.filter_shape, (3,)))
    return x, w, b, tconv.conv_transpose2d(x, w, b, stride=2)


def shared(array):
    """As multiprocessing shares arrays; of one dimension, as all of them."""
    raw = multiprocessing.RawArray(ctypes.c_float, array.size)
    raw[:] = array.ravel()
    return raw


def as_ctypes(array):
    return np.ctypeslib.as_ctypes(array.copy())


def test_exporters_without_strides(layer):
    """ctypes leaves strides out of its buffers, which means that they are dense."""
    x, w, b, y = layer
    np.testing.assert_array_equal(tconv.conv_transpose2d(as_ctypes(x), as_ctypes(w), shared(b), stride=2), y)
    plan = tconv.Plan(SPEC)
    out = as_ctypes(np.zeros_like(y))
    assert plan.run(x, plan.pack(as_ctypes(w)), shared(b), out=out) is out
    np.testing.assert_array_equal(np.array(out), y)


def test_elements_without_bytes(layer):
    x, w, b, _ = layer
    nothing = np.zeros(x.shape, "V0")
    with pytest.raises(TypeError, match="x has elements of no bytes"):
        tconv.conv_transpose2d(nothing, w)
    plan = tconv.Plan(SPEC)
    with pytest.raises(TypeError, match="x has elements of no bytes"):
        plan.run(nothing, plan.pack(w), b)


@pytest.mark.parametrize("dtype", ["uint16", "int16", "complex64", "bool", ">f4", "U1"])
def test_element_types_of_no_layer(layer, dtype):
    x, w, b, _ = layer
    other = x.astype(dtype)
    with pytest.raises(TypeError, match=f"x holds {other.dtype}, which tconv does not compute"):
        tconv.conv_transpose2d(other, w)
    plan = tconv.Plan(SPEC)
    with pytest.raises(TypeError, match=f"x holds {other.dtype}; the spec has float32"):
        plan.run(other, plan.pack(w), b)


def test_integers_of_16_bits_are_no_bfloat16():
    spec = tconv.Spec(in_channels=1, out_channels=1, in_size=2, kernel=2, bias=False, dtype="bfloat16")
    plan = tconv.Plan(spec)
    w = np.full(spec.filter_shape, 0x3F80, np.uint16)
    with pytest.raises(TypeError, match="w holds uint16; the spec has bfloat16"):
        plan.pack(w)
    torch = pytest.importorskip("torch")
    with pytest.raises(TypeError, match="w holds torch.uint16; the spec has bfloat16"):
        plan.pack(torch.from_numpy(w))
    x, packed = torch.ones(spec.input_shape, dtype=torch.bfloat16), plan.pack(torch.from_numpy(w).view(torch.bfloat16))
    assert plan.run(x, packed).sum() == 16
    with pytest.raises(TypeError, match="out holds uint16; the spec has bfloat16"):
        plan.run(x, packed, out=np.zeros(spec.output_shape, np.uint16))
    with pytest.raises(TypeError, match="x holds torch.uint16, which tconv does not compute"):
        tconv.conv_transpose2d(x.view(torch.uint16), x)


@pytest.mark.parametrize("step", [2, -1, 0])
def test_bias_and_slope_of_any_stride(layer, step):
    x, w, _, _ = layer
    values = np.arange(6, dtype=np.float32)
    row = np.broadcast_to(values[1], 3) if step == 0 else values[::step][:3]
    assert row.strides == (4 * step,)
    given = {"stride": 2, "activation": "prelu"}
    np.testing.assert_array_equal(tconv.conv_transpose2d(x, w, row, slope=row, **given),
                                  tconv.conv_transpose2d(x, w, row.copy(), slope=row.copy(), **given))


def test_a_filter_has_four_dimensions(layer):
    """Three stand for one image, but not for the filter of a layer of one channel."""
    _, w, _, _ = layer
    for plan in (tconv.Plan(SPEC), tconv.GradientPlan(SPEC, "input")):
        with pytest.raises(ValueError, match=r"w has shape \(3, 2, 2\); the spec wants \(1, 3, 2, 2\)"):
            plan.pack(w[0])


def test_tensors_that_require_grad(layer):
    """Their graph would end here without a word."""
    torch = pytest.importorskip("torch")
    x, w, b, y = layer
    x, w, b = (torch.from_numpy(array).requires_grad_() for array in (x, w, b))
    plain = [tensor.detach() for tensor in (x, w, b)]
    for number, name in enumerate(("x", "w", "bias")):
        given = [*plain[:number], (x, w, b)[number], *plain[number + 1:]]
        with pytest.raises(ValueError, match=rf"{name} requires grad.*give {name}\.detach\(\), or use tconv\.torch"):
            tconv.conv_transpose2d(*given, stride=2)
    plan = tconv.Plan(SPEC)
    with pytest.raises(ValueError, match="w requires grad"):
        plan.pack(w)
    out = torch.zeros(y.shape, requires_grad=True)
    with pytest.raises(ValueError, match="out requires grad"):
        plan.run(plain[0], plan.pack(plain[1]), plain[2], out=out)
    np.testing.assert_array_equal(tconv.conv_transpose2d(*plain, stride=2), y)


def test_results_are_where_the_input_is(layer):
    torch = pytest.importorskip("torch")
    x, w, b, expected = layer
    x = torch.from_numpy(x)
    with torch.device("meta"):
        y = tconv.conv_transpose2d(x, w, b, stride=2)
    assert y.device == x.device
    np.testing.assert_array_equal(y, expected)
