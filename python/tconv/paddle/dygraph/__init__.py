"""The names of paddle.fluid.dygraph that a transposed convolution needs."""

from tconv.paddle.dygraph import base, nn
from tconv.paddle.dygraph.base import guard, to_variable
from tconv.paddle.dygraph.nn import Conv2DTranspose

__all__ = ["Conv2DTranspose", "base", "guard", "nn", "to_variable"]
