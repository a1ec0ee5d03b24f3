"""The arguments of a golden case as the struct of a C profile. fill(params, args, constant) for each framework.

A profile takes numbers: which forms an argument may have (int, pair, string, ...) is for the Python package to know.
NotInC says that a case is about such a form.
"""


class NotInC(Exception):
    pass


def pair(value):
    if isinstance(value, int):
        return value, value
    if len(value) == 1:
        return value[0], value[0]
    if len(value) != 2:
        raise NotInC(f"{value} is no pair")
    return tuple(value)


def set_pair(params, field, args, name=None):
    if args.get(name or field) is not None:
        getattr(params, field)[:] = pair(args[name or field])


def set_size(params, field, args):
    if args.get(field) is not None:
        setattr(params, "has_" + field, 1)
        set_pair(params, field, args)


def enumerator(constant, prefix, name):
    try:
        return constant(prefix + name.upper())
    except KeyError:
        raise NotInC(f"{name} is no enumerator") from None


def torch(params, args, constant):
    if args.get("padding_mode", "zeros") != "zeros":
        raise NotInC("padding_mode")
    if len(args.get("output_size", (1, 1))) != 2:
        raise NotInC("output_size with batch and channels")
    for field in ("stride", "padding", "output_padding", "dilation"):
        set_pair(params, field, args)
    set_size(params, "output_size", args)


def chainer(params, args, constant):
    if "deterministic" in args:
        raise NotInC("deterministic")
    if len(args.get("outsize", (1, 1))) != 2:
        raise NotInC("outsize")
    for field in ("stride", "pad", "dilate"):
        set_pair(params, field, args)
    set_size(params, "outsize", args)


def paddle(params, args, constant):
    for field in ("stride", "output_padding", "dilation"):
        set_pair(params, field, args)
    padding = args.get("padding", 0)
    if args.get("output_padding", 0) != 0 and "output_size" in args:
        set_pair(params, "output_padding", args)
    set_size(params, "output_size", args)
    if isinstance(padding, str):
        params.padding_algorithm = enumerator(constant, "PADDING_", padding)
        return
    if isinstance(padding, int):
        padding = [padding]
    elif len(padding) == 4 and isinstance(padding[0], list):
        rest, spatial = padding[:2], padding[2:]
        if args.get("data_format") == "NHWC":
            rest, spatial = [padding[0], padding[3]], padding[1:3]
        if rest != [[0, 0], [0, 0]]:
            raise NotInC("padding of batch or channels")
        padding = spatial[0] + spatial[1]
    params.padding_count = len(padding)
    if len(padding) not in (1, 2, 4):
        raise NotInC(f"padding {padding}")
    params.padding[: len(padding)] = padding


def fluid(params, args, constant):
    paddle(params, args, constant)
    params.fluid = 1


def numpy_ml(params, args, constant):
    if not isinstance(args["stride"], int):
        raise NotInC("stride")
    params.stride, params.dilation = args["stride"], args.get("dilation", 0)
    pad = args["pad"]
    if isinstance(pad, str):
        params.pad_rule = enumerator(constant, "PADDING_", pad)
        return
    pad = [pad] if isinstance(pad, int) else pad
    if len(pad) not in (2, 4) and pad != [args["pad"]]:
        raise NotInC(f"pad {pad}")
    params.pad_count = len(pad)
    params.pad[: len(pad)] = pad


def set_pads(params, args):
    if len(args.get("pads", (0,) * 4)) != 4:
        raise NotInC("pads")
    params.pads[:] = args.get("pads", (0,) * 4)


def onnx(params, args, constant):
    if any(len(args.get(name, (0, 0))) != 2 for name in ("strides", "dilations", "output_padding", "output_shape")):
        raise NotInC("lengths")
    if "kernel_shape" in args:
        raise NotInC("kernel_shape")
    params.auto_pad = enumerator(constant, "AUTO_PAD_", args.get("auto_pad", "NOTSET"))
    for field in ("strides", "dilations", "output_padding"):
        set_pair(params, field, args)
    set_pads(params, args)
    set_size(params, "output_shape", args)


def onnxruntime(params, args, constant):
    onnx(params, args, constant)
    params.rules = constant("ONNX_ORT_1_31")


def tensorflow(params, args, constant):
    for field in ("strides", "dilations", "output_shape"):
        set_pair(params, field, args)
    if isinstance(args["padding"], str):
        params.padding = enumerator(constant, "PADDING_", args["padding"])
        return
    params.padding = constant("PADDING_EXPLICIT")
    params.paddings[:] = args["padding"][1] + args["padding"][2]


def tflite(params, args, constant):
    for field in ("stride", "output_shape"):
        set_pair(params, field, args)
    params.padding = enumerator(constant, "PADDING_", args["padding"])


def keras(params, args, constant):
    for field in ("strides", "dilation_rate"):
        set_pair(params, field, args)
    set_size(params, "output_padding", args)
    params.padding = enumerator(constant, "PADDING_", args["padding"])


def jax(params, args, constant):
    if len(args["strides"]) != 2 or len(args["padding"]) == 1:
        raise NotInC("lengths")
    for field in ("strides", "rhs_dilation"):
        set_pair(params, field, args)
    params.use_consistent_padding = int(args.get("use_consistent_padding", False))
    if isinstance(args["padding"], str):
        params.padding = enumerator(constant, "PADDING_", args["padding"])
        return
    params.padding = constant("PADDING_EXPLICIT")
    params.pads[:] = args["padding"][0] + args["padding"][1]


def openvino(params, args, constant):
    if len(args["strides"]) != 2 or len(args.get("output_shape", (0, 0))) != 2:
        raise NotInC("lengths")
    for field in ("strides", "dilations", "pads_begin", "pads_end", "output_padding"):
        set_pair(params, field, args)
    auto_pad = {"explicit": "NOTSET"}.get(args.get("auto_pad", "explicit"), args.get("auto_pad"))
    params.auto_pad = enumerator(constant, "AUTO_PAD_", auto_pad)
    set_size(params, "output_shape", args)
