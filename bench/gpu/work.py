"""What a layer asks of any machine. Nothing here knows a GPU."""

import math

from definition import reach
from layers import Layer


def useful_flops(layer: Layer) -> float:
    """By the products of an input and a tap that fall inside the output: a direct kernel computes at least these."""
    pairs = []
    for axis in ("h", "w"):
        of = [getattr(value, axis) for value in (layer.crop, layer.size, layer.in_size, layer.stride, layer.dilation)]
        inputs = (reach(k, *of)[0] for k in range(getattr(layer.kernel, axis)))
        pairs.append(sum(reached.stop - reached.start for reached in inputs))
    return 2.0 * layer.batch * layer.in_channels * (layer.out_channels // layer.groups) * math.prod(pairs)


def dtype_of(arithmetic: str) -> str:
    """The type of the tensors that an arithmetic takes."""
    return "f32" if arithmetic == "tf32" else arithmetic


def compulsory_bytes(layer: Layer, dtype: str = "f32") -> float:
    """Of input, filter, bias and output, each once."""
    elements = sum(map(math.prod, (layer.input_shape, layer.filter_shape, layer.output_shape)))
    return {"f32": 4.0, "f16": 2.0, "bf16": 2.0}[dtype] * (elements + (layer.out_channels if layer.bias else 0))
