"""Arrays on CUDA devices, on a driver that records what it is asked (device.py): what is launched where, and every refusal.

No GPU computes anything here; tests/cuda is about the numbers."""

import os
import subprocess
import sys

import numpy as np
import pytest
from device import DeviceArray, cupy_module, fake_driver

import tconv
from tconv import _core, _devices, _functional

if not hasattr(_core, "CudaPlan"):
    pytest.skip("this build has no CUDA kernels: TCONV_BUILD_CUDA is off", allow_module_level=True)
PRIMARY = 0x1000  # the fake driver's primary context of device 0
SPEC = {"batch": 2, "in_channels": 8, "out_channels": 4, "in_size": (5, 7), "kernel": 4, "stride": 2, "pads": 1}


@pytest.fixture
def driver():
    found = fake_driver()
    _functional.forget_plans()
    found.reset()
    yield found
    found.failing = None
    _functional.forget_plans()


@pytest.fixture
def cupy(monkeypatch):
    module = cupy_module()
    monkeypatch.setitem(sys.modules, "cupy", module)
    return module


def arrays(kind, device=0):
    return [kind(shape, device=device) for shape in ((2, 8, 5, 7), (8, 4, 4, 4), (4,))]


@pytest.mark.parametrize("device", [0, 1])
@pytest.mark.parametrize("stream", [0, 0xABC0])
def test_a_call_queues_on_the_current_stream_of_the_framework(driver, cupy, device, stream):
    x, w, b = arrays(cupy.ndarray, device)
    cupy.stream = stream
    y = tconv.conv_transpose2d(x, w, b, stride=2, padding=1)
    assert type(y) is cupy.ndarray and y.shape == (2, 4, 10, 14) and y.ordinal == device
    assert driver.queued() == [(stream, PRIMARY + device)] * 4  # two tables of phases, the filter, the layer
    for array in (x, w, b, y):
        assert array.streams[-1] == (stream or 1), "DLPack's name of the driver's default stream is 1"
        assert set(array.streams) <= {stream or 1, -1}
    assert driver.depth == 0


def test_plans_are_remembered_for_each_device(driver, cupy):
    for device in (0, 1):
        before = driver.loads
        tconv.conv_transpose2d(*arrays(cupy.ndarray, device))
        assert driver.loads > before, "another context has no kernels yet"
        loads, calls = driver.loads, driver.calls
        tconv.conv_transpose2d(*arrays(cupy.ndarray, device))
        # Packing and the layer enter the context, launch and leave it: three and one launches.
        assert (driver.loads, driver.calls - calls) == (loads, 2 * 2 + 4)
    assert _devices.plan_from.cache_info().misses == 2
    _functional.forget_plans()
    assert (driver.loads, driver.retained) == (driver.unloads, 0)


@pytest.mark.parametrize("layout", ["nchw", "nhwc"])
def test_a_plan_of_arrays_without_a_framework(driver, layout):
    plan = tconv.CudaPlan(tconv.Spec(**SPEC, layout=layout), device=1)
    assert "cuda:1" in repr(plan) and plan.kernel in plan.explain() and plan.kernel in tconv.cuda_kernels()
    need = plan.requirements
    packed = plan.pack(DeviceArray((8, 4, 4, 4), device=1), memory=DeviceArray((need["packed_filter_bytes"],), "uint8", device=1))
    whole = (2, 10, 10, 14) if layout == "nchw" else (2, 10, 14, 10)
    strides = tuple(np.cumprod((1, *whole[:0:-1]))[::-1].tolist())
    out = DeviceArray(plan.spec.output_shape, device=1, strides=strides)  # four channels of ten
    driver.queued()
    assert plan.run(DeviceArray(plan.spec.input_shape, device=1), packed, DeviceArray((4,), device=1), out=out) is out
    assert driver.queued() == [(0, PRIMARY + 1)]


def test_exporters_that_know_no_versions(driver):
    plan = tconv.CudaPlan(tconv.Spec(**SPEC))
    x, w, b, y, memory = (DeviceArray(shape, dtype, versions=False) for shape, dtype in (
        (plan.spec.input_shape, "float32"), ((8, 4, 4, 4), "float32"), ((4,), "float32"), (plan.spec.output_shape, "float32"),
        ((plan.requirements["packed_filter_bytes"],), "uint8")))
    assert plan.run(x, plan.pack(w, memory=memory), b, out=y) is y
    assert x.streams == [1]


