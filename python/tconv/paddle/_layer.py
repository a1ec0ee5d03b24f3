"""What both generations of the layer do with arrays."""

import numpy as np

from tconv import _functional, profiles
from tconv._threads import default_threads
from tconv.paddle._variable import Variable


def forward(x, weight, bias, *, layout="nchw", activation=None, **parameters) -> Variable:
    """The layer of an array of weight's type; `parameters` are those of tconv.profiles.paddle."""
    x = np.asarray(x)
    if x.dtype != weight.dtype:
        raise TypeError(f"input holds {x.dtype}; the layer holds {weight.dtype}")
    if x.ndim != 4:
        raise ValueError(f"input has shape {x.shape}; it must have 4 dimensions")
    groups = parameters["groups"]
    batch, channels, in_size = _functional.image_sizes(x, layout)
    if channels != weight.shape[0]:
        raise ValueError(f"input has {channels} channels; the layer has {weight.shape[0]}")
    fields, afterwards = activation if activation is not None else ({}, None)
    spec = profiles.paddle({"batch": batch, "in_channels": channels, "out_channels": weight.shape[1] * groups,
                            "in_size": in_size, "kernel": weight.shape[2:], "layout": layout, "dtype": x.dtype,
                            "bias": bias is not None, **fields}, **parameters)
    y = _functional.run(_functional.plan_of(spec, default_threads()), x, np.asarray(weight),
                        None if bias is None else np.asarray(bias))
    return (y if afterwards is None else afterwards(y)).view(Variable)
