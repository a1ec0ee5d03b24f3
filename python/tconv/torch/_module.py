"""The module, the function, and the exchange of the layers of a model."""

import torch
from torch.autograd import forward_ad

from tconv import _devices
from tconv.torch import _ops


def _pair(name, value):
    try:
        values = (value, value) if isinstance(value, int) else tuple(value)
    except TypeError:
        raise TypeError(f"{name} = {value!r}; it must be one integer or two (height, width)") from None
    if len(values) == 1:
        values *= 2
    if len(values) != 2:
        raise ValueError(f"{name} = {value!r}; it must be one integer or two (height, width)")
    return values


def _has(dtype, device_type):
    """Whether this build has kernels of an element type where tensors of this kind of device are."""
    names = {"cpu": _ops.DTYPES.values(), "cuda": _devices.dtypes()}.get(device_type, ())
    return _ops.DTYPES.get(dtype) in names


def _as_autocast(tensor, device_type):
    """What torch.autocast makes of an operand: float64 it leaves alone. On devices float32 if there are no kernels of its type."""
    if tensor is None or tensor.device.type != device_type or not tensor.is_floating_point() or tensor.dtype == torch.float64:
        return tensor
    dtype = torch.get_autocast_dtype(device_type)
    return tensor.to(dtype if device_type == "cpu" or _has(dtype, device_type) else torch.float32)


def _with_tangents(layer, input, weight, bias):
    """layer(input, weight, bias), with the tangent of forward-mode differentiation where an operand has one: custom operators
    of torch have none. The layer is linear in input and weight, and the bias is added."""
    operands = (input, weight, bias)
    if torch.compiler.is_compiling():
        return layer(*operands)
    duals = [(None, None) if operand is None else forward_ad.unpack_dual(operand) for operand in operands]
    if all(tangent is None for _, tangent in duals):
        return layer(*operands)
    (x, dx), (w, dw), (b, db) = duals
    y = layer(x, w, b)
    terms = [] if dx is None else [layer(dx, w, None)]
    terms += [] if dw is None else [layer(x, dw, None)]
    terms += [] if db is None else [db.reshape(1, -1, 1, 1).expand_as(y)]
    return forward_ad.make_dual(y, sum(terms[1:], terms[0]))


def conv_transpose2d(input, weight, bias=None, stride=1, padding=0, output_padding=0, groups=1, dilation=1):
    """torch.nn.functional.conv_transpose2d.

    input : tensor of shape (N, C_in, H, W) or (C_in, H, W), on the CPU or on a CUDA device, contiguous or channels_last as the
        result then is; of float32, float64, float16 or bfloat16
    weight : tensor of shape (C_in, C_out/groups, kH, kW)
    bias : tensor of shape (C_out,), or None

    Under torch.autocast all three are cast to its type, as torch does; on a device to float32, where this build has no kernels
    of that type. In float32 TF32 is used on devices where torch lets cuDNN use it: torch.backends.cudnn.conv.fp32_precision
    is "tf32", or allow_tf32 is True, which is torch's default.

    Raises ValueError for sizes that do not fit and tensors in different places, TypeError for element types that do not,
    NotImplementedError where this build has no kernel.
    """
    if input.dim() not in (3, 4):
        raise ValueError(f"input has shape {tuple(input.shape)}; it must have 4 dimensions, or 3 for one image")
    if weight.dim() != 4:
        raise ValueError(f"weight has shape {tuple(weight.shape)}; it must have 4 dimensions")
    padding = _pair("padding", padding)
    if min(padding) < 0:
        raise ValueError(f"padding = {padding}; it must be at least 0")
    if groups < 1:
        raise ValueError(f"groups = {groups}; it must be at least 1")
    if (kind := input.device.type) in ("cpu", "cuda") and torch.is_autocast_enabled(kind):
        input, weight, bias = (_as_autocast(tensor, kind) for tensor in (input, weight, bias))
    batch = input if input.dim() == 4 else input.unsqueeze(0)
    sizes = (_pair("stride", stride), padding, _pair("output_padding", output_padding), groups, _pair("dilation", dilation))
    y = _with_tangents(lambda x, w, b: _ops.conv_transpose2d(x, w, b, *sizes), batch, weight, bias)
    return y if input.dim() == 4 else y.squeeze(0)


class ConvTranspose2d(torch.nn.ConvTranspose2d):
    """torch.nn.ConvTranspose2d on tconv's kernels: constructor, parameters, state_dict and initialisation are torch's."""

    def forward(self, input, output_size=None):
        """The layer of `input`, (N, C_in, H, W) or (C_in, H, W); `output_size`, with or without N and C, picks the size
        among those that a convolution of this stride would make the input's size. ValueError outside their range."""
        output_padding = self._output_padding(input, output_size, self.stride, self.padding, self.kernel_size, 2,
                                              self.dilation)
        return conv_transpose2d(input, self.weight, self.bias, self.stride, self.padding, output_padding, self.groups,
                                self.dilation)


def replace(model: torch.nn.Module) -> torch.nn.Module:
    """Makes every torch.nn.ConvTranspose2d of a model a :class:`ConvTranspose2d`, in place, and returns the model.

    The modules stay the objects they are, with their parameters, hooks and mode; only their class changes. Layers of a
    subclass of torch's are left alone, and so are those on a device or of a type that this build has no kernels for.
    """
    for module in model.modules():
        if type(module) is torch.nn.ConvTranspose2d and _has(module.weight.dtype, module.weight.device.type):
            module.__class__ = ConvTranspose2d
    return model
