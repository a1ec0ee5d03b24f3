"""tconv.torch.ConvTranspose2d as a module: everything around the numbers."""

import copy
import multiprocessing
import os

import pytest

torch = pytest.importorskip("torch")
import tconv.torch  # noqa: E402

CASES = [((8, 6, 3), {"stride": 2}), ((8, 6, (3, 5)), {"stride": (2, 1), "padding": (1, 2), "groups": 2}),
         ((8, 6, 3), {"stride": 2, "output_padding": 1, "padding": 1, "bias": False}), ((8, 6, 2), {"dilation": (2, 3)})]


def twins(arguments, keywords):
    """Torch's layer and ours, of the same random state."""
    layers = []
    for kind in (torch.nn.ConvTranspose2d, tconv.torch.ConvTranspose2d):
        torch.manual_seed(7)
        layers.append(kind(*arguments, **keywords))
    return layers


@pytest.mark.parametrize(("arguments", "keywords"), CASES)
def test_like_torchs(arguments, keywords):
    theirs, ours = twins(arguments, keywords)
    assert all(torch.equal(a, b) for a, b in zip(theirs.parameters(), ours.parameters(), strict=True))
    ours.load_state_dict(theirs.state_dict())
    assert list(ours.state_dict()) == list(theirs.state_dict())
    assert ours.extra_repr() == theirs.extra_repr()
    x = torch.randn(2, 8, 5, 6)
    with torch.no_grad():
        assert torch.allclose(ours(x), theirs(x), atol=1e-5)
        assert torch.allclose(ours(x[0]), theirs(x[0]), atol=1e-5)


@pytest.mark.parametrize("size", [(10, 12), (9, 11), [2, 6, 10, 11], torch.Size((2, 6, 9, 12))])
def test_output_size(size):
    theirs, ours = twins((8, 6, 3), {"stride": 2, "padding": 1})
    x = torch.randn(2, 8, 5, 6)
    assert torch.allclose(ours(x, output_size=size), theirs(x, output_size=size), atol=1e-5)


@pytest.mark.parametrize("size", [(8, 12), (9, 13), (1, 2, 3)])
def test_output_size_that_torch_refuses(size):
    for layer in twins((8, 6, 3), {"stride": 2, "padding": 1}):
        with pytest.raises(ValueError, match="output.size"):
            layer(torch.randn(2, 8, 5, 6), output_size=size)


def test_channels_last_stays_so():
    theirs, ours = twins((8, 6, 3), {"stride": 2})
    x = torch.randn(2, 8, 5, 6).to(memory_format=torch.channels_last)
    y = ours(x)
    assert y.is_contiguous(memory_format=torch.channels_last) and not y.is_contiguous()
    assert torch.allclose(y, theirs(x), atol=1e-5)
    assert ours(x.contiguous()).is_contiguous()
    ours = ours.to(memory_format=torch.channels_last)
    assert torch.allclose(ours(x), y, atol=1e-6)


@pytest.mark.parametrize("shape", [(2, 4, 5, 5), (4, 5, 5)])
def test_forward_mode(shape):
    from torch.autograd import forward_ad

    def integers(*shape):
        return torch.randint(-4, 5, shape).double()

    def layer(function, *operands):
        return function(*operands, stride=2, padding=1)

    functions = (torch.nn.functional.conv_transpose2d, tconv.torch.conv_transpose2d)
    sizes = (shape, (4, 3, 4, 4), (3,))
    operands, tangents = ([integers(*size) for size in sizes] for _ in range(2))
    theirs, ours = (torch.func.jvp(lambda *o, f=f: layer(f, *o), tuple(operands), tuple(tangents)) for f in functions)
    assert all(torch.equal(a, b) for a, b in zip(theirs, ours, strict=True))
    for i in range(3):
        with forward_ad.dual_level():
            dual = [*operands[:i], forward_ad.make_dual(operands[i], tangents[i]), *operands[i + 1:]]
            theirs, ours = (forward_ad.unpack_dual(layer(function, *dual)) for function in functions)
            assert torch.equal(theirs.primal, ours.primal)
            assert torch.equal(theirs.tangent, ours.tangent)


def test_an_empty_batch():
    _, ours = twins((8, 6, 3), {"stride": 2})
    assert ours(torch.empty(0, 8, 5, 6)).shape == (0, 6, 11, 13)


