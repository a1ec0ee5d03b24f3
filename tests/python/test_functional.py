"""tconv.conv_transpose2d against the definition, in every layout and framework, and the plans it remembers."""

import gc
import sys
import types

import numpy as np
import pytest
import reference

import tconv
from tconv import _functional


def random_arrays(random, x_shape, w_shape, groups):
    return (random.standard_normal(x_shape, dtype=np.float32), random.standard_normal(w_shape, dtype=np.float32),
            random.standard_normal(w_shape[1] * groups, dtype=np.float32))


def expected_of(x, w, b, arguments):
    padding = arguments["padding"]
    rest = {name: value for name, value in arguments.items() if name != "padding"}
    return (reference.conv_transpose2d(x, w, b, pads=(*padding, *padding), **rest),
            reference.float32_bound(x, w, b, **arguments))


@pytest.mark.parametrize("number", range(40))
def test_random_layers(random, number):
    x_shape, w_shape, arguments = reference.legal_layer(random)
    x, w, b = random_arrays(random, x_shape, w_shape, arguments["groups"])
    if number % 3 == 0:
        b = None
    expected, bound = expected_of(x, w, b, arguments)
    y = tconv.conv_transpose2d(x, w, b, **arguments)
    assert np.all(np.abs(y - expected) <= bound)
    last = tconv.conv_transpose2d(np.ascontiguousarray(x.transpose(0, 2, 3, 1)), w, b, **arguments, layout="nhwc")
    assert np.all(np.abs(last.transpose(0, 3, 1, 2) - expected) <= bound)


def test_the_signature_of_the_design():
    x, w, b = np.ones((1, 2, 3, 3), np.float32), np.ones((2, 1, 2, 2), np.float32), np.zeros(2, np.float32)
    y = tconv.conv_transpose2d(x, w, b, 2, 1, 1, 2, 1)
    assert y.shape == (1, 2, 5, 5)


def test_unbatched(random):
    x, w, b = random_arrays(random, (1, 3, 4, 5), (3, 2, 3, 3), 1)
    y = tconv.conv_transpose2d(x, w, b, stride=2)
    np.testing.assert_array_equal(tconv.conv_transpose2d(x[0], w, b, stride=2), y[0])


def test_epilogue(random):
    x, w, b = random_arrays(random, (1, 3, 4, 5), (3, 2, 3, 3), 1)
    plain = tconv.conv_transpose2d(x, w, b)
    residual = random.standard_normal(plain.shape, dtype=np.float32)
    y = tconv.conv_transpose2d(x, w, b, activation="relu", residual=residual)
    np.testing.assert_allclose(y, np.maximum(plain, 0) + residual, rtol=1e-6)
    y = tconv.conv_transpose2d(x, w, b, activation="relu", residual=residual, residual_position="before")
    np.testing.assert_allclose(y, np.maximum(plain + residual, 0), rtol=1e-6, atol=1e-6)


def test_the_framework_of_the_input_comes_out(random):
    torch = pytest.importorskip("torch")
    x, w, b = random_arrays(random, (2, 3, 4, 5), (3, 2, 3, 3), 1)
    y = tconv.conv_transpose2d(torch.from_numpy(x), w, torch.from_numpy(b), stride=2)
    assert isinstance(y, torch.Tensor)
    np.testing.assert_array_equal(y.numpy(), tconv.conv_transpose2d(x, w, b, stride=2))
    out = torch.empty_like(y)
    assert tconv.conv_transpose2d(x, w, b, stride=2, out=out) is out
    assert torch.equal(out, y)


class OnlyDLPack:
    """An array of a framework that tconv does not know: all there is of it is DLPack."""

    def __init__(self, array):
        self.array = array

    def __dlpack__(self, **arguments):
        return self.array.__dlpack__(**arguments)

    def __dlpack_device__(self):
        return self.array.__dlpack_device__()


def from_dlpack(array):
    return OnlyDLPack(np.from_dlpack(array))


def test_any_array_with_dlpack(random):
    x, w, b = random_arrays(random, (2, 3, 4, 5), (3, 2, 3, 3), 1)
    y = tconv.conv_transpose2d(*map(OnlyDLPack, (x, w, b)), stride=2)
    assert isinstance(y, OnlyDLPack)
    np.testing.assert_array_equal(y.array, tconv.conv_transpose2d(x, w, b, stride=2))