def test_a_workspace_comes_from_the_framework_or_the_caller(driver, cupy):
    spec = tconv.Spec(**SPEC, activation="tanh", residual="after")
    plan = tconv.CudaPlan(spec)
    bytes_ = plan.requirements["workspace_bytes"]
    assert bytes_ > 0
    x, w, b = arrays(cupy.ndarray)
    residual, out, packed = cupy.ndarray(spec.output_shape), cupy.ndarray(spec.output_shape), None
    cupy.entered.append(0)
    packed = plan.pack(w)
    plan.run(x, packed, b, out=out, residual=residual)
    plan.run(x, packed, b, out=out, residual=residual, workspace=DeviceArray((bytes_,), "uint8"))
    with pytest.raises(ValueError, match=rf"workspace has shape \(7,\); the spec wants \({bytes_},\)"):
        plan.run(x, packed, b, out=out, residual=residual, workspace=DeviceArray((7,), "uint8"))
    with pytest.raises(ValueError, match="residual is missing"):
        plan.run(x, packed, b, out=out)


GRADIENTS = ["input", "filter", "bias"]


def gradient_arrays(of, kind=DeviceArray, device=0):
    """Where the arrays of a gradient of SPEC go in run(): gy, x and the result."""
    shapes = {"input": (2, 8, 5, 7), "filter": (8, 4, 4, 4), "bias": (4,)}
    gy = kind((2, 4, 10, 14), device=device)
    x = kind(shapes["input"], device=device) if of == "filter" else None
    return gy, x, kind(shapes[of], device=device)


@pytest.mark.parametrize("device", [0, 1])
@pytest.mark.parametrize("of", GRADIENTS)
def test_a_gradient_of_arrays_of_a_framework(driver, cupy, of, device):
    plan = tconv.CudaGradientPlan(tconv.Spec(**SPEC), of, device=device)
    assert plan.of == of and f"cuda:{device}" in repr(plan) and of in repr(plan) and plan.kernel in repr(plan)
    cupy.stream = 0xABC0
    gy, x, like = gradient_arrays(of, cupy.ndarray, device)
    packed = plan.pack(cupy.ndarray((8, 4, 4, 4), device=device)) if of == "input" else None
    driver.queued()
    g = plan.run(gy, packed, x)
    assert type(g) is cupy.ndarray and g.shape == like.shape and g.ordinal == device
    assert driver.queued() == [(0xABC0, PRIMARY + device)] * (1 if of == "input" else 2)
    assert driver.depth == 0


@pytest.mark.parametrize("of", GRADIENTS)
def test_a_gradient_of_arrays_without_a_framework(driver, of):
    plan = tconv.CudaGradientPlan(tconv.Spec(**SPEC), of)
    need = plan.requirements
    gy, x, out = gradient_arrays(of)
    memory = {name: DeviceArray((need[f"{name}_bytes"],), "uint8") for name in ("packed_filter", "workspace")
              if need[f"{name}_bytes"]}
    assert set(memory) == ({"packed_filter"} if of == "input" else {"workspace"})
    packed = plan.pack(DeviceArray((8, 4, 4, 4)), memory=memory["packed_filter"]) if of == "input" else None
    assert plan.run(gy, packed, x, out, workspace=memory.get("workspace")) is out
    if of == "filter":
        out = DeviceArray((4, 4, 8, 4))
        assert plan.run(gy, None, x, out, "hwio", memory["workspace"]) is out
        with pytest.raises(ValueError, match="out has shape"):
            plan.run(gy, None, x, DeviceArray((8, 4, 4, 4)), "hwio", memory["workspace"])
    if of != "input":
        with pytest.raises(TypeError, match="give out, and to tconv.CudaPlan"):
            plan.run(gy, packed, x, out, "hwio" if of == "filter" else "iohw")


