"""Paddle's Conv2DTranspose on arrays: the layer of fluid.dygraph here and in ``dygraph``, today's in ``nn``.

    import tconv.paddle as fluid

    with fluid.dygraph.guard():
        layer = fluid.dygraph.nn.Conv2DTranspose(num_channels=32, num_filters=2, filter_size=3)
        y = layer(fluid.dygraph.base.to_variable(data))
"""

from tconv.paddle import dygraph, nn
from tconv.paddle._fluid import Conv2DTranspose

__all__ = ["Conv2DTranspose", "dygraph", "nn"]
