"""The operators torch.ops.tconv.*: opaque to torch.compile, with the shapes of their results for it to plan with, and with
derivatives that are the same operators again.

T is linear in input and weight. With I and F for its gradients of input and weight, and ggx, ggw for gradients of theirs:
I(gy, w) has the derivatives T(ggx, w) and F(ggx, gy), F(x, gy) has I(gy, ggw) and T(x, ggw).

Tensors on a CUDA device are computed there, on the stream that is current.
"""

import contextlib

import torch

from tconv import _devices, _functional

DTYPES = {torch.float32: "float32", torch.float64: "float64", torch.float16: "float16", torch.bfloat16: "bfloat16"}

_PARAMETERS = "int[2] stride, int[2] padding, SymInt[2] output_padding, SymInt groups, int[2] dilation"


def is_channels_last(x: torch.Tensor) -> bool:
    """Whether x lies in memory as (N, H, W, C), and not also as (N, C, H, W): torch's own rule of preference."""
    return x.is_contiguous(memory_format=torch.channels_last) and not x.is_contiguous()


def output_shape(x, w, stride, padding, output_padding, groups, dilation):
    """The shape of the result, which may hold symbols while torch.compile traces."""
    sizes = [(x.shape[i + 2] - 1) * stride[i] - 2 * padding[i] + dilation[i] * (w.shape[i + 2] - 1) + 1 + output_padding[i]
             for i in range(2)]
    return (x.shape[0], w.shape[1] * groups, *sizes)


def empty_as(x, shape):
    """An empty tensor that lies in memory as x does."""
    memory_format = torch.channels_last if is_channels_last(x) else torch.contiguous_format
    return torch.empty(shape, dtype=x.dtype, device=x.device, memory_format=memory_format)


def fields_of(like, x_shape, w_shape, stride, padding, output_padding, groups, dilation, bias=False):
    """The fields of the layer's Spec, in the layout and of the type of one of its tensors."""
    if like.dtype not in DTYPES:
        raise TypeError(f"input is {like.dtype}; tconv has {', '.join(map(str, DTYPES))}")
    return {"batch": x_shape[0], "in_channels": x_shape[1], "out_channels": w_shape[1] * groups,
            "in_size": tuple(x_shape[2:]), "kernel": tuple(w_shape[2:]), "stride": tuple(stride), "pads": tuple(padding),
            "output_padding": tuple(output_padding), "dilation": tuple(dilation), "groups": groups,
            "layout": "nhwc" if is_channels_last(like) else "nchw", "dtype": DTYPES[like.dtype], "bias": bias}


def arranged(tensor, plan):
    """A view without a gradient, its axes in the order that the plan wants."""
    tensor = tensor.detach()
    return tensor.permute(0, 2, 3, 1) if plan.spec.layout == "nhwc" else tensor


def operator(name, arguments):
    """A decorator: the function is the operator tconv::<name> on the CPU and on CUDA devices."""
    return torch.library.custom_op(f"tconv::{name}", mutates_args=(), device_types=("cpu", "cuda"),
                                   schema=f"({arguments}) -> Tensor")


def allows_tf32() -> bool:
    """torch's switch for convolutions on devices: fp32_precision, or allow_tf32 of versions without it."""
    precision = getattr(getattr(torch.backends.cudnn, "conv", None), "fp32_precision", None)
    return torch.backends.cudnn.allow_tf32 if precision is None else precision == "tf32"


def math_on_devices(dtype) -> str:
    """float32 by kernels of TF32 too, where torch lets cuDNN's convolutions use it."""
    return "tf32" if dtype == torch.float32 and allows_tf32() else "fast"


def layer_plan(like, fields):
    """The plan for a layer where the tensor `like` is."""
    if like.device.type == "cpu":
        return _functional.plan_from(torch.get_num_threads(), **fields)
    return _devices.plan_from(like.device.index, math=math_on_devices(like.dtype), **fields)


def gradient_plan(of, like, fields):
    """The plan for the gradient of the "input", the "filter" or the "bias" where the tensor `like` is."""
    if like.device.type == "cpu":
        return _functional.gradient_plan_from(of, torch.get_num_threads(), **fields)
    return _devices.gradient_plan_from(of, like.device.index, math=math_on_devices(like.dtype), **fields)


def entered(tensor):
    """A context in which a tensor's device, if it is on one, is torch's current one."""
    return contextlib.nullcontext() if tensor.device.type == "cpu" else _devices.entered(tensor)


# ---- The layer ------------------------------------------------------------------------------------------------------


@operator("conv_transpose2d", f"Tensor input, Tensor weight, Tensor? bias, {_PARAMETERS}")
def conv_transpose2d(input, weight, bias, *parameters):
    if input.shape[1] != weight.shape[0]:
        raise ValueError(f"input has {input.shape[1]} channels; weight of shape {tuple(weight.shape)} needs {weight.shape[0]}")
    with entered(input):
        plan = layer_plan(input, fields_of(input, input.shape, weight.shape, *parameters, bias=bias is not None))
        y = empty_as(input, output_shape(input, weight, *parameters))
        plan.run(arranged(input, plan), plan.pack(weight.detach()), None if bias is None else bias.detach().contiguous(),
                 arranged(y, plan))
    return y