@pytest.mark.parametrize("of", GRADIENTS)
def test_gradients_refuse(driver, of):
    with pytest.raises(ValueError, match="activation"):
        tconv.CudaGradientPlan(tconv.Spec(**SPEC, activation="relu"), of)
    plan = tconv.CudaGradientPlan(tconv.Spec(**SPEC), of)
    gy, x, out = gradient_arrays(of)
    layer = tconv.CudaPlan(tconv.Spec(**SPEC))
    packed = layer.pack(DeviceArray((8, 4, 4, 4)),
                        memory=DeviceArray((layer.requirements["packed_filter_bytes"],), "uint8"))
    if of == "input":
        with pytest.raises(ValueError, match=r"packed is for .* of c8_h5_w7.*; this plan is .* of the gradient of the input of c8_h5"):
            plan.run(gy, packed, out=out)
        with pytest.raises(ValueError, match="packed is missing; the gradient of the input needs it"):
            plan.run(gy, out=out)
    else:
        with pytest.raises(ValueError, match=f"packed is given; the gradient of the {of} has none"):
            plan.run(gy, packed, x, out)
        with pytest.raises(ValueError, match="only plans for INPUT .* take a filter"):
            plan.pack(DeviceArray((8, 4, 4, 4)), memory=DeviceArray((0,), "uint8"))
    with pytest.raises(ValueError, match="gy is in the CPU's memory; this plan runs on cuda:0"):
        plan.run(np.zeros((2, 4, 10, 14), np.float32), None, x, out)
    with pytest.raises(ValueError, match="gy is on cuda:1; this plan runs on cuda:0"):
        plan.run(DeviceArray((2, 4, 10, 14), device=1), None, x, out)
    with pytest.raises(ValueError, match="of = 'weight'; it must be one of: input, filter, bias"):
        tconv.CudaGradientPlan(tconv.Spec(**SPEC), "weight")
    assert driver.depth == 0


MIXTURES = [
    ({"w": np.zeros((8, 4, 4, 4), np.float32)}, ValueError, "w is in the CPU's memory; this plan runs on cuda:0"),
    ({"b": np.zeros(4, np.float32)}, ValueError, "bias is in the CPU's memory; this plan runs on cuda:0"),
    ({"b": DeviceArray((4,), device=1)}, ValueError, "bias is on cuda:1; this plan runs on cuda:0"),
    ({"out": np.zeros((2, 4, 8, 10), np.float32)}, ValueError, "out is in the CPU's memory; this plan runs on cuda:0"),
    ({"out": DeviceArray((2, 4, 8, 10), read_only=True)}, ValueError, "out cannot be written through DLPack"),
    ({"x": np.zeros((2, 8, 5, 7), np.float32)}, ValueError, "w is on cuda:0, not in the CPU's memory"),
    ({"x": DeviceArray((2, 8, 5, 7))}, TypeError, "makes arrays on a device by PyTorch or CuPy; for one of device, give out"),
    ({"b": DeviceArray((5,))}, ValueError, r"bias has shape \(5,\); the spec wants \(4,\)"),
    ({"b": DeviceArray((4,), "float64")}, TypeError, "bias holds float64; the spec has float32"),
    ({"b": [1, 2, 3, 4]}, TypeError, "bias is of type list; it must be a NumPy array or have __dlpack__"),
    ({"stride": 0}, ValueError, "stride"),
]


@pytest.mark.parametrize(("arguments", "error", "message"), MIXTURES)
def test_refusals(driver, cupy, arguments, error, message):
    given = {**dict(zip("xwb", arrays(cupy.ndarray), strict=True)), **arguments}
    with pytest.raises(error, match=message):
        tconv.conv_transpose2d(**given)
    assert driver.depth == 0


def test_a_type_without_kernels(driver, cupy, monkeypatch):
    assert "float32" in _devices.dtypes()
    monkeypatch.setattr(_devices, "dtypes", lambda: frozenset(["float32"]))
    x, w = cupy.ndarray((2, 8, 5, 7), "float64"), cupy.ndarray((8, 4, 4, 4), "float64")
    with pytest.raises(NotImplementedError, match="no kernels of float64 for devices, only of float32"):
        tconv.conv_transpose2d(x, w)


@pytest.mark.parametrize(("function", "code", "error", "message"), [
    ("cuModuleLoadData", 2, MemoryError, "cuModuleLoadData"),
    ("cuDevicePrimaryCtxRetain", 46, RuntimeError, r"cuDevicePrimaryCtxRetain\) failed: CUDA_ERROR_OF_THE_TEST \(46\)"),
    ("cuLaunchKernel", 701, RuntimeError, "cuLaunchKernel"),
])
def test_what_the_driver_refuses(driver, cupy, function, code, error, message):
    driver.failing, driver.failing_with = function.encode(), code
    with pytest.raises(error, match=message):
        tconv.conv_transpose2d(*arrays(cupy.ndarray))
    driver.failing = None
    tconv.conv_transpose2d(*arrays(cupy.ndarray))  # a failure is not remembered


