"""Layers as other frameworks describe them: each function gives the tconv.Spec of a framework's own parameters.

All take `sizes` first, a Spec (or its keyword arguments, as a dict) with what the arrays say: batch, in_channels,
out_channels, in_size, kernel, and layout, dtype, bias, activation as wanted. Its stride, pads, output_padding and dilation
do not count: the framework's parameters set them. Each function raises ValueError, with the parameter, its value and what
the framework allows, where the framework itself would refuse; TypeError for a parameter that is no number.

    spec = tconv.profiles.onnx({"in_channels": 8, "out_channels": 4, "in_size": (5, 5), "kernel": 3},
                               strides=2, auto_pad="SAME_UPPER")

Weights are packed with the order of their axes: plan.pack(w, filter_layout) with

    "iohw"   PyTorch, Chainer, Paddle, ONNX, OpenVINO
    "hwio"   numpy-ml; JAX with transpose_kernel=False, which turns them: plan.pack(w[::-1, ::-1], "hwio")
    "hwoi"   TensorFlow, Keras; JAX with transpose_kernel=True
    "ohwi"   TFLite
"""

from tconv import _core

_PADDING = {"EXPLICIT": 0, "SAME": 1, "VALID": 2}
_AUTO_PAD = {"NOTSET": 0, "EXPLICIT": 0, "SAME_UPPER": 1, "SAME_LOWER": 2, "VALID": 3}
_RULES = {"spec": 0, "ort": 1}


def _spec(sizes) -> _core.Spec:
    return sizes if isinstance(sizes, _core.Spec) else _core.Spec(**sizes)


def _pair(name, value):
    if isinstance(value, str) or value is None:
        raise TypeError(f"{name} = {value!r}; it must be one integer or two (height, width)")
    values = tuple(value) if hasattr(value, "__len__") else (value, value)
    if len(values) != 2:
        raise ValueError(f"{name} = {value!r}; it must be one integer or two (height, width)")
    return values


def _choice(name, value, choices):
    key = value.upper() if isinstance(value, str) and choices is not _RULES else value
    if key not in choices:
        raise ValueError(f"{name} = {value!r}; it must be one of: {', '.join(map(repr, choices))}")
    return choices[key]


def _optional(name, value):
    return {} if value is None else {f"has_{name}": 1, name: _pair(name, value)}


def _numbers(name, value):
    """One number, or two or four in a sequence, as the count and the four fields of the C struct."""
    values = tuple(value) if hasattr(value, "__len__") else (value,)
    if len(values) not in (2, 4) and hasattr(value, "__len__"):
        raise ValueError(f"{name} = {value!r}; it must be one, two or four integers")
    return len(values), values + (0,) * (4 - len(values))


def torch(sizes, *, stride=1, padding=0, output_padding=0, groups=1, dilation=1, output_size=None) -> _core.Spec:
    """torch.nn.ConvTranspose2d; `output_size` is that of its forward: from the size without output_padding up to stride - 1
    more, and output_padding is not read with it."""
    return _core.profiles.torch(_spec(sizes), {
        "stride": _pair("stride", stride), "padding": _pair("padding", padding), "groups": groups,
        "output_padding": _pair("output_padding", output_padding), "dilation": _pair("dilation", dilation),
        **_optional("output_size", output_size)})


def chainer(sizes, *, stride=1, pad=0, outsize=None, dilate=1, groups=1) -> _core.Spec:
    """chainer.functions.deconvolution_2d; `outsize` may be less than a stride away from the default, either way."""
    return _core.profiles.chainer(_spec(sizes), {
        "stride": _pair("stride", stride), "pad": _pair("pad", pad), "dilate": _pair("dilate", dilate), "groups": groups,
        **_optional("outsize", outsize)})


def paddle(sizes, *, stride=1, padding=0, output_padding=0, dilation=1, groups=1, output_size=None,
           fluid=False) -> _core.Spec:
    """paddle.nn.Conv2DTranspose: `padding` is "SAME", "VALID" or one, two or four numbers (top, bottom, left, right).
    fluid=True: the older fluid.dygraph.Conv2DTranspose, which knows one or two numbers and no output_padding."""
    named = isinstance(padding, str)
    count, numbers = _numbers("padding", 0 if named else padding)
    return _core.profiles.paddle(_spec(sizes), {
        "stride": _pair("stride", stride), "padding_count": count, "padding": numbers, "groups": groups,
        "padding_algorithm": _choice("padding", padding, _PADDING) if named else 0, "fluid": int(fluid),
        "output_padding": _pair("output_padding", output_padding), "dilation": _pair("dilation", dilation),
        **_optional("output_size", output_size)})