@conv_transpose2d.register_fake
def _(input, weight, bias, *parameters):
    return empty_as(input, output_shape(input, weight, *parameters))


# ---- Its gradients --------------------------------------------------------------------------------------------------


@operator("input_gradient", f"Tensor output_gradient, Tensor weight, SymInt[2] in_size, {_PARAMETERS}")
def input_gradient(output_gradient, weight, in_size, *parameters):
    shape = (output_gradient.shape[0], weight.shape[0], *in_size)
    with entered(output_gradient):
        plan = gradient_plan("input", output_gradient, fields_of(output_gradient, shape, weight.shape, *parameters))
        gx = empty_as(output_gradient, shape)
        plan.run(arranged(output_gradient, plan), plan.pack(weight.detach()), out=arranged(gx, plan))
    return gx


@input_gradient.register_fake
def _(output_gradient, weight, in_size, *parameters):
    return empty_as(output_gradient, (output_gradient.shape[0], weight.shape[0], *in_size))


def filter_shape(input, output_gradient, kernel, groups):
    return (input.shape[1], output_gradient.shape[1] // groups, *kernel)


@operator("filter_gradient", f"Tensor input, Tensor output_gradient, SymInt[2] kernel, {_PARAMETERS}")
def filter_gradient(input, output_gradient, kernel, stride, padding, output_padding, groups, dilation):
    shape = filter_shape(input, output_gradient, kernel, groups)
    with entered(input):
        plan = gradient_plan("filter", input, fields_of(input, input.shape, shape, stride, padding, output_padding, groups,
                                                        dilation))
        gw = torch.empty(shape, dtype=input.dtype, device=input.device)
        plan.run(arranged(output_gradient, plan), x=arranged(input, plan), out=gw)
    return gw


@filter_gradient.register_fake
def _(input, output_gradient, kernel, stride, padding, output_padding, groups, dilation):
    return input.new_empty(filter_shape(input, output_gradient, kernel, groups))


@operator("bias_gradient", "Tensor output_gradient")
def bias_gradient(output_gradient):
    # Which layer it was does not matter: one of 1 x 1 taps has the same output.
    gy = output_gradient
    fields = fields_of(gy, (gy.shape[0], 1, *gy.shape[2:]), (1, gy.shape[1], 1, 1), (1, 1), (0, 0), (0, 0), 1, (1, 1))
    with entered(gy):
        plan = gradient_plan("bias", gy, fields)
        gb = torch.empty(gy.shape[1], dtype=gy.dtype, device=gy.device)
        plan.run(arranged(gy, plan), out=gb)
    return gb


@bias_gradient.register_fake
def _(output_gradient):
    return output_gradient.new_empty(output_gradient.shape[1])


# ---- The derivatives of all four ------------------------------------------------------------------------------------


def _layer_setup(ctx, inputs, output):
    input, weight, _, *ctx.parameters = inputs
    ctx.save_for_backward(input, weight)


def _layer_backward(ctx, gy):
    input, weight = ctx.saved_tensors
    wanted = ctx.needs_input_grad
    return (input_gradient(gy, weight, input.shape[2:], *ctx.parameters) if wanted[0] else None,
            filter_gradient(input, gy, weight.shape[2:], *ctx.parameters) if wanted[1] else None,
            bias_gradient(gy) if wanted[2] else None, *(None for _ in ctx.parameters))


def _input_gradient_setup(ctx, inputs, output):
    gy, weight, _, *ctx.parameters = inputs
    ctx.save_for_backward(gy, weight)


def _input_gradient_backward(ctx, ggx):
    gy, weight = ctx.saved_tensors
    wanted = ctx.needs_input_grad
    return (conv_transpose2d(ggx, weight, None, *ctx.parameters) if wanted[0] else None,
            filter_gradient(ggx, gy, weight.shape[2:], *ctx.parameters) if wanted[1] else None,
            None, *(None for _ in ctx.parameters))


def _filter_gradient_setup(ctx, inputs, output):
    input, gy, _, *ctx.parameters = inputs
    ctx.save_for_backward(input, gy)


def _filter_gradient_backward(ctx, ggw):
    input, gy = ctx.saved_tensors
    wanted = ctx.needs_input_grad
    return (input_gradient(gy, ggw, input.shape[2:], *ctx.parameters) if wanted[0] else None,
            conv_transpose2d(input, ggw, None, *ctx.parameters) if wanted[1] else None,
            None, *(None for _ in ctx.parameters))


def _bias_gradient_setup(ctx, inputs, output):
    ctx.shape = inputs[0].shape


def _bias_gradient_backward(ctx, ggb):
    return ggb[:, None, None].expand(ctx.shape)


conv_transpose2d.register_autograd(_layer_backward, setup_context=_layer_setup)
input_gradient.register_autograd(_input_gradient_backward, setup_context=_input_gradient_setup)
filter_gradient.register_autograd(_filter_gradient_backward, setup_context=_filter_gradient_setup)
bias_gradient.register_autograd(_bias_gradient_backward, setup_context=_bias_gradient_setup)