class WithNamespace(OnlyDLPack):
    """As JAX: the module of the class has no functions, but the array names one that has."""

    @property
    def dtype(self):
        return self.array.dtype

    def view(self, dtype):
        return WithNamespace(self.array.view(dtype))

    def __array_namespace__(self):
        from_dlpack = (np if isinstance(self.array, np.ndarray) else sys.modules["torch"]).from_dlpack
        return types.SimpleNamespace(__name__="namespace", from_dlpack=lambda array: WithNamespace(from_dlpack(array)))


def test_the_namespace_of_the_input():
    x = w = np.ones((1, 1, 2, 2), np.float32)
    y = tconv.conv_transpose2d(WithNamespace(x), WithNamespace(w), stride=2)
    assert isinstance(y, WithNamespace)
    np.testing.assert_array_equal(y.array, np.ones((1, 1, 4, 4)))


def test_the_namespace_of_bfloat16():
    """NumPy has no array of bfloat16 to compute into: the result is made of its bits."""
    torch = pytest.importorskip("torch")
    x = w = torch.ones((1, 1, 2, 2), dtype=torch.bfloat16)
    y = tconv.conv_transpose2d(WithNamespace(x), WithNamespace(w), stride=2)
    assert isinstance(y, WithNamespace) and y.dtype == torch.bfloat16
    assert torch.equal(y.array, torch.ones((1, 1, 4, 4), dtype=torch.bfloat16))


class OnAnotherDevice(OnlyDLPack):
    def __dlpack_device__(self):
        return (10, 0)  # ROCm's; test_cuda.py is about CUDA's


class OnCuda(OnlyDLPack):
    def __dlpack_device__(self):
        return (2, 0)

    def __dlpack__(self, *, stream=None, **arguments):
        return super().__dlpack__(**arguments)


@pytest.mark.skipif(hasattr(tconv, "CudaPlan"), reason="this build has CUDA kernels: test_cuda.py is about them")
def test_a_build_without_cuda_says_how_to_get_one():
    x, w = OnCuda(np.zeros((1, 3, 4, 4), np.float32)), np.zeros((3, 2, 3, 3), np.float32)
    with pytest.raises(NotImplementedError, match="-DTCONV_BUILD_CUDA=ON"):
        tconv.conv_transpose2d(x, w)
    with pytest.raises(AttributeError, match="tconv has no CudaPlan: this build of tconv has no CUDA kernels"):
        tconv.CudaPlan  # noqa: B018
    with pytest.raises(ValueError, match="w is on cuda:0, not in the CPU's memory"):
        tconv.conv_transpose2d(np.zeros((1, 3, 4, 4), np.float32), OnCuda(w))


class Pinned(OnlyDLPack):
    def __dlpack_device__(self):
        return (3, 0)


def test_pinned_memory_is_the_cpus(random):
    x, w, _ = random_arrays(random, (2, 3, 4, 5), (3, 2, 3, 3), 1)
    y = tconv.conv_transpose2d(x, Pinned(w))
    np.testing.assert_array_equal(y, tconv.conv_transpose2d(x, w))


@pytest.mark.parametrize(("arguments", "error", "message"), [
    ({"x": OnAnotherDevice(np.zeros((1, 3, 4, 4), np.float32))}, ValueError, "memory of DLPack's device type 10, not in the CPU's memory"),
    ({"x": np.zeros((3, 3), np.float32)}, ValueError, r"x has shape \(3, 3\); it must have 4 dimensions"),
    ({"w": np.zeros((3, 2, 3), np.float32)}, ValueError, r"w has shape \(3, 2, 3\); it must have 4 dimensions"),
    ({"w": np.zeros((4, 2, 3, 3), np.float32)}, ValueError, "x has 3 channels; w with 4 input channels"),
    ({"w": np.zeros((3, 2, 3, 3))}, TypeError, "w holds float64; the spec has float32"),
    ({"w": "w"}, TypeError, "w is of type str"),
    ({"layout": "chwn"}, ValueError, "layout = 'chwn'"),
    ({"filter_layout": "oihw"}, ValueError, "filter_layout = 'oihw'; it must be one of: iohw, hwio, hwoi, ohwi"),
    ({"groups": 2}, ValueError, "groups is 2"),
    ({"stride": None}, TypeError, "stride = None"),
    ({"threads": 0}, ValueError, "threads = 0"),
    ({"padding": [3, 9]}, ValueError, "output"),
])
def test_refusals(arguments, error, message):
    given = {"x": np.zeros((1, 3, 4, 4), np.float32), "w": np.zeros((3, 2, 3, 3), np.float32), **arguments}
    with pytest.raises(error, match=message):
        tconv.conv_transpose2d(**given)