def test_threads_are_torchs(monkeypatch):
    from tconv import _functional

    seen = []
    plan_from = _functional.plan_from
    monkeypatch.setattr(_functional, "plan_from", lambda threads, **fields: seen.append(threads) or plan_from(threads, **fields))
    before = torch.get_num_threads()
    try:
        for threads in (1, 3):
            torch.set_num_threads(threads)
            tconv.torch.conv_transpose2d(torch.ones(1, 1, 2, 2), torch.ones(1, 1, 2, 2))
    finally:
        torch.set_num_threads(before)
    assert seen == [1, 3]


@pytest.mark.parametrize(("x", "w", "error", "message"), [
    (torch.ones(1, 3, 2, 2), torch.ones(4, 1, 2, 2), ValueError, r"input has 3 channels; weight of shape \(4, 1, 2, 2\)"),
    (torch.ones(2, 2), torch.ones(4, 1, 2, 2), ValueError, r"input has shape \(2, 2\)"),
    (torch.ones(1, 4, 2, 2), torch.ones(4, 1, 2), ValueError, r"weight has shape \(4, 1, 2\)"),
    (torch.ones(1, 4, 2, 2), torch.ones(4, 1, 2, 2).double(), TypeError, "w holds float64; the spec has float32"),
    (torch.ones(1, 4, 2, 2).int(), torch.ones(4, 1, 2, 2).int(), TypeError, "input is torch.int32"),
])
def test_refusals(x, w, error, message):
    with pytest.raises(error, match=message):
        tconv.torch.conv_transpose2d(x, w)


def test_constructor_refusals_are_torchs():
    for kind in (torch.nn.ConvTranspose2d, tconv.torch.ConvTranspose2d):
        with pytest.raises(ValueError, match="in_channels must be divisible by groups"):
            kind(3, 4, 2, groups=2)
        with pytest.raises(ValueError, match='Only "zeros" padding mode'):
            kind(3, 4, 2, padding_mode="reflect")


def small_model():
    torch.manual_seed(3)
    return torch.nn.Sequential(
        torch.nn.Conv2d(3, 8, 3, 2, 1), torch.nn.ReLU(), torch.nn.ConvTranspose2d(8, 8, 4, 2, 1),
        torch.nn.Sequential(torch.nn.BatchNorm2d(8), torch.nn.ConvTranspose2d(8, 3, 3, bias=False))).eval()


def test_replace_in_place():
    model = small_model()
    x = torch.randn(2, 3, 8, 10)
    with torch.no_grad():
        before = model(x)
        parameters = list(model.parameters())
        layer, called = model[2], []
        layer.register_forward_hook(lambda *arguments: called.append(arguments))
        assert tconv.torch.replace(model) is model
        assert model[2] is layer and type(layer) is tconv.torch.ConvTranspose2d
        assert type(model[3][1]) is tconv.torch.ConvTranspose2d
        assert all(a is b for a, b in zip(parameters, model.parameters(), strict=True))
        assert torch.allclose(model(x), before, atol=1e-5)
        assert len(called) == 1
        assert torch.allclose(copy.deepcopy(model)(x), before, atol=1e-5)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16], ids=str)
def test_autocast(dtype, gradients):
    """Types as torch's, whatever the layer before left behind, in a training step too."""
    gradients("input", "filter", "bias")
    results = []
    for model in (small_model(), tconv.torch.replace(small_model())):
        x = torch.randn(2, 3, 8, 10, generator=torch.Generator().manual_seed(4))
        with torch.autocast("cpu", dtype):
            y = model(x)
            y.float().square().mean().backward()
        compiled = torch.compile(model, backend="aot_eager", fullgraph=True)
        with torch.autocast("cpu", dtype), torch.no_grad():
            assert compiled(x).dtype == dtype
        results.append([y, *(parameter.grad for parameter in model.parameters())])
    for theirs, ours in zip(*results, strict=True):
        assert ours.dtype == theirs.dtype
        # Both round every layer's result to the type: a few of its roundings apart.
        assert torch.allclose(ours, theirs, rtol=0, atol=8 * torch.finfo(dtype).eps * theirs.abs().max().item())


def test_autocast_leaves_float64_alone():
    layer = tconv.torch.ConvTranspose2d(2, 3, 2, dtype=torch.float64)
    with torch.autocast("cpu", torch.bfloat16):
        assert layer(torch.ones(1, 2, 3, 3, dtype=torch.float64)).dtype == torch.float64