def test_devices_that_are_not_there_or_too_old(driver):
    spec = tconv.Spec(**SPEC)
    with pytest.raises(RuntimeError, match="device = 2; the driver has 2"):
        tconv.CudaPlan(spec, device=2)
    driver.devices = 0
    with pytest.raises(RuntimeError, match="device = 0; the driver has 0"):
        tconv.CudaPlan(spec)
    driver.devices, driver.major, driver.minor = 1, 7, 5
    with pytest.raises(NotImplementedError, match=r"compute capability 7\.5; this library needs 8\.0"):
        tconv.CudaPlan(spec)
    with pytest.raises(NotImplementedError, match="no_such_kernel"):
        driver.major = 8
        tconv.CudaPlan(spec, kernel="no_such_kernel")


def test_packed_filters_of_others(driver):
    plan, other = tconv.CudaPlan(tconv.Spec(**SPEC)), tconv.CudaPlan(tconv.Spec(**{**SPEC, "stride": 3}))
    many = tconv.CudaPlan(tconv.Spec(**{**SPEC, "batch": 5}))
    w, size = DeviceArray((8, 4, 4, 4)), plan.requirements["packed_filter_bytes"]
    packed = plan.pack(w, memory=DeviceArray((size,), "uint8"))
    x, b, y = DeviceArray(plan.spec.input_shape), DeviceArray((4,)), DeviceArray(plan.spec.output_shape)
    with pytest.raises(ValueError, match=r"packed is for .* of c8_h5_w7_.*_s2x2_.*; this plan is .*_s3x3_"):
        other.run(x, packed, b, out=DeviceArray(other.spec.output_shape))
    many.run(DeviceArray(many.spec.input_shape), packed, b, out=DeviceArray(many.spec.output_shape))
    with pytest.raises(ValueError, match="aligned"):
        plan.pack(w, memory=DeviceArray((size,), "uint8", address=0x7F0000000004))
    with pytest.raises(ValueError, match="memory has shape"):
        plan.pack(w, memory=DeviceArray((size - 1,), "uint8"))
    with pytest.raises(TypeError, match="memory holds float32"):
        plan.pack(w, memory=DeviceArray((size,)))
    with pytest.raises(ValueError, match="out"):
        plan.run(x, packed, b, out=DeviceArray(y.shape, address=x.address))


def test_what_an_exporter_says_is_heard(driver):
    class Unwilling(DeviceArray):
        def __dlpack__(self, **arguments):
            raise BufferError("needs a gradient")

    with pytest.raises(BufferError, match="needs a gradient"):
        tconv.CudaPlan(tconv.Spec(**SPEC)).pack(Unwilling((8, 4, 4, 4)))


def test_a_forked_child_leaves_plans_alone(driver):
    plan, gradient = tconv.CudaPlan(tconv.Spec(**SPEC)), tconv.CudaGradientPlan(tconv.Spec(**SPEC), "input")
    _devices.plan_from(0, **SPEC, dtype="float32")
    child = os.fork()
    if child == 0:
        wrong = 0
        for of_the_parent in (plan, gradient):
            try:
                of_the_parent.pack(DeviceArray((8, 4, 4, 4)))
                wrong = 1
            except RuntimeError as refusal:
                wrong |= "does not outlive a fork" not in str(refusal)
        del plan, gradient, of_the_parent
        os._exit(wrong or driver.unloads)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    plan.pack(DeviceArray((8, 4, 4, 4)), memory=DeviceArray((plan.requirements["packed_filter_bytes"],), "uint8"))


def test_a_machine_without_a_driver():
    program = """
import sys
from device import DeviceArray
import ctypes, numpy, tconv
try:
    ctypes.CDLL("libcuda.so.1")
    sys.exit("there is one")
except OSError:
    pass
print(tconv.conv_transpose2d(numpy.ones((1, 1, 2, 2), "f"), numpy.ones((1, 1, 2, 2), "f")).sum())
try:
    tconv.conv_transpose2d(DeviceArray((1, 8, 5, 7)), DeviceArray((8, 4, 4, 4)))
except RuntimeError as refusal:
    print(refusal)
"""
    environment = {name: value for name, value in os.environ.items() if name != "LD_LIBRARY_PATH"}
    environment["PYTHONPATH"] = os.pathsep.join([os.path.dirname(__file__), environment.get("PYTHONPATH", "")])
    run = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True)
    if "there is one" in run.stderr:
        pytest.skip("this machine has a driver")
    assert run.returncode == 0, run.stderr
    assert run.stdout.splitlines() == ["16.0", "no CUDA driver: neither libcuda.so.1 nor libcuda.so can be loaded"]
