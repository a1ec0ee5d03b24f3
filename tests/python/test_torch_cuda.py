"""tconv.torch on CUDA devices that are not there: stand-ins for CUDA tensors, which have sizes, strides and an address
(device.py), on a driver that records what it is asked. No GPU computes anything here."""

import contextlib
import types

import pytest
from device import DeviceArray, fake_driver

torch = pytest.importorskip("torch")
import tconv.torch  # noqa: E402
from tconv import _core, _devices, _functional  # noqa: E402
from tconv.torch import _ops  # noqa: E402

if not hasattr(_core, "CudaPlan"):
    pytest.skip("this build has no CUDA kernels: TCONV_BUILD_CUDA is off", allow_module_level=True)
PRIMARY = 0x1000  # the fake driver's primary context of device 0
STREAM = 0xABC0
NAMES = {torch.float32: "float32", torch.float16: "float16", torch.float64: "float64", torch.uint8: "uint8"}


class OnDevice(torch.Tensor):
    """A tensor of a CUDA device for all that looks at it: operators are told what its views are like, by a meta tensor."""

    @staticmethod
    def __new__(cls, like, device="cuda:0", address=None):
        made = torch.Tensor._make_wrapper_subclass(cls, like.shape, strides=like.stride(), dtype=like.dtype, device=device)
        made.address = DeviceArray(()).address if address is None else address
        return made

    def meta(self):
        return torch.empty_strided(self.shape, self.stride(), dtype=self.dtype, device="meta")

    def __dlpack__(self, **arguments):
        self.exported = DeviceArray(self.shape, NAMES[self.dtype], strides=self.stride(), device=self.device.index,
                                    address=self.address)
        return self.exported.__dlpack__(**arguments)

    @classmethod
    def __torch_dispatch__(cls, function, _types, arguments=(), keywords=None):
        keywords = keywords or {}
        if function.namespace == "tconv":
            return function._op_dk(torch._C.DispatchKey.CUDA, *arguments, **keywords)
        first = next(argument for argument in arguments if isinstance(argument, cls))
        metas = [argument.meta() if isinstance(argument, cls) else argument for argument in arguments]
        result = function(*metas, **keywords)
        kept = first.address if function._schema.returns[0].alias_info else None
        return cls(result, first.device, kept) if isinstance(result, torch.Tensor) else result


@pytest.fixture
def driver(monkeypatch):
    found = fake_driver()
    _functional.forget_plans()
    found.reset()
    empty, entered = torch.empty, []

    @contextlib.contextmanager
    def device(of):
        entered.append(of.index)
        yield
        entered.pop()

    def current_stream(of):
        assert entered == [of.index], "the device of the tensors is torch's current one"
        return types.SimpleNamespace(cuda_stream=STREAM)

    def empty_there(*arguments, device=None, **keywords):
        if torch.device(device or "cpu").type != "cuda":
            return empty(*arguments, device=device, **keywords)
        return OnDevice(empty(*arguments, device="meta", **keywords), device)

    monkeypatch.setattr(torch.cuda, "device", device)
    monkeypatch.setattr(torch.cuda, "current_stream", current_stream)
    monkeypatch.setattr(torch, "empty", empty_there)
    yield found
    _functional.forget_plans()


def on_device(*shape, device="cuda:0", dtype=torch.float32, memory_format=torch.contiguous_format):
    return OnDevice(torch.empty(shape, dtype=dtype, device="meta").to(memory_format=memory_format), device)


def layer(device="cuda:0", **keywords):
    """A module whose parameters are on the device."""
    made = tconv.torch.ConvTranspose2d(8, 4, 4, stride=2, padding=1, **keywords)
    for name, parameter in list(made.named_parameters()):
        setattr(made, name, None)
        made.register_parameter(name, torch.nn.Parameter(on_device(*parameter.shape, device=device), requires_grad=False))
    return made


@pytest.mark.parametrize("device", [0, 1])
@pytest.mark.parametrize("memory_format", [torch.contiguous_format, torch.channels_last], ids=str)
def test_the_module_runs_on_the_current_stream(driver, device, memory_format):
    x = on_device(2, 8, 5, 7, device=f"cuda:{device}", memory_format=memory_format)
    y = layer(f"cuda:{device}")(x)
    assert isinstance(y, OnDevice) and y.shape == (2, 4, 10, 14) and y.device == x.device
    assert y.is_contiguous(memory_format=memory_format)
    assert driver.queued() == [(STREAM, PRIMARY + device)] * 4
    loads = driver.loads
    layer(f"cuda:{device}")(x)
    assert driver.loads == loads and _devices.plan_from.cache_info().misses == 1


