"""The operators torch.ops.tconv.*: opaque to torch.compile, with the shapes of their results for it to plan with."""

import torch

from tconv import _functional

DTYPES = {torch.float32: "float32", torch.float64: "float64", torch.float16: "float16", torch.bfloat16: "bfloat16"}

_SIGNATURE = "int[2] stride, int[2] padding, int[2] output_padding, SymInt groups, int[2] dilation"


def is_channels_last(x: torch.Tensor) -> bool:
    """Whether x lies in memory as (N, H, W, C), and not also as (N, C, H, W): torch's own rule of preference."""
    return x.is_contiguous(memory_format=torch.channels_last) and not x.is_contiguous()


def output_shape(x, w, stride, padding, output_padding, groups, dilation):
    """The shape of the result, which may hold symbols while torch.compile traces."""
    sizes = [(x.shape[i + 2] - 1) * stride[i] - 2 * padding[i] + dilation[i] * (w.shape[i + 2] - 1) + 1 + output_padding[i]
             for i in range(2)]
    return (x.shape[0], w.shape[1] * groups, *sizes)


def empty_like_input(x, shape):
    memory_format = torch.channels_last if is_channels_last(x) else torch.contiguous_format
    return torch.empty(shape, dtype=x.dtype, device=x.device, memory_format=memory_format)


def plan_for(x, w, bias: bool, stride, padding, output_padding, groups, dilation):
    """The remembered plan for these tensors, and whether it takes them as (N, H, W, C)."""
    if x.dtype not in DTYPES:
        raise TypeError(f"input is {x.dtype}; tconv has {', '.join(map(str, DTYPES))}")
    last = is_channels_last(x)
    plan = _functional.plan_from(
        torch.get_num_threads(), batch=x.shape[0], in_channels=x.shape[1], out_channels=w.shape[1] * groups,
        in_size=tuple(x.shape[2:]), kernel=tuple(w.shape[2:]), stride=tuple(stride), pads=tuple(padding),
        output_padding=tuple(output_padding), dilation=tuple(dilation), groups=groups, layout="nhwc" if last else "nchw",
        dtype=DTYPES[x.dtype], bias=bias)
    return plan, last


def arranged(tensor, last: bool):
    """A view without a gradient, its axes in the order that the plan wants."""
    tensor = tensor.detach()
    return tensor.permute(0, 2, 3, 1) if last else tensor


@torch.library.custom_op("tconv::conv_transpose2d", mutates_args=(), device_types="cpu",
                         schema=f"(Tensor input, Tensor weight, Tensor? bias, {_SIGNATURE}) -> Tensor")
def conv_transpose2d(input, weight, bias, stride, padding, output_padding, groups, dilation):
    if input.shape[1] != weight.shape[0]:
        raise ValueError(f"input has {input.shape[1]} channels; weight of shape {tuple(weight.shape)} needs {weight.shape[0]}")
    plan, last = plan_for(input, weight, bias is not None, stride, padding, output_padding, groups, dilation)
    y = empty_like_input(input, output_shape(input, weight, stride, padding, output_padding, groups, dilation))
    plan.run(arranged(input, last), plan.pack(weight.detach()), None if bias is None else bias.detach().contiguous(),
             arranged(y, last))
    return y


@conv_transpose2d.register_fake
def _(input, weight, bias, stride, padding, output_padding, groups, dilation):
    return empty_like_input(input, output_shape(input, weight, stride, padding, output_padding, groups, dilation))
