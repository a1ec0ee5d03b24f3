"""The examples in the documentation of the four systems, verbatim but for their imports."""

import numpy as np
import pytest
import reference


def test_chainer():
    import tconv.chainer as F

    n = 10
    c_i, c_o = 1, 3
    h_i, w_i = 5, 10
    h_k, w_k = 10, 10
    h_p, w_p = 5, 5
    x = np.random.uniform(0, 1, (n, c_i, h_i, w_i)).astype(np.float32)
    assert x.shape == (10, 1, 5, 10)
    W = np.random.uniform(0, 1, (c_i, c_o, h_k, w_k)).astype(np.float32)
    assert W.shape == (1, 3, 10, 10)
    b = np.random.uniform(0, 1, c_o).astype(np.float32)
    assert b.shape == (3,)
    s_y, s_x = 5, 5
    y = F.deconvolution_2d(x, W, b, stride=(s_y, s_x), pad=(h_p, w_p))
    assert y.shape == (10, 3, 20, 45)
    h_o = s_y * (h_i - 1) + h_k - 2 * h_p
    w_o = s_x * (w_i - 1) + w_k - 2 * w_p
    assert y.shape == (n, c_o, h_o, w_o)

    expected = reference.conv_transpose2d(x, W, b, (5, 5), (5, 5, 5, 5))
    assert np.all(np.abs(y - expected) <= reference.float32_bound(x, W, b, stride=(5, 5), padding=(5, 5)))


def test_paddle():
    import tconv.paddle as fluid

    with fluid.dygraph.guard():
        data = np.random.random((3, 32, 32, 5)).astype('float32')
        conv2DTranspose = fluid.dygraph.nn.Conv2DTranspose(
              num_channels=32, num_filters=2, filter_size=3)
        ret = conv2DTranspose(fluid.dygraph.base.to_variable(data))

    assert ret.numpy().shape == (3, 2, 34, 7)
    expected = reference.conv_transpose2d(data, conv2DTranspose.weight.numpy(), conv2DTranspose.bias.numpy())
    np.testing.assert_allclose(ret.numpy(), expected, atol=1e-4)


def test_numpy_ml():
    """Its page has no example but the signature (X, W, stride, pad, dilation=0)."""
    from tconv.numpy_ml import deconv2D_naive

    X, W = np.random.randn(2, 4, 5, 3).astype(np.float32), np.random.randn(3, 2, 3, 6).astype(np.float32)
    Y = deconv2D_naive(X, W, 2, (1, 0))
    assert Y.shape == (2, 2 * 3 + 3 - 2, 2 * 4 + 2, 6)
    expected = reference.conv_transpose2d(X.transpose(0, 3, 1, 2), W.transpose(2, 3, 0, 1), None, (2, 2), (1, 0, 1, 0))
    np.testing.assert_allclose(Y.transpose(0, 3, 1, 2), expected, atol=1e-4)


def test_torch():
    torch = pytest.importorskip("torch")
    import tconv.torch

    class nn:  # the names that the example has of torch.nn
        ConvTranspose2d, Conv2d = tconv.torch.ConvTranspose2d, torch.nn.Conv2d

    # With square kernels and equal stride
    m = nn.ConvTranspose2d(16, 33, 3, stride=2)
    # non-square kernels and unequal stride and with padding
    m = nn.ConvTranspose2d(16, 33, (3, 5), stride=(2, 1), padding=(4, 2))
    input = torch.randn(20, 16, 50, 100)
    output = m(input)
    expected = torch.nn.functional.conv_transpose2d(input, m.weight, m.bias, (2, 1), (4, 2))
    assert torch.allclose(output, expected, atol=1e-4)
    # exact output size can be also specified as an argument
    input = torch.randn(1, 16, 12, 12)
    downsample = nn.Conv2d(16, 16, 3, stride=2, padding=1)
    upsample = nn.ConvTranspose2d(16, 16, 3, stride=2, padding=1)
    h = downsample(input)
    assert h.size() == torch.Size([1, 16, 6, 6])
    output = upsample(h, output_size=input.size())
    assert output.size() == torch.Size([1, 16, 12, 12])