def test_one_image_without_a_batch(driver):
    assert layer(bias=False)(on_device(8, 5, 7)).shape == (4, 10, 14)


def test_the_function_on_tensors(driver):
    x, w, b = on_device(2, 8, 5, 7), on_device(8, 4, 4, 4), on_device(4)
    y = tconv.conv_transpose2d(x, w, b, stride=2, padding=1, activation="relu")
    assert isinstance(y, OnDevice) and y.shape == (2, 4, 10, 14)
    assert driver.queued() == [(STREAM, PRIMARY)] * 4


@pytest.mark.parametrize("allowed", [False, True])
def test_tf32_of_gradients_follows_torchs_switch(driver, monkeypatch, allowed):
    asked, plan_from = [], _devices.gradient_plan_from
    with monkeypatch.context() as patched:
        patched.setattr(_ops, "allows_tf32", lambda: allowed)
        patched.setattr(_devices, "gradient_plan_from",
                        lambda of, device, **fields: asked.append(fields["math"]) or plan_from(of, device, **fields))
        for dtype in (torch.float32, torch.float64):
            _ops.input_gradient(on_device(1, 4, 10, 14, dtype=dtype), on_device(8, 4, 4, 4, dtype=dtype), (5, 7), *PARAMETERS)
    assert asked == ["tf32" if allowed else "fast", "fast"]


@pytest.mark.parametrize("allowed", [False, True])
@pytest.mark.parametrize(("dtype", "math"), [(torch.float32, "tf32"), (torch.float64, "fast"), (torch.float16, "fast")])
def test_tf32_follows_torchs_switch(driver, monkeypatch, allowed, dtype, math):
    asked, plan_from, before = [], _devices.plan_from, torch.backends.cudnn.allow_tf32
    try:
        torch.backends.cudnn.allow_tf32 = allowed
        with monkeypatch.context() as patched:
            patched.setattr(_devices, "plan_from",
                            lambda device, **fields: asked.append(fields["math"]) or plan_from(device, **fields))
            tconv.torch.conv_transpose2d(on_device(2, 8, 5, 7, dtype=dtype), on_device(8, 8, 4, 4, dtype=dtype))
    finally:
        torch.backends.cudnn.allow_tf32 = before
    assert asked == [math if allowed else "fast"]
    assert len(driver.queued()) == 4


def test_the_switch_of_torch_without_precisions(monkeypatch):
    for allowed in (False, True):
        monkeypatch.setattr(torch.backends, "cudnn", types.SimpleNamespace(allow_tf32=allowed))
        assert _ops.allows_tf32() is allowed


PARAMETERS = ((2, 2), (1, 1), (0, 0), 1, (1, 1))


@pytest.mark.parametrize("device", [0, 1])
@pytest.mark.parametrize("memory_format", [torch.contiguous_format, torch.channels_last], ids=str)
@pytest.mark.parametrize(("call", "shape", "launches"), [
    # Packing launches three: two tables of phases and the weights. Filter and bias: the sums of parts, then what adds them up.
    (lambda x, w, gy: _ops.input_gradient(gy, w, (5, 7), *PARAMETERS), (2, 8, 5, 7), 4),
    (lambda x, w, gy: _ops.filter_gradient(x, gy, (4, 4), *PARAMETERS), (8, 4, 4, 4), 2),
    (lambda x, w, gy: _ops.bias_gradient(gy), (4,), 2),
], ids=["input", "filter", "bias"])
def test_gradients_run_on_the_current_stream(driver, device, memory_format, call, shape, launches):
    """What backward() calls. It cannot be called here: torch makes no graph of tensors on a device that is not there."""
    there = f"cuda:{device}"
    x = on_device(2, 8, 5, 7, device=there, memory_format=memory_format)
    gy = on_device(2, 4, 10, 14, device=there, memory_format=memory_format)
    w = on_device(8, 4, 4, 4, device=there)
    gradient = call(x, w, gy)
    assert isinstance(gradient, OnDevice) and gradient.shape == shape and gradient.device == x.device
    assert driver.queued() == [(STREAM, PRIMARY + device)] * launches
    loads = driver.loads
    call(x, w, gy)
    assert driver.loads == loads and _devices.gradient_plan_from.cache_info().misses == 1


