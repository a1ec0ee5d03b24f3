"""conv_transpose2d on arrays, with plans remembered from call to call."""

import contextlib
import functools
import operator

from tconv import _arrays, _core, _devices
from tconv._threads import default_threads

# Plans are a few hundred bytes and one workspace, usually below a megabyte.
PLANS = 256


@functools.lru_cache(maxsize=PLANS)
def plan_of(spec, threads: int, kernel: str | None = None) -> _core.Plan:
    """The plan for a spec, made once for each of the last ``PLANS`` specs."""
    return _core.Plan(spec, threads=threads, kernel=kernel)


# Making a Spec checks and names it, which takes longer than looking it up by the arguments. Typed, for 2.0 and True equal 2
# and 1, but a Spec refuses them.
@functools.lru_cache(maxsize=PLANS, typed=True)
def plan_from(threads: int, **fields) -> _core.Plan:
    return plan_of(_core.Spec(**fields), threads)


@functools.lru_cache(maxsize=PLANS, typed=True)
def gradient_plan_from(of: str, threads: int, **fields) -> _core.GradientPlan:
    """The plan for the gradient of the "input", the "filter" or the "bias" of a layer, likewise remembered."""
    return _core.GradientPlan(_core.Spec(**fields), of, threads)


def forget_plans() -> None:
    """Lets go of all remembered plans, their workspaces and their threads."""
    plan_from.cache_clear()
    gradient_plan_from.cache_clear()
    _devices.plan_from.cache_clear()
    _devices.gradient_plan_from.cache_clear()
    plan_of.cache_clear()


FILTER_AXES = {"iohw": (0, 1, 2, 3), "hwio": (2, 3, 0, 1), "hwoi": (3, 2, 0, 1), "ohwi": (3, 0, 1, 2)}


def filter_sizes(w, filter_layout: str) -> tuple[int, int, int, int]:
    """C_in, C_out/groups, kH, kW of a filter array."""
    axes = FILTER_AXES.get(filter_layout)
    if axes is None:
        raise ValueError(f"filter_layout = {filter_layout!r}; it must be one of: {', '.join(FILTER_AXES)}")
    shape = _arrays.shape_of("w", w)
    if len(shape) != 4:
        raise ValueError(f"w has shape {shape}; it must have 4 dimensions, {', '.join(filter_layout)}")
    return tuple(shape[axis] for axis in axes)


def image_sizes(x, layout: str) -> tuple[int, int, tuple[int, int]]:
    """Batch, channels and (rows, columns) of an input array; three dimensions are one image."""
    shape = _arrays.shape_of("x", x)
    if len(shape) not in (3, 4):
        raise ValueError(f"x has shape {shape}; it must have 4 dimensions, or 3 for one image")
    batch = shape[0] if len(shape) == 4 else 1
    if layout == "nchw":
        return batch, shape[-3], shape[-2:]
    if layout == "nhwc":
        return batch, shape[-1], shape[-3:-1]
    raise ValueError(f"layout = {layout!r}; it must be one of: nchw, nhwc")


def integers(name: str, value, wanted: str = "one integer or two (height, width)"):
    """One integer, or a tuple of several, to look plans up by; TypeError for what only equals integers, as 2.0 does."""
    items = tuple(value) if hasattr(value, "__len__") else (value,)
    if any(type(item) is not int for item in items):
        if any(isinstance(item, bool) or not hasattr(item, "__index__") for item in items):
            raise TypeError(f"{name} = {value!r}; it must be {wanted}")
        items = tuple(map(operator.index, items))
    return items if hasattr(value, "__len__") else items[0]