def test_what_only_equals_an_integer_is_refused_after_it_too(random):
    x, w, _ = random_arrays(random, (1, 4, 3, 3), (4, 2, 2, 2), 2)
    tconv.conv_transpose2d(x, w, stride=2, groups=2)
    assert tconv.conv_transpose2d(x, w, stride=np.int64(2), groups=np.int64(2)).shape == (1, 4, 6, 6)
    tconv.conv_transpose2d(x, w, stride=1)
    for name, value in (("stride", 2.0), ("stride", (2.0, 2.0)), ("stride", True), ("dilation", [1, True]), ("padding", 0.0),
                        ("output_padding", (0, 0.0)), ("groups", 2.0), ("groups", True), ("groups", None), ("groups", "2")):
        with pytest.raises(TypeError, match=name):
            tconv.conv_transpose2d(x, w, **{name: value})
    for groups in (0, -1):
        with pytest.raises(ValueError, match=f"groups is {groups}"):
            tconv.conv_transpose2d(x, w, groups=groups)


def test_flipped_images(random):
    x, w, b = random_arrays(random, (2, 3, 4, 5), (3, 4, 2, 3), 1)
    for flip in (np.s_[:, :, ::-1], np.s_[::-1, ::2, :, ::-1], np.s_[..., ::-2]):
        flipped = x[flip]
        weights = w[:flipped.shape[1]]
        expected = tconv.conv_transpose2d(flipped.copy(), weights, b, stride=2)
        assert np.array_equal(tconv.conv_transpose2d(flipped, weights, b, stride=2), expected)
        residual = np.ones_like(expected)[:, :, ::-1]
        assert np.array_equal(tconv.conv_transpose2d(flipped, weights, b, stride=2, residual=residual), expected + 1)
        with pytest.raises(ValueError, match="out has a negative stride"):
            tconv.conv_transpose2d(flipped, weights, b, stride=2, out=np.empty_like(expected)[..., ::-1])


def test_a_negated_view_is_refused():
    torch = pytest.importorskip("torch")
    x = torch.complex(torch.ones(1, 4, 4, 4), torch.ones(1, 4, 4, 4)).conj().imag
    w = torch.ones(4, 4, 1, 1)
    assert x.is_neg()
    with pytest.raises(ValueError, match=r"x is a view whose sign is lost here: give x.resolve_neg\(\)"):
        tconv.conv_transpose2d(x, w)
    assert tconv.conv_transpose2d(x.resolve_neg(), w)[0, 0, 0, 0] == -4


def test_plans_are_remembered_and_bounded(random):
    _functional.forget_plans()
    x, w, _ = random_arrays(random, (1, 3, 4, 5), (3, 2, 3, 3), 1)
    for _ in range(3):
        tconv.conv_transpose2d(x, w, stride=[2, 2])
        tconv.conv_transpose2d(x, w, stride=(2, 2))
    assert _functional.plan_from.cache_info().misses == 1
    for size in range(1, 400):
        tconv.conv_transpose2d(np.zeros((1, 1, 1, size), np.float32), np.ones((1, 1, 1, 1), np.float32), threads=1)
    assert _functional.plan_from.cache_info().currsize == _functional.PLANS


def test_nothing_is_kept(random):
    x, w, b = random_arrays(random, (1, 3, 4, 5), (3, 2, 3, 3), 1)
    tconv.conv_transpose2d(x, w, b)
    gc.collect()
    counts = [sys.getrefcount(array) for array in (x, w, b)]
    for _ in range(20):
        tconv.conv_transpose2d(x, w, b)
    assert [sys.getrefcount(array) for array in (x, w, b)] == counts
