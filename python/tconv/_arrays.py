"""Results in the framework of the input."""

import sys

import numpy as np

from tconv import _core


def shape_of(name: str, array) -> tuple[int, ...]:
    """The shape; TypeError with the argument's name if this is no array."""
    return array.shape if isinstance(array, np.ndarray) else _core.shape_of(name, array)


def device_of(array) -> int | None:
    """The ordinal of the CUDA device that holds an array, None if none does, or if this is no array."""
    return None if isinstance(array, np.ndarray) else _core.device_of(array)


def framework_of(array):
    """The module with an array's functions: what the array API standard says (jax.numpy), else the package of its type."""
    torch = sys.modules.get("torch")
    if torch is not None and isinstance(array, torch.Tensor):  # or of a subclass, whose package is another one
        return torch
    if hasattr(array, "__array_namespace__"):
        return array.__array_namespace__()
    module = type(array).__module__ or ""  # that of an array of ctypes is None
    return sys.modules.get(module.partition(".")[0])


def output_for(x, shape):
    """A buffer for a result that belongs to `x`, and what makes an array of x's framework of it (None: it is one)."""
    if isinstance(x, np.ndarray):
        return np.empty(shape, x.dtype), None
    framework = framework_of(x)
    if framework is not None and framework.__name__ == "torch":
        return framework.empty(shape, dtype=x.dtype, device=x.device), None
    # An array that cannot be written to (JAX) is made of a buffer that can.
    from_dlpack = getattr(framework, "from_dlpack", None) or getattr(getattr(framework, "dlpack", None), "from_dlpack", None)
    dtype = _core.dtype_of("x", x)
    if dtype == "bfloat16" and from_dlpack is not None:  # of which NumPy exports the bits only
        return np.empty(shape, np.uint16), lambda bits: from_dlpack(bits).view(x.dtype)
    return np.empty(shape, dtype), from_dlpack
