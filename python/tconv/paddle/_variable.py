"""Arrays with the methods that Paddle's users call on them."""

import numpy as np


class Variable(np.ndarray):
    """A NumPy array that also answers to numpy()."""

    def numpy(self) -> np.ndarray:
        """The plain array, not a copy."""
        return self.view(np.ndarray)


def parameter(shape, dtype, attr, default):
    """A parameter of a layer: None for an attr of False, else an array given as attr, what attr(shape) gives, or default()."""
    if attr is False:
        return None
    value = default() if attr is None else attr(shape) if callable(attr) else attr
    array = np.array(value, dtype)
    if array.shape != tuple(shape):
        raise ValueError(f"the initial value has shape {array.shape}; it must be {tuple(shape)}")
    return array.view(Variable)


def xavier_uniform(shape):
    """Paddle's default for weights."""
    receptive = int(np.prod(shape[2:]))
    limit = np.sqrt(6.0 / ((shape[0] + shape[1]) * receptive))
    return np.random.uniform(-limit, limit, shape)
