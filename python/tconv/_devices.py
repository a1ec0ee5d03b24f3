"""Arrays on CUDA devices: plans for them, and whose memory and whose stream they are.

Memory comes from the framework of the input, so that its allocator knows the stream; the kernels run on the stream that is
current there, and nobody waits for them.
"""

import contextlib
import functools

from tconv import _arrays, _core

MISSING = ("this build of tconv has no CUDA kernels: build it with -DTCONV_BUILD_CUDA=ON, or "
           "pip install . -C cmake.define.TCONV_BUILD_CUDA=ON (docs/cuda.md)")
PLANS = 256


@functools.lru_cache(maxsize=PLANS, typed=True)  # as those of processors
def plan_from(device: int, **fields):
    """The plan for a device and the fields of a Spec, remembered; NotImplementedError if this build has none at all."""
    check_build(fields["dtype"])
    return _core.CudaPlan(_core.Spec(**fields), device)


@functools.lru_cache(maxsize=PLANS, typed=True)
def gradient_plan_from(of: str, device: int, **fields):
    """The plan for the gradient of the "input", the "filter" or the "bias" of a layer, likewise remembered."""
    check_build(fields["dtype"])
    return _core.CudaGradientPlan(_core.Spec(**fields), of, device)


def check_build(dtype: str) -> None:
    if not hasattr(_core, "CudaPlan"):
        raise NotImplementedError(MISSING)
    if dtype not in dtypes():
        raise NotImplementedError(f"this build has no kernels of {dtype} for devices, only of {', '.join(sorted(dtypes()))}")


@functools.cache
def dtypes() -> frozenset[str]:
    """The element types that this build has kernels of for devices, by their names in Spec."""
    names = {"f32": "float32", "tf32": "float32", "f64": "float64", "f16": "float16", "bf16": "bfloat16"}
    return frozenset(names[kernel.split("_")[1]] for kernel in getattr(_core, "cuda_kernels", list)())


def name_of(array) -> str:
    return getattr(_arrays.framework_of(array), "__name__", type(array).__module__)


def stream_of(array) -> int:
    """The CUstream that is current in the framework of an array on a device; 0, the driver's default, where there is none."""
    framework, name = _arrays.framework_of(array), name_of(array)
    if name == "torch":
        return framework.cuda.current_stream(array.device).cuda_stream
    if name == "cupy":
        return framework.cuda.get_current_stream().ptr
    return 0


def empty_beside(array, shape, dtype=None):
    """An array of the framework and on the device of another one, of its element type unless one is named."""
    framework, name = _arrays.framework_of(array), name_of(array)
    if name not in ("torch", "cupy"):
        raise TypeError(f"tconv makes arrays on a device by PyTorch or CuPy; for one of {name}, give out, and to tconv.CudaPlan "
                        "and tconv.CudaGradientPlan also memory and workspace")
    dtype = array.dtype if dtype is None else getattr(framework, dtype)
    if name == "torch":
        return framework.empty(shape, dtype=dtype, device=array.device)
    with array.device:
        return framework.empty(shape, dtype=dtype)


def output_for(x, shape):
    """As that of _arrays: a buffer for the result, and that nothing has to be made of it."""
    return empty_beside(x, shape), None


def bytes_beside(array, count: int):
    return empty_beside(array, (count,), "uint8")


def entered(array):
    """A context in which the device of an array is the current one of its framework, as torch's DLPack wants it."""
    framework, name = _arrays.framework_of(array), name_of(array)
    if name == "torch":
        return framework.cuda.device(array.device)
    return array.device if name == "cupy" else contextlib.nullcontext()