def test_replace_of_a_model_that_is_a_layer():
    layer = torch.nn.ConvTranspose2d(2, 3, 2)
    assert type(tconv.torch.replace(layer)) is tconv.torch.ConvTranspose2d


def test_replace_leaves_alone_what_is_another_thing():
    class Own(torch.nn.ConvTranspose2d):
        pass

    model = torch.nn.Sequential(Own(2, 3, 2), torch.nn.ConvTranspose2d(2, 3, 2, device="meta"),
                                torch.nn.ConvTranspose2d(2, 3, 2, dtype=torch.complex64), torch.nn.ConvTranspose1d(2, 3, 2))
    kinds = [type(layer) for layer in model]
    tconv.torch.replace(model)
    assert [type(layer) for layer in model] == kinds


def test_the_state_survives_a_file(tmp_path):
    theirs, ours = twins((8, 6, 3), {"stride": 2})
    torch.save(ours.state_dict(), tmp_path / "state")
    theirs.load_state_dict(torch.load(tmp_path / "state"))
    torch.save(ours, tmp_path / "whole")
    x = torch.randn(1, 8, 3, 3)
    with torch.no_grad():
        assert torch.equal(torch.load(tmp_path / "whole", weights_only=False)(x), ours(x))


@pytest.mark.parametrize("channels_last", [False, True])
def test_compile_without_a_break(channels_last):
    model = tconv.torch.replace(small_model())
    x = torch.randn(2, 3, 8, 10)
    if channels_last:
        x = x.to(memory_format=torch.channels_last)
    graphs = []

    def backend(graph, inputs):
        graphs.append(graph)
        return graph.forward

    with torch.no_grad():
        expected = model(x)
        assert torch.equal(torch.compile(model, backend=backend, fullgraph=True)(x), expected)
        compiled = torch.compile(model, backend="aot_eager", fullgraph=True, dynamic=True)
        # Other strides may take another kernel, one of which rounds by Winograd's tiles.
        assert torch.allclose(compiled(x), expected, atol=1e-4)
        assert torch.allclose(compiled(torch.cat([x, x], 2)), model(torch.cat([x, x], 2)), atol=1e-4)
    targets = [str(node.target) for node in graphs[0].graph.nodes if node.op == "call_function"]
    assert sum("tconv.conv_transpose2d" in target for target in targets) == 2


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_the_operator_keeps_its_word(layout):
    """What torch.library can check: schema, fake results, and dispatch."""
    x, w, b = torch.randn(2, 4, 5, 6).to(memory_format=layout), torch.randn(4, 3, 3, 3), torch.randn(6)
    arguments = ([2, 1], [1, 0], [1, 0], 2, [1, 2])
    for bias in (b, None):
        torch.library.opcheck(torch.ops.tconv.conv_transpose2d, (x, w, bias, *arguments),
                              test_utils=("test_schema", "test_faketensor", "test_aot_dispatch_dynamic"))


def test_meta_tensors_have_the_shape():
    layer = tconv.torch.ConvTranspose2d(8, 6, 3, stride=2, device="meta")
    assert layer(torch.empty(2, 8, 5, 6, device="meta")).shape == (2, 6, 11, 13)


class Upsampled(torch.utils.data.Dataset):
    """Each item is computed by the layer, in the worker."""

    def __init__(self, layer, images):
        self.layer, self.images = layer, images

    def __len__(self):
        return len(self.images)

    def __getitem__(self, index):
        with torch.no_grad():
            return os.getpid(), self.layer(self.images[index])


def test_in_the_workers_of_a_data_loader():
    """Workers are forked from a process that has run the layer with threads."""
    layer = tconv.torch.ConvTranspose2d(16, 16, 4, 2, 1)
    images = torch.randn(8, 16, 20, 20)
    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(4)
        with torch.no_grad():
            expected = layer(images)
            loader = torch.utils.data.DataLoader(Upsampled(layer, images), batch_size=2, num_workers=2, timeout=60,
                                                 multiprocessing_context=multiprocessing.get_context("fork"))
            pids, results = zip(*loader, strict=True)
    finally:
        torch.set_num_threads(threads)
    assert torch.equal(torch.cat(results), expected)
    assert os.getpid() not in torch.cat(pids).tolist()
