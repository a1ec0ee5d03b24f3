"""tconv.numpy_ml against the steps of numpy-ml's own function, written again in a few lines."""

import numpy as np
import pytest
import reference

from tconv.numpy_ml import deconv2D_naive


def their_crop(size, kernel, stride, pads, dilation):
    """Rows kept of the full scatter, by numpy-ml's steps: pad the input with its zeros, pad it again to the size of the
    output that it wants, convolve, cut the first pads away."""
    extent = kernel * (dilation + 1) - dilation
    rows = stride * (size - 1) + 1 + sum(pads)
    wanted = rows - sum(pads) + extent - 1
    again = int((wanted - 1 + extent - rows) / 2)
    more = wanted - int(1 + (rows + 2 * again - extent))
    assert more in (0, 1) and again >= 0
    # Output row 0 of the convolution sees `again + pads[0]` rows before the input, of extent - 1 in the full scatter.
    first = extent - 1 - again - pads[0] + pads[0]
    return first, wanted - sum(pads)


def four(pad):
    pad = (pad,) * 4 if isinstance(pad, int) else pad
    return (pad[0], pad[0], pad[1], pad[1]) if len(pad) == 2 else pad


@pytest.mark.parametrize("dilation", [0, 1, 2])
@pytest.mark.parametrize("pad", [0, 1, (1, 0), (0, 2), (0, 1, 1, 0), (1, 0, 0, 1), (2, 1, 0, 3)])
@pytest.mark.parametrize(("stride", "kernel"), [(1, (3, 3)), (2, (3, 4)), (3, (2, 3)), (2, (5, 3))])
def test_pads_strides_dilations(random, stride, kernel, pad, dilation):
    X = random.integers(-3, 4, (2, 4, 5, 3)).astype(np.float32)
    W = reference.exact_filter(random, (*kernel, 3, 2))
    sides = four(pad)
    extents = [k * (dilation + 1) - dilation for k in kernel]
    if any(sides[2 * i] + sides[2 * i + 1] > 2 * (extents[i] - 1) for i in range(2)):
        with pytest.raises(ValueError, match="pad"):
            deconv2D_naive(X, W, stride, pad, dilation)
        return
    full = reference.scatter(X.transpose(0, 3, 1, 2), W.transpose(2, 3, 0, 1), (stride, stride), (dilation + 1,) * 2)
    crops = [their_crop(X.shape[i + 1], kernel[i], stride, sides[2 * i:2 * i + 2], dilation) for i in range(2)]
    expected = reference.crop(full, *zip(*crops, strict=True))
    np.testing.assert_array_equal(deconv2D_naive(X, W, stride, pad, dilation).transpose(0, 3, 1, 2), expected)


def test_same_keeps_the_size_with_its_zeros(random):
    X = random.integers(-3, 4, (1, 4, 5, 2)).astype(np.float32)
    W = reference.exact_filter(random, (4, 3, 2, 3))
    Y = deconv2D_naive(X, W, 3, "same")
    full = reference.scatter(X.transpose(0, 3, 1, 2), W.transpose(2, 3, 0, 1), (3, 3))
    np.testing.assert_array_equal(Y.transpose(0, 3, 1, 2), reference.crop(full, (2, 1), (10, 13)))


def test_asymmetric_pads_count_by_their_sum(random):
    X, W = random.standard_normal((1, 4, 5, 2)), random.standard_normal((3, 3, 2, 3))
    X, W = X.astype(np.float32), W.astype(np.float32)
    np.testing.assert_array_equal(deconv2D_naive(X, W, 2, (0, 1, 1, 0)), deconv2D_naive(X, W, 2, (1, 0, 0, 1)))


def test_types(random):
    X, W = random.integers(-3, 4, (1, 4, 5, 2)), reference.exact_filter(random, (3, 3, 2, 3))
    exact = deconv2D_naive(X.astype("f4"), W.astype("f4"), 2, 1)
    for x_type, w_type, result in [("f8", "f8", "f8"), ("f4", "f8", "f8"), ("i8", "i8", "i8"), ("f2", "f4", "f4")]:
        Y = deconv2D_naive(X.astype(x_type), W.astype(w_type), 2, 1)
        assert Y.dtype == np.dtype(result)
        np.testing.assert_array_equal(Y, exact)


@pytest.mark.parametrize("name", ["X", "W"])
@pytest.mark.parametrize("dtype", ["complex64", "complex128", "U1"])
def test_elements_that_are_no_real_numbers(name, dtype):
    given = {"X": np.zeros((1, 4, 5, 2), "f4"), "W": np.zeros((3, 3, 2, 3), "f4")}
    given[name] = given[name].astype(dtype)
    with pytest.raises(TypeError, match=f"{name} holds {given[name].dtype}; it must hold real numbers"):
        deconv2D_naive(**given, stride=1, pad=0)


@pytest.mark.parametrize(("change", "message"), [
    ({"X": np.zeros((4, 5, 2), "f4")}, r"X has shape \(4, 5, 2\)"),
    ({"W": np.zeros((3, 3, 4, 3), "f4")}, "X has 2 channels; W of shape"),
    ({"stride": 0}, "stride.*0"),
    ({"pad": 5}, "pad"),
    ({"pad": (1, 2, 3)}, r"pad = \(1, 2, 3\)"),
    ({"dilation": -1}, "dilation.*-1"),
])
def test_refusals(change, message):
    given = {"X": np.zeros((1, 4, 5, 2), "f4"), "W": np.zeros((3, 3, 2, 3), "f4"), "stride": 1, "pad": 0, **change}
    with pytest.raises(ValueError, match=message):
        deconv2D_naive(**given)
