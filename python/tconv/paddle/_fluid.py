"""paddle.fluid.dygraph.Conv2DTranspose."""

import numpy as np

from tconv.paddle._activation import activation
from tconv.paddle._layer import forward
from tconv.paddle._variable import parameter, xavier_uniform


def _two(name, value):
    """Paddle's convert_to_list."""
    if isinstance(value, int):
        return (value, value)
    try:
        values = tuple(value)
    except TypeError:
        values = ()
    if len(values) != 2 or not all(isinstance(number, int | np.integer) for number in values):
        raise ValueError(f"The {name}'s type must be int or a list or tuple of 2 integers. Received: {value!r}")
    return values


class Conv2DTranspose:
    """Conv2DTranspose(num_channels, num_filters, filter_size, output_size=None, padding=0, stride=1, dilation=1,
    groups=None, param_attr=None, bias_attr=None, use_cudnn=True, act=None, dtype='float32')

    A layer from arrays of shape (N, num_channels, H, W) to (N, num_filters, H_out, W_out), which is called like a function.

    filter_size, padding, stride, dilation : int or (int, int)
    output_size : int or (int, int), from s*(H - 1) + d*(K - 1) + 1 - 2*padding up to stride - 1 more; None is the smallest
    param_attr, bias_attr : None (Xavier's uniform distribution, zeros), an array, a function of the shape, or, for the bias
        only, False: no bias
    act : an activation of Paddle by name, with its operator's default attributes; "softmax" is along the last axis
    use_cudnn : accepted
    dtype : "float32" or "float64"

    `weight` has shape (num_channels, num_filters/groups, kH, kW), `bias` (num_filters,).
    Raises ValueError or TypeError with the argument, its value and what is allowed.
    """

    def __init__(self, num_channels, num_filters, filter_size, output_size=None, padding=0, stride=1, dilation=1,
                 groups=None, param_attr=None, bias_attr=None, use_cudnn=True, act=None, dtype="float32"):
        if param_attr is False:
            raise ValueError("param_attr should not be False in conv2d_transpose.")
        if not isinstance(use_cudnn, bool):
            raise ValueError(f"use_cudnn should be True or False. Received: {use_cudnn!r}")
        if dtype not in ("float32", "float64"):
            raise ValueError(f"dtype = {dtype!r}; it must be 'float32' or 'float64'")
        if groups is None or groups == 0:
            groups = 1
        if groups < 1 or num_filters % groups != 0:
            raise ValueError(f"num_filters = {num_filters}; it must be a multiple of groups = {groups}")
        self._parameters = {"stride": _two("stride", stride), "padding": _two("padding", padding),
                            "dilation": _two("dilation", dilation), "groups": groups,
                            "output_size": None if output_size is None else _two("output_size", output_size)}
        self._activation = activation(act)
        shape = (num_channels, num_filters // groups, *_two("filter_size", filter_size))
        self.weight = parameter(shape, dtype, param_attr, lambda: xavier_uniform(shape))
        self.bias = parameter((num_filters,), dtype, bias_attr, lambda: np.zeros(num_filters))

    def __call__(self, input):
        """The output, a :class:`~tconv.paddle._variable.Variable` of the layer's dtype."""
        return forward(input, self.weight, self.bias, activation=self._activation, fluid=True, **self._parameters)

    forward = __call__
