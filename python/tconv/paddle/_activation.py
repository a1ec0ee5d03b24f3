"""Paddle's activations by name, with the attributes that their operators have by default."""

import numpy as np

# What a kernel computes with the layer, as fields of tconv.Spec.
_FUSED = {
    None: {},
    "relu": {"activation": "relu"},
    "relu6": {"activation": "clip", "act_alpha": 0.0, "act_beta": 6.0},
    "brelu": {"activation": "clip", "act_alpha": 0.0, "act_beta": 24.0},
    "leaky_relu": {"activation": "leaky_relu", "act_alpha": 0.02},
    "sigmoid": {"activation": "sigmoid"},
    "tanh": {"activation": "tanh"},
    "elu": {"activation": "elu", "act_alpha": 1.0},
    "gelu": {"activation": "gelu"},
    "swish": {"activation": "silu"},
    "silu": {"activation": "silu"},
    "hard_swish": {"activation": "hard_swish"},
    "softplus": {"activation": "softplus"},
    "softmax": {"activation": "softmax", "softmax_axis": "last"},
}

# The others are computed on the finished output.
_AFTERWARDS = {
    "abs": np.abs,
    "ceil": np.ceil,
    "cos": np.cos,
    "exp": np.exp,
    "floor": np.floor,
    "hard_sigmoid": lambda y: np.clip(0.2 * y + 0.5, 0, 1),
    "log": np.log,
    "logsigmoid": lambda y: -np.logaddexp(0, -y),
    "reciprocal": np.reciprocal,
    "rsqrt": lambda y: 1 / np.sqrt(y),
    "sin": np.sin,
    "softsign": lambda y: y / (1 + np.abs(y)),
    "sqrt": np.sqrt,
    "square": np.square,
    "tanh_shrink": lambda y: y - np.tanh(y),
}


def activation(name):
    """(fields of the spec, function of the output or None) for an act of this name; ValueError if there is none."""
    if name in _FUSED:
        return _FUSED[name], None
    if name in _AFTERWARDS:
        return {}, _AFTERWARDS[name]
    raise ValueError(f"act = {name!r}; it must be None or one of: {', '.join(sorted([*filter(None, _FUSED), *_AFTERWARDS]))}")