def conv_transpose2d(x, w, b=None, stride=1, padding=0, output_padding=0, groups=1, dilation=1, *, layout="nchw",
                     filter_layout="iohw", activation="none", act_alpha=0.0, act_beta=0.0, softmax_axis="channel",
                     slope=None, residual=None, residual_position="after", math="fast", threads=None, out=None):
    """Transposed convolution of images: ``activation(conv_transpose2d(x, w) + b)``.

    Arrays are NumPy's, or of any framework with DLPack on the CPU; the result is of the framework of `x`. Those of PyTorch
    and CuPy may also be on a CUDA device, all on one: the layer is computed there, on the stream that is current. Tensors of
    PyTorch that require grad are refused: tconv.torch has gradients.

    Parameters
    ----------
    x : array of shape (N, C_in, H, W), with ``layout="nhwc"`` (N, H, W, C_in), or one image without N
    w : array of shape (C_in, C_out/groups, kH, kW) whatever the layout; ``filter_layout`` "hwio", "hwoi" and "ohwi" say
        that its axes are in another order
    b : array of shape (C_out,), or None; on a device contiguous, as `slope`
    stride, padding, output_padding, dilation : int or (int, int), as in torch.nn.ConvTranspose2d; `padding` also as
        (top, left, bottom, right), negative where the output is to grow
    groups : int
    activation : "none", "relu", "leaky_relu" (slope act_alpha), "clip" (act_alpha to act_beta), "sigmoid", "tanh", "elu"
        (act_alpha), "gelu", "gelu_tanh", "silu", "hard_swish", "hard_sigmoid", "softplus", "prelu" (`slope`) or
        "softmax" (along softmax_axis, "channel" or "last")
    slope : array of shape (C_out,), for "prelu" only
    residual : array of the output's shape, added before or after the activation (`residual_position`), or None
    math : "fast", or "strict" for one order of summation in all kernels and layouts; on devices also "tf32", which lets
        float32 layers round factors to 11 bits
    threads : int, of the CPU; None is ``TCONV_NUM_THREADS``, else the number of physical cores
    out : array of the output's shape to write to, of any strides that are not negative; None allocates one

    Returns
    -------
    y : array of shape (N, C_out, H_out, W_out) or (N, H_out, W_out, C_out), `out` if that is given;
        H_out = (H - 1)*stride - top - bottom + dilation*(kH - 1) + 1 + output_padding, columns alike

    Raises
    ------
    TypeError : something is no array, or of another element type than `x`; `x` is of one that tconv does not compute
    ValueError : shapes or numbers that do not fit; the message names the argument, its value and what is allowed
    NotImplementedError : this build has no kernel for the element type, or none for devices
    RuntimeError : the driver or the device refuses
    """
    device = _arrays.device_of(x)
    with contextlib.nullcontext() if device is None else _devices.entered(x):
        batch, channels, in_size = image_sizes(x, layout)
        c_in, per_group, *kernel = filter_sizes(w, filter_layout)
        if c_in != channels:
            raise ValueError(f"x has {channels} channels; w with {c_in} input channels needs as many")
        # What is no number of groups the Spec refuses by that name.
        outputs = per_group * groups if hasattr(groups, "__index__") and groups > 0 else per_group
        pads = integers("padding", padding, "one integer, two (height, width) or four (top, left, bottom, right)")
        fields = {
            "batch": batch, "in_channels": channels, "out_channels": outputs, "in_size": in_size,
            "kernel": tuple(kernel), "stride": integers("stride", stride), "pads": pads,
            "output_padding": integers("output_padding", output_padding), "dilation": integers("dilation", dilation),
            "groups": groups, "layout": layout, "dtype": _core.dtype_of("x", x),
            "bias": b is not None, "activation": activation, "act_alpha": act_alpha, "act_beta": act_beta,
            "softmax_axis": softmax_axis, "residual": "none" if residual is None else residual_position, "math": math}
        if device is None:
            plan = plan_from(default_threads() if threads is None else threads, **fields)
        else:
            plan = _devices.plan_from(device, **fields)
        return run(plan, x, w, b, filter_layout=filter_layout, residual=residual, slope=slope, out=out)


def run(plan, x, w, b=None, *, filter_layout="iohw", residual=None, slope=None, out=None):
    """Packs `w` and runs the plan once. The result has as many dimensions as `x`."""
    return plan.run(x, plan.pack(w, filter_layout), b, out, residual, slope)
