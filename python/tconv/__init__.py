"""2-D transposed convolution (deconvolution, ConvTranspose2d) by kernels compiled ahead of time.

    y = tconv.conv_transpose2d(x, w, b, stride=2, padding=1)

computes one layer; :class:`Plan` separates what is done once (choosing a kernel, packing the filter) from what is done
for every input. The modules ``tconv.torch``, ``tconv.chainer``, ``tconv.paddle`` and ``tconv.numpy_ml`` have the
arguments and the rules of those packages, ``tconv.profiles`` those of ONNX, TensorFlow, Keras, TFLite, JAX and OpenVINO.
:class:`CudaPlan` and :class:`CudaGradientPlan` are there in builds for NVIDIA's GPUs; all else computes on the CPU, but for tensors that are on a device.
"""

import os

from tconv import _cache, _core, _devices, _functional
from tconv._core import GradientPlan, Packed, Plan, Spec, kernels
from tconv._functional import conv_transpose2d
from tconv._threads import default_threads

__version__ = _core.version
__all__ = ["GradientPlan", "Packed", "Plan", "Spec", "conv_transpose2d", "default_threads", "kernels"]

for _type in (GradientPlan, Packed, Plan, Spec):
    _type.__module__ = "tconv"


if hasattr(_core, "CudaPlan"):
    from tconv._core import CudaGradientPlan, CudaPacked, CudaPlan, cuda_kernels

    __all__ += ["CudaGradientPlan", "CudaPacked", "CudaPlan", "cuda_kernels"]
    CudaGradientPlan.__module__ = CudaPlan.__module__ = CudaPacked.__module__ = "tconv"


def __getattr__(name):
    if name in ("CudaGradientPlan", "CudaPacked", "CudaPlan", "cuda_kernels"):  # here only where the build has none
        raise AttributeError(f"tconv has no {name}: {_devices.MISSING}")
    raise AttributeError(f"module 'tconv' has no attribute {name!r}")


def _after_fork():
    """A forked child has the parent's pools without their threads. Plans that exist run serially; others get new ones."""
    _core._forget_pools()
    _functional.forget_plans()


_cache.follow_tables()
os.register_at_fork(after_in_child=_after_fork)
