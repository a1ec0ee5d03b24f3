"""Activations by the names that Paddle's act gives them, in double, with the defaults of their operators."""

import math

import numpy as np


def softmax(x):
    """Along the last axis, which is W: append_activation passes no axis, and -1 is the operator's default."""
    e = np.exp(x - x.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def single(value):
    """Attributes of operators are float, also where the tensors are double."""
    return float(np.float32(value))


erf = np.vectorize(math.erf, otypes=[np.float64])

PADDLE = {
    "softmax": softmax,
    "relu": lambda x: np.maximum(x, 0),
    "sigmoid": sigmoid,
    "tanh": np.tanh,
    "relu6": lambda x: np.clip(x, 0, 6),
    "leaky_relu": lambda x: np.where(x < 0, single(0.02) * x, x),
    "elu": lambda x: np.where(x < 0, np.expm1(x), x),
    "softplus": lambda x: np.logaddexp(0, x),
    "hard_swish": lambda x: x * np.clip(x + 3, 0, 6) / 6,
    "hard_sigmoid": lambda x: np.clip(single(0.2) * x + 0.5, 0, 1),
    "swish": lambda x: x * sigmoid(x),
    "gelu": lambda x: x / 2 * (1 + erf(x / math.sqrt(2))),
}
