"""paddle.fluid.dygraph.nn, of which there is one layer."""

from tconv.paddle._fluid import Conv2DTranspose

__all__ = ["Conv2DTranspose"]
