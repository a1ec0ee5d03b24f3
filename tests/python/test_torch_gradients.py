"""Autograd through tconv.torch: against PyTorch's gradients, and by finite differences, once and twice."""

import os

import pytest
import reference

torch = pytest.importorskip("torch")
import tconv.torch  # noqa: E402

LAYERS = int(os.environ.get("TCONV_TORCH_LAYERS", "300"))

WHICH = ("input", "filter", "bias")


def layer_of(random, dtype, requires=WHICH):
    x_shape, w_shape, arguments = reference.legal_layer(random)
    shapes = {"input": x_shape, "filter": w_shape, "bias": (w_shape[1] * arguments["groups"],)}
    tensors = [torch.from_numpy(random.standard_normal(shape)).to(dtype).requires_grad_(name in requires)
               for name, shape in shapes.items()]
    return tensors, arguments


def gradients_of(function, tensors, gy, arguments):
    """The gradients of input, filter and bias: those of sum(gy * function)."""
    tensors = [tensor.detach().requires_grad_() for tensor in tensors]
    return torch.autograd.grad(function(*tensors, **arguments), tensors, gy)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.float16, torch.bfloat16], ids=str)
def test_random_layers(random, gradients, dtype):
    gradients(*WHICH)
    theirs = torch.nn.functional.conv_transpose2d
    for number in range(LAYERS):
        tensors, arguments = layer_of(random, dtype, ())
        if number % 3 == 0:
            tensors[0] = tensors[0].to(memory_format=torch.channels_last)
        if number % 5 == 0:
            tensors[0] = tensors[0][0]
        exact = [tensor.double() for tensor in tensors]
        shape = theirs(*exact, **arguments).shape
        gy = torch.from_numpy(random.standard_normal(tuple(shape))).to(dtype)
        got = gradients_of(tconv.torch.conv_transpose2d, tensors, gy, arguments)
        expected = gradients_of(theirs, exact, gy.double(), arguments)
        magnitudes = gradients_of(theirs, [tensor.abs() for tensor in exact], gy.double().abs(), arguments)
        x, w, b = tensors
        products = (w[0].numel(), x.numel() // w.shape[0], gy.numel() // len(b))
        for of, count, ours, right, scale in zip(WHICH, products, got, expected, magnitudes, strict=True):
            assert ours.shape == right.shape and ours.dtype == dtype
            bound = reference.bound(str(dtype).removeprefix("torch."), count, scale, right)
            assert torch.all((ours.double() - right).abs() <= bound), f"{of}: {[t.shape for t in tensors]} {arguments}"


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
