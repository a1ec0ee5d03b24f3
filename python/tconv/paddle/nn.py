"""paddle.nn, of which there is one layer."""

import numpy as np

from tconv.paddle._layer import forward
from tconv.paddle._variable import parameter, xavier_uniform


def _sides(padding, data_format):
    """Paddle's nested form, a pair for each axis of the data, as (top, bottom, left, right); other forms as they are."""
    if isinstance(padding, str) or not hasattr(padding, "__len__") or not all(hasattr(pair, "__len__") for pair in padding):
        return padding
    spatial = slice(2, 4) if data_format == "NCHW" else slice(1, 3)
    axes = [tuple(pair) for pair in padding]
    others = axes[:spatial.start] + axes[spatial.stop:]
    if len(axes) != 4 or any(len(pair) != 2 for pair in axes) or any(map(any, others)):
        raise ValueError(f"padding = {padding!r}; it must be a pair for each axis, (0, 0) for those of batch and channels")
    return tuple(number for pair in axes[spatial] for number in pair)


class Conv2DTranspose:
    """Conv2DTranspose(in_channels, out_channels, kernel_size, stride=1, padding=0, output_padding=0, dilation=1, groups=1,
    weight_attr=None, bias_attr=None, data_format="NCHW")

    padding : "SAME", "VALID" (Paddle's own rules), or one, two (rows, columns) or four numbers (top, bottom, left, right), or a
        pair for each of the four axes
    weight_attr, bias_attr : None (Xavier's uniform distribution, zeros), an array, a function of the shape, or, for the bias
        only, False: no bias
    data_format : "NCHW" or "NHWC", the order of the axes of input and output

    `weight` has shape (in_channels, out_channels/groups, kH, kW), `bias` (out_channels,); both are float32 unless given as
    arrays of another type.
    """

    def __init__(self, in_channels, out_channels, kernel_size, stride=1, padding=0, output_padding=0, dilation=1, groups=1,
                 weight_attr=None, bias_attr=None, data_format="NCHW"):
        if weight_attr is False:
            raise ValueError("weight_attr should not be False in Conv.")
        if data_format not in ("NCHW", "NHWC"):
            raise ValueError(f"data_format = {data_format!r}; it must be 'NCHW' or 'NHWC'")
        if groups < 1 or in_channels % groups != 0 or out_channels % groups != 0:
            raise ValueError(f"groups = {groups}; it must divide in_channels = {in_channels} and "
                             f"out_channels = {out_channels}")
        self._parameters = {"stride": stride, "padding": _sides(padding, data_format), "dilation": dilation, "groups": groups,
                            "layout": data_format.lower()}
        self._output_padding = output_padding
        kernel = (kernel_size, kernel_size) if isinstance(kernel_size, int) else tuple(kernel_size)
        shape = (in_channels, out_channels // groups, *kernel)
        dtype = weight_attr.dtype if isinstance(weight_attr, np.ndarray) else np.float32
        self.weight = parameter(shape, dtype, weight_attr, lambda: xavier_uniform(shape))
        self.bias = parameter((out_channels,), dtype, bias_attr, lambda: np.zeros(out_channels))

    def __call__(self, x, output_size=None):
        """The output; an `output_size`, from the size without output_padding up to stride - 1 more, takes its place."""
        return forward(x, self.weight, self.bias, output_size=output_size,
                       output_padding=self._output_padding if output_size is None else 0, **self._parameters)

    forward = __call__
