"""guard and to_variable: with them, code written for fluid.dygraph runs as it is."""

import contextlib

import numpy as np

from tconv.paddle._variable import Variable


@contextlib.contextmanager
def guard(place=None):
    """Does nothing: layers always compute at once, and on the CPU. `place` is accepted."""
    yield


def to_variable(value, name=None, zero_copy=None, dtype=None) -> Variable:
    """An array as a Variable, without a copy where it has the dtype already; `name` and `zero_copy` are accepted."""
    return np.asarray(value, dtype).view(Variable)