def numpy_ml(sizes, *, stride=1, pad=0, dilation=0) -> _core.Spec:
    """numpy_ml's deconv2D_naive: `pad` is "same" or one, two (rows, columns) or four numbers (top, bottom, left, right),
    of which only the sums count; `dilation` is the number of zeros between taps."""
    named = isinstance(pad, str)
    count, numbers = _numbers("pad", 0 if named else pad)
    return _core.profiles.numpy_ml(_spec(sizes), {
        "stride": stride, "pad_rule": _choice("pad", pad, {"SAME": 1}) if named else 0, "pad_count": count,
        "pad": numbers, "dilation": dilation})


def onnx(sizes, *, strides=1, pads=(0, 0, 0, 0), dilations=1, group=1, output_padding=0, auto_pad="NOTSET",
         output_shape=None, rules="spec") -> _core.Spec:
    """ONNX ConvTranspose: `pads` are (top, left, bottom, right), `output_shape` (rows, columns).
    rules="ort": what ONNX Runtime 1.31 does where it differs from the operator's text."""
    return _core.profiles.onnx(_spec(sizes), {
        "rules": _choice("rules", rules, _RULES), "auto_pad": _choice("auto_pad", auto_pad, _AUTO_PAD),
        "strides": _pair("strides", strides), "dilations": _pair("dilations", dilations), "pads": tuple(pads),
        "output_padding": _pair("output_padding", output_padding), "group": group,
        **_optional("output_shape", output_shape)})


def tensorflow(sizes, *, output_shape, strides=1, padding="SAME", dilations=1) -> _core.Spec:
    """tf.nn.conv2d_transpose: `output_shape` is (rows, columns), `padding` "SAME", "VALID" or (top, bottom, left, right)."""
    named = isinstance(padding, str)
    return _core.profiles.tensorflow(_spec(sizes), {
        "output_shape": _pair("output_shape", output_shape), "strides": _pair("strides", strides),
        "padding": _choice("padding", padding, _PADDING) if named else 0, "paddings": (0,) * 4 if named else tuple(padding),
        "dilations": _pair("dilations", dilations)})


def keras(sizes, *, strides=1, padding="valid", output_padding=None, dilation_rate=1, torch_legacy=False) -> _core.Spec:
    """keras.layers.Conv2DTranspose: an `output_padding` of 0 is not the same as None. torch_legacy=True: as Keras computed
    on torch before May 2026, one pixel off for some sizes."""
    return _core.profiles.keras(_spec(sizes), {
        "strides": _pair("strides", strides), "padding": _choice("padding", padding, {"SAME": 1, "VALID": 2}),
        "dilation_rate": _pair("dilation_rate", dilation_rate), "torch_legacy": int(torch_legacy),
        **_optional("output_padding", output_padding)})


def tflite(sizes, *, output_shape, stride=1, padding="SAME") -> _core.Spec:
    """TFLite's TRANSPOSE_CONV: `output_shape` is (rows, columns)."""
    return _core.profiles.tflite(_spec(sizes), {
        "output_shape": _pair("output_shape", output_shape), "stride": _pair("stride", stride),
        "padding": _choice("padding", padding, {"SAME": 1, "VALID": 2})})


def jax(sizes, *, strides=1, padding="SAME", rhs_dilation=1, use_consistent_padding=False) -> _core.Spec:
    """jax.lax.conv_transpose: `padding` is "SAME", "VALID" or ((low, high), (low, high)) of any sign. transpose_kernel is
    a matter of the weights, see above."""
    named = isinstance(padding, str)
    pads = (0,) * 4 if named else tuple(number for axis in padding for number in _pair("padding", axis))
    return _core.profiles.jax(_spec(sizes), {
        "strides": _pair("strides", strides), "padding": _choice("padding", padding, _PADDING) if named else 0,
        "pads": pads, "rhs_dilation": _pair("rhs_dilation", rhs_dilation),
        "use_consistent_padding": int(use_consistent_padding)})


def openvino(sizes, *, strides=1, pads_begin=0, pads_end=0, dilations=1, auto_pad="explicit", output_padding=0,
             output_shape=None) -> _core.Spec:
    """OpenVINO's ConvolutionBackpropData and GroupConvolutionBackpropData (groups in `sizes`)."""
    return _core.profiles.openvino(_spec(sizes), {
        "strides": _pair("strides", strides), "pads_begin": _pair("pads_begin", pads_begin),
        "pads_end": _pair("pads_end", pads_end), "dilations": _pair("dilations", dilations),
        "auto_pad": _choice("auto_pad", auto_pad, _AUTO_PAD), "output_padding": _pair("output_padding", output_padding),
        **_optional("output_shape", output_shape)})
