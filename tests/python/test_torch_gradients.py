"""Autograd through tconv.torch: against PyTorch's gradients, and by finite differences, once and twice."""

import os

import pytest
import reference

torch = pytest.importorskip("torch")
import tconv.torch  # noqa: E402

LAYERS = int(os.environ.get("TCONV_TORCH_LAYERS", "300")) // 3

WHICH = ("input", "filter", "bias")


def layer_of(random, dtype, requires=WHICH):
    x_shape, w_shape, arguments = reference.legal_layer(random)
    shapes = {"input": x_shape, "filter": w_shape, "bias": (w_shape[1] * arguments["groups"],)}
    tensors = [torch.from_numpy(random.standard_normal(shape)).to(dtype).requires_grad_(name in requires)
               for name, shape in shapes.items()]
    return tensors, arguments


def roundoff(dtype):
    return {torch.float64: 2.0**-53, torch.float32: 2.0**-24}.get(dtype, torch.finfo(dtype).eps)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.float16, torch.bfloat16], ids=str)
@pytest.mark.parametrize("of", WHICH)
def test_random_layers(random, gradients, of, dtype):
    gradients(of)
    index = WHICH.index(of)
    for number in range(LAYERS):
        tensors, arguments = layer_of(random, dtype, (of,))
        if number % 3 == 0:
            tensors[0] = tensors[0].detach().to(memory_format=torch.channels_last).requires_grad_(of == "input")
        y = tconv.torch.conv_transpose2d(*tensors, **arguments)
        gy = torch.from_numpy(random.standard_normal(tuple(y.shape))).to(dtype)
        got, = torch.autograd.grad(y, tensors[index], gy)
        exact = [tensor.detach().double().requires_grad_(i == index) for i, tensor in enumerate(tensors)]
        scale = [tensor.detach().double().abs().requires_grad_(i == index) for i, tensor in enumerate(tensors)]
        function = torch.nn.functional.conv_transpose2d
        expected, = torch.autograd.grad(function(*exact, **arguments), exact[index], gy.double())
        magnitudes, = torch.autograd.grad(function(*scale, **arguments), scale[index], gy.double().abs())
        bound = (y.numel() + 2) * (2.0**-53 if dtype == torch.float64 else 2.0**-24) * magnitudes
        bound = bound + 2 * roundoff(dtype) * expected.abs() + (2.0**-24 if dtype == torch.float16 else 1e-30)
        assert got.shape == expected.shape and got.dtype == dtype
        assert torch.all((got.double() - expected).abs() <= bound), f"{[tuple(t.shape) for t in tensors]} {arguments}"


def test_gradient_of_an_expanded_output(random, gradients):
    """sum().backward() hands down a gradient of one element, repeated by strides of zero."""
    gradients("input")
    (x, w, b), arguments = layer_of(random, torch.float32, ("input",))
    tconv.torch.conv_transpose2d(x, w, b, **arguments).sum().backward()
    twin = x.detach().clone().requires_grad_()
    torch.nn.functional.conv_transpose2d(twin, w, b, **arguments).sum().backward()
    assert torch.allclose(x.grad, twin.grad, atol=1e-4)


@pytest.mark.parametrize("requires", [("input",), ("bias",), WHICH], ids="+".join)
def test_gradcheck(random, gradients, requires):
    gradients(*requires)
    for _ in range(10):
        tensors, arguments = layer_of(random, torch.float64, requires)
        assert torch.autograd.gradcheck(lambda *given: tconv.torch.conv_transpose2d(*given, **arguments), tensors)


def test_gradgradcheck(random, gradients):
    gradients(*WHICH)
    for _ in range(6):
        tensors, arguments = layer_of(random, torch.float64)
        # By random directions: the whole matrix of second derivatives takes minutes.
        assert torch.autograd.gradgradcheck(lambda *given: tconv.torch.conv_transpose2d(*given, **arguments), tensors,
                                            fast_mode=True)


def test_a_training_step(gradients):
    """The same loss, gradients and weights with torch's layers and with ours."""
    gradients(*WHICH)
    results = []
    for exchange in (lambda model: model, tconv.torch.replace):
        torch.manual_seed(5)
        model = exchange(torch.nn.Sequential(
            torch.nn.ConvTranspose2d(6, 8, 4, 2, 1), torch.nn.ReLU(), torch.nn.ConvTranspose2d(8, 3, 3, 2, 1, 1)))
        optimizer = torch.optim.Adam(model.parameters(), 1e-2)
        x = torch.randn(2, 6, 5, 5)
        for _ in range(3):
            optimizer.zero_grad()
            loss = model(x).square().mean()
            loss.backward()
            optimizer.step()
        results.append([loss.detach(), *model.parameters()])
    assert all(torch.allclose(a, b, atol=1e-4) for a, b in zip(*results, strict=True))


def test_compiled_training(gradients):
    gradients(*WHICH)
    torch.manual_seed(5)
    model = torch.nn.Sequential(tconv.torch.ConvTranspose2d(6, 8, 4, 2, 1), torch.nn.ReLU())
    x = torch.randn(2, 6, 5, 5)
    model(x).square().sum().backward()
    eager = [parameter.grad.clone() for parameter in model.parameters()]
    model.zero_grad()
    torch.compile(model, backend="aot_eager", fullgraph=True)(x).square().sum().backward()
    assert all(torch.allclose(a, parameter.grad, atol=1e-5) for a, parameter in zip(eager, model.parameters(), strict=True))


def test_the_operators_keep_their_word(gradients):
    gradients(*WHICH)
    x, w, gy = (torch.randn(shape, requires_grad=True) for shape in ((2, 4, 5, 6), (4, 3, 3, 3), (2, 6, 10, 10)))
    parameters = ([2, 1], [1, 0], [1, 0], 2, [1, 2])
    assert torch.ops.tconv.conv_transpose2d(x, w, None, *parameters).shape == gy.shape
    for operator, arguments in [("conv_transpose2d", (x, w, None, *parameters)),
                                ("input_gradient", (gy, w, [5, 6], *parameters)),
                                ("filter_gradient", (x, gy, [3, 3], *parameters)), ("bias_gradient", (gy,))]:
        torch.library.opcheck(getattr(torch.ops.tconv, operator), arguments)
