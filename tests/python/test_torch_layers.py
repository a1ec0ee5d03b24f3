"""tconv.torch against PyTorch on random legal layers, within the bound of docs/python.md."""

import os

import numpy as np
import pytest
import reference

torch = pytest.importorskip("torch")
import tconv.torch  # noqa: E402

LAYERS = int(os.environ.get("TCONV_TORCH_LAYERS", "300"))

DTYPES = [torch.float64, torch.float32, torch.float16, torch.bfloat16]


def arrays(random, dtype):
    """x, w, b as float64 values that dtype holds exactly, and the arguments."""
    x_shape, w_shape, arguments = reference.legal_layer(random)
    held = [torch.from_numpy(random.standard_normal(shape)).to(dtype)
            for shape in (x_shape, w_shape, (w_shape[1] * arguments["groups"],))]
    return held, arguments


def exact_and_bound(x, w, b, arguments):
    """What PyTorch gives in float64, and how far from it the result may be."""
    function = torch.nn.functional.conv_transpose2d
    exact = function(x.double(), w.double(), None if b is None else b.double(), **arguments)
    magnitudes = function(x.double().abs(), w.double().abs(), None if b is None else b.double().abs(), **arguments)
    products = w.shape[0] // arguments["groups"] * w.shape[2] * w.shape[3]
    bound = reference.bound(str(x.dtype).removeprefix("torch."), products, magnitudes, exact)
    if x.dtype != torch.float64:
        bound = bound + torch.as_tensor(reference.winograd_bound(x.double().numpy(), w.double().numpy(), **arguments))
    return exact, bound


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_random_layers(random, dtype):
    for number in range(LAYERS):
        (x, w, b), arguments = arrays(random, dtype)
        b = None if number % 4 == 0 else b
        if number % 3 == 0:
            x = x.to(memory_format=torch.channels_last)
        if number % 5 == 0:
            x = x[0]
        y = tconv.torch.conv_transpose2d(x, w, b, **arguments)
        exact, bound = exact_and_bound(x, w, b, arguments)
        assert y.dtype == dtype and y.shape == exact.shape
        error = (y.double() - exact).abs()
        assert torch.all(error <= bound), f"{tuple(x.shape)} {tuple(w.shape)} {arguments}: {(error - bound).max()} too much"


def test_what_torch_refuses_is_refused(random):
    """The same arguments, moved out of the legal range one at a time."""
    refused = 0
    for _ in range(60):
        (x, w, b), arguments = arrays(random, torch.float32)
        # Out of the range of any layer that may be drawn.
        name, value = [("padding", 5000), ("output_padding", 99), ("stride", 0), ("dilation", -1),
                       ("groups", x.shape[1] + 1), ("stride", (1, 2, 3))][random.integers(6)]
        for function in (torch.nn.functional.conv_transpose2d, tconv.torch.conv_transpose2d):
            with pytest.raises((RuntimeError, ValueError)):
                function(x, w, b, **{**arguments, name: value})
        refused += 1
    assert refused == 60


def test_legal_output_padding_up_to_the_larger_of_stride_and_dilation():
    x, w = torch.randn(1, 2, 3, 3), torch.randn(2, 2, 2, 2)
    for stride, dilation, output_padding in [(1, 3, 2), (3, 1, 2), (2, 4, 3)]:
        arguments = {"stride": stride, "dilation": dilation, "output_padding": output_padding}
        expected = torch.nn.functional.conv_transpose2d(x, w, **arguments)
        assert torch.allclose(tconv.torch.conv_transpose2d(x, w, **arguments), expected, atol=1e-5)


def test_expanded_and_sliced_tensors(random):
    x = torch.from_numpy(random.integers(-3, 4, (1, 4, 1, 7))).float().expand(3, 4, 5, 7)
    w = torch.from_numpy(reference.exact_filter(random, (4, 6, 3, 6)))[:, ::2, :, 1::2]
    b = torch.from_numpy(random.integers(-3, 4, 6)).float()[::2]
    expected = torch.nn.functional.conv_transpose2d(x, w, b, 2)
    assert torch.equal(tconv.torch.conv_transpose2d(x, w, b, 2), expected)
    np.testing.assert_array_equal(tconv.torch.conv_transpose2d(x[:, :, ::2], w, b),
                                  torch.nn.functional.conv_transpose2d(x[:, :, ::2], w, b))