def test_the_gradient_of_the_input_lies_in_memory_as_that_of_the_output(driver):
    gy = on_device(2, 4, 10, 14, memory_format=torch.channels_last)
    gx = _ops.input_gradient(gy, on_device(8, 4, 4, 4), (5, 7), *PARAMETERS)
    assert gx.is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize(("call", "error", "message"), [
    (lambda: _ops.input_gradient(on_device(1, 4, 10, 14), torch.ones(8, 4, 4, 4), (5, 7), *PARAMETERS), ValueError,
     "w is in the CPU's memory; this plan runs on cuda:0"),
    (lambda: _ops.filter_gradient(on_device(1, 8, 5, 7), torch.ones(1, 4, 10, 14), (4, 4), *PARAMETERS), ValueError,
     "gy is in the CPU's memory; this plan runs on cuda:0"),
    (lambda: _ops.filter_gradient(on_device(1, 8, 5, 7), on_device(1, 4, 10, 14, device="cuda:1"), (4, 4), *PARAMETERS),
     ValueError, "gy is on cuda:1; this plan runs on cuda:0"),
    (lambda: _ops.bias_gradient(on_device(1, 4, 10, 14, dtype=torch.float64)), NotImplementedError,
     "no kernels of float64 for devices, only of float32"),
])
def test_gradients_refuse(driver, monkeypatch, call, error, message):
    monkeypatch.setattr(_devices, "dtypes", lambda: frozenset(["float32"]))
    with pytest.raises(error, match=message):
        call()
    assert not driver.queued()


def test_autocast_computes_in_float32_where_there_is_nothing_else(driver, monkeypatch):
    monkeypatch.setattr(_devices, "dtypes", lambda: frozenset(["float32"]))
    w, b = on_device(8, 4, 4, 4), on_device(4)
    with torch.autocast("cpu", torch.bfloat16):  # says nothing about devices
        assert tconv.torch.conv_transpose2d(on_device(1, 8, 5, 7), w, b).dtype == torch.float32
    # As torch.autocast("cuda", torch.float16) would have it, which is off where there is no device.
    monkeypatch.setattr(torch, "is_autocast_enabled", lambda kind: kind == "cuda")
    monkeypatch.setattr(torch, "get_autocast_dtype", {"cuda": torch.float16}.get)
    y = tconv.torch.conv_transpose2d(on_device(1, 8, 5, 7, dtype=torch.float16), w, b)
    assert y.dtype == torch.float32


@pytest.mark.parametrize(("others", "error", "message"), [
    ({"weight": torch.ones(8, 4, 4, 4)}, ValueError, "w is in the CPU's memory; this plan runs on cuda:0"),
    ({"bias": torch.ones(4)}, ValueError, "bias is in the CPU's memory; this plan runs on cuda:0"),
    ({"bias": on_device(4, device="cuda:1")}, ValueError, "bias is on cuda:1; this plan runs on cuda:0"),
    ({"weight": on_device(7, 4, 4, 4)}, ValueError, "input has 8 channels"),
    ({"weight": on_device(8, 4, 4, 4, dtype=torch.float64)}, TypeError, "w holds float64; the spec has float32"),
    ({"input": on_device(1, 8, 5, 7, dtype=torch.float64)}, NotImplementedError, "no kernels of float64 for devices"),
    ({"input": on_device(1, 8, 5, 7, dtype=torch.int32)}, TypeError, "input is torch.int32"),
])
def test_refusals(driver, monkeypatch, others, error, message):
    monkeypatch.setattr(_devices, "dtypes", lambda: frozenset(["float32"]))
    given = {"input": on_device(1, 8, 5, 7), "weight": on_device(8, 4, 4, 4), "bias": on_device(4), **others}
    with pytest.raises(error, match=message):
        tconv.torch.conv_transpose2d(**given)


def test_replace_takes_what_the_build_has(driver, monkeypatch):
    def replaced(dtype):
        module = torch.nn.ConvTranspose2d(8, 4, 4)
        module.weight = torch.nn.Parameter(on_device(8, 4, 4, 4, dtype=dtype), requires_grad=False)
        return type(tconv.torch.replace(module)) is tconv.torch.ConvTranspose2d

    assert replaced(torch.float32) and not replaced(torch.complex64)
    monkeypatch.setattr(_devices, "dtypes", frozenset)  # a build without CUDA
    assert not replaced(torch.float32)
