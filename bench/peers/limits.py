"""Who takes part, and which layers a contestant has no words for.

`reason(contestant, layer)` is what the results say instead of a time. It knows what a peer's interface cannot express;
what a peer refuses or does wrong although it can be said is found out by asking it. A layer is never changed to fit.
"""

import dataclasses

from definition import TOLERANCE
from layers import Layer


@dataclasses.dataclass(frozen=True)
class Contestant:
    """One library with one way of using it."""

    name: str     # in the results
    adapter: str  # a module of adapters/, or a program that CMake builds
    layout: str   # of the tensors it is given
    native: bool = False
    note: str = ""
    tolerance: float = TOLERANCE  # of the largest output


CONTESTANTS = (
    Contestant("torch", "pytorch", "nchw", note="PyTorch, contiguous tensors"),
    Contestant("torch_channels_last", "pytorch", "nhwc", note="PyTorch, channels_last tensors and weights"),
    Contestant("onednn", "onednn", "nchw", native=True, note="oneDNN's C++ API, layouts its own choice, no reorder timed"),
    Contestant("onednn_nhwc", "onednn", "nhwc", native=True, note="oneDNN's C++ API, NHWC tensors, weights its own choice"),
    Contestant("onnxruntime", "onnx_runtime", "nchw", note="ONNX Runtime, input and output bound"),
    Contestant("openvino", "open_vino", "nchw", note="OpenVINO, NCHW tensors"),
    Contestant("openvino_nhwc", "open_vino", "nhwc", note="OpenVINO, NHWC tensors, which its preprocessing declares"),
    Contestant("xnnpack", "xnnpack", "nhwc", native=True, note="XNNPACK's C API"),
    Contestant("mnn", "mnn", "nchw", note="MNN, a session on a converted model"),
    Contestant("ncnn", "ncnn_net", "nchw", note="ncnn, float32 storage and arithmetic"),
    Contestant("litert", "litert", "nhwc", note="LiteRT with its XNNPACK delegate"),
)


def ours(layout: str) -> Contestant:
    return Contestant(f"tconv_{layout}", "tconv", layout, native=True, note="tconv's C ABI")


def reason(contestant: Contestant, layer: Layer) -> str | None:
    """Why this layer cannot be said to the contestant; None if it can."""
    limit = _LIMITS.get(contestant.adapter)
    return limit(layer) if limit else None


def _torch(layer: Layer) -> str | None:
    for axis in ("h", "w"):
        crop, cut = getattr(layer.crop, axis), getattr(layer.trailing, axis)
        most = max(getattr(layer.stride, axis), getattr(layer.dilation, axis)) - 1
        if not 0 <= crop - cut <= most:
            return f"pads {crop} before and {cut} after are no padding with an output_padding of 0 to {most} (axis {axis})"
    return None


def _xnnpack(layer: Layer) -> str | None:
    _, extra = layer.ending
    for axis in ("h", "w"):
        if getattr(extra, axis) >= getattr(layer.stride, axis):
            return f"adjustment {getattr(extra, axis)} is not below the stride (axis {axis})"
    return None


def _ncnn(layer: Layer) -> str | None:
    if layer.batch != 1:
        return f"ncnn has no batch; this layer's is {layer.batch}"
    return None


def _litert(layer: Layer) -> str | None:
    if layer.groups != 1:
        return f"TRANSPOSE_CONV has no groups; this layer has {layer.groups}"
    if layer.dilation != (1, 1):
        return f"TRANSPOSE_CONV has no dilation; this layer's is {layer.dilation}"
    if layer.tensorflow_padding is None:
        return f"pads {tuple(layer.crop)} before and {tuple(layer.trailing)} after are those of neither SAME nor VALID"
    return None


_LIMITS = {"pytorch": _torch, "xnnpack": _xnnpack, "ncnn_net": _ncnn, "litert": _litert}
