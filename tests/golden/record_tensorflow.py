"""tf.nn.conv2d_transpose, keras.layers.Conv2DTranspose, keras.ops.conv_transpose and TFLite's interpreter
-> data/tensorflow.npz, data/keras.npz, data/tflite.npz.

Dilated layers run in float32 only: TensorFlow's kernel for float64 has no dilation on the CPU.
"""

import os

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import keras  # noqa: E402
import tensorflow as tf  # noqa: E402

from recorder import Draw, Recorder, arguments, extent  # noqa: E402

LARGEST = 500
PACKAGES = ["tensorflow-cpu", "keras", "numpy"]


def differentiate(layer, x, w):
    x, w = tf.Variable(x), tf.Variable(w)
    tape = tf.GradientTape()
    with tape:
        y = layer(x, w)
    return y.numpy(), lambda dy: tuple(g.numpy() for g in tape.gradient(y, (x, w), tf.constant(dy)))


def run_tensorflow(args, x, w, b):
    assert b is None
    size = args["output_shape"]
    rest = {name: value for name, value in args.items() if name != "output_shape"}
    return differentiate(
        lambda x, w: tf.nn.conv2d_transpose(x, w, [x.shape[0], *size, w.shape[2]], **rest), x, w
    )


def run_keras(args, x, w, b):
    args = dict(args)
    for name, value in args.items():
        args[name] = tuple(value) if isinstance(value, list) else value
    if args.pop("api") == "ops":
        assert b is None
        return differentiate(lambda x, w: keras.ops.conv_transpose(x, w, **args), x, w)
    layer = keras.layers.Conv2DTranspose(w.shape[2], w.shape[:2], use_bias=b is not None, dtype=str(x.dtype), **args)
    layer.build(x.shape)
    layer.set_weights([w] if b is None else [w, b])
    return layer(x).numpy()


def run_tflite(args, x, w, b):
    size = args["output_shape"]

    @tf.function(input_signature=[tf.TensorSpec(x.shape, x.dtype)])
    def layer(x):
        y = tf.nn.conv2d_transpose(x, w.transpose(1, 2, 0, 3), [x.shape[0], *size, w.shape[0]],
                                   strides=args["stride"], padding=args["padding"])  # fmt: skip
        return y if b is None else y + b

    converter = tf.lite.TFLiteConverter.from_concrete_functions([layer.get_concrete_function()])
    # Without its default delegate: XNNPACK crashes while it prepares some of these layers (K 4, stride 4, I 1, O 2).
    interpreter = tf.lite.Interpreter(
        model_content=converter.convert(), num_threads=1,
        experimental_op_resolver_type=tf.lite.experimental.OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
    )  # fmt: skip
    assert any(op["op_name"] == "TRANSPOSE_CONV" for op in interpreter._get_ops_details())
    interpreter.allocate_tensors()
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], x)
    interpreter.invoke()
    return interpreter.get_tensor(interpreter.get_output_details()[0]["index"])


def add_tensorflow(recorder, group, x, w, **args):
    dilated = args.get("dilations", 1) not in (1, [1, 1])
    recorder.add(group, args, x, w, False, **({"dtypes": ["float32"]} if dilated else {}))


def record_tensorflow(count):
    recorder = Recorder("tensorflow", PACKAGES, run_tensorflow, script="tensorflow")

    def add(group, x, w, **args):
        add_tensorflow(recorder, group, x, w, **args)

    for stride in (1, 2, 3):
        for kernel in (1, 2, 3, 4):
            for size in range(3 * stride - stride, 3 * stride + 2):  # ceil(O / s) = I holds for s of them
                add("T6_same_needs_the_size", (1, 3, 3, 1), (kernel, 3, 1, 1), strides=[stride, 2], padding="SAME", output_shape=[size, 6])
            full = extent(3, kernel, stride, 1)
            for size in range(full - 1, full + stride + 1):
                add("T1_valid", (1, 3, 3, 1), (kernel, 3, 1, 1), strides=[stride, 2], padding="VALID", output_shape=[size, 7])
    for pads in ([1, 0, 0, 1], [1, 1, 2, 0], [2, 1, 0, 0]):
        for size in range(3, 9):
            add("T1_explicit", (1, 3, 3, 2), (3, 3, 1, 2), strides=[2, 2], padding=[[0, 0], pads[:2], pads[2:], [0, 0]],
                output_shape=[size, size])  # fmt: skip
    for dilation in (2, 3):
        for padding in ("SAME", "VALID"):
            for size in range(4, 12):
                add("T1_dilations", (1, 3, 3, 1), (2, 3, 1, 1), strides=2, padding=padding, dilations=dilation, output_shape=[size, size])
    for args in ({"strides": [0, 1]}, {"strides": [-1, 1]}, {"padding": "FULL"}, {"output_shape": [0, 5]},
                 {"dilations": 0}, {"padding": [[0, 0], [-1, 0], [0, 0], [0, 0]]}):  # fmt: skip
        add("refusals", (1, 3, 3, 1), (3, 3, 1, 1), **{"strides": [1, 1], "padding": "VALID", "output_shape": [5, 5], **args})
    add("refusals", (1, 3, 3, 2), (3, 3, 1, 1), strides=[1, 1], padding="VALID", output_shape=[5, 5])
    add("refusals", (3, 3, 1), (3, 3, 1, 1), strides=[1, 1], padding="VALID", output_shape=[5, 5])
    draw = Draw(7)
    target = recorder.counts["accepted"] + count
    while recorder.counts["accepted"] < target:
        (ih, kh, sh, dh), (iw, kw, sw, dw) = (draw.axis(dilations=(1, 1, 1, 1, 1, 1, 2)) for _ in "hw")
        inputs, outputs, _ = draw.channels((1,))
        args = {"strides": [sh, sw], "padding": draw.pick("SAME", "VALID")}
        if (dh, dw) != (1, 1):
            args["dilations"] = [dh, dw]
        beyond = draw.pick(0, 0, 0, 0, 1)
        args["output_shape"] = [
            draw.range(s * (i - 1) + 1 - beyond, s * i + beyond) if args["padding"] == "SAME"
            else extent(i, k, s, d) + draw.range(-beyond, s - 1 + beyond)
            for i, k, s, d in ((ih, kh, sh, dh), (iw, kw, sw, dw))
        ]  # fmt: skip
        batch = draw.batch()
        if args["output_shape"][0] * args["output_shape"][1] * outputs * batch > LARGEST:
            continue
        add("random", (batch, ih, iw, inputs), (kh, kw, outputs, inputs), **args)
    recorder.finish()


def record_keras(count):
    recorder = Recorder("keras", PACKAGES, run_keras, script="tensorflow")

    def add(group, x, w, bias=False, **args):
        dilated = args.get("dilation_rate", 1) not in (1, [1, 1])
        recorder.add(group, args, x, w, bias, **({"dtypes": ["float32"]} if dilated else {}))

    for api in ("layer", "ops"):
        for padding in ("same", "valid"):
            for stride in (1, 2, 3):
                for kernel in (1, 2, 3, 4, 5):
                    for extra in (None, *range(-1, stride + 1)):
                        add("T6_output_padding_0_is_not_None", (1, 3, 3, 1), (kernel, kernel, 1, 1), api=api, strides=stride,
                            padding=padding, output_padding=extra)  # fmt: skip
            for stride, dilation in ((1, 2), (1, 3), (2, 2), ([1, 2], [2, 1])):
                for extra in (None, 0):
                    add("T1_dilation_rate", (1, 3, 3, 1), (3, 2, 1, 1), api=api, strides=stride, padding=padding,
                        output_padding=extra, dilation_rate=dilation)  # fmt: skip
        for args in ({"strides": 0}, {"padding": "full"}, {"dilation_rate": 0}, {"strides": [1, 1, 1]}):
            add("refusals", (1, 3, 3, 1), (3, 3, 1, 1), **{"api": api, "strides": 1, "padding": "valid", **args})
    draw = Draw(8)
    target = recorder.counts["accepted"] + count
    while recorder.counts["accepted"] < target:
        (ih, kh, sh, dh), (iw, kw, sw, dw) = (draw.axis(dilations=(1, 1, 1, 2)) for _ in "hw")
        if draw.chance(0.8):
            dh = dw = 1
        else:
            sh = sw = 1
        inputs, outputs, _ = draw.channels((1,))
        args = {"api": draw.pick("layer", "ops"), "strides": [sh, sw], "padding": draw.pick("same", "valid")}
        if (dh, dw) != (1, 1):
            args["dilation_rate"] = [dh, dw]
        if draw.chance(0.5):
            args["output_padding"] = [draw.range(0, s - draw.pick(0, 1, 1, 1, 1)) for s in (sh, sw)]
        batch = draw.batch()
        if (extent(ih, kh, sh, dh) + sh) * (extent(iw, kw, sw, dw) + sw) * outputs * batch > LARGEST:
            continue
        bias = draw.pick(0, 1) * outputs if args["api"] == "layer" else 0
        add("random", (batch, ih, iw, inputs), (kh, kw, outputs, inputs), bias, **args)
    recorder.finish()


def record_tflite(count):
    """Sizes that the converter passes on; the arguments are those of the operator, the filter is (O, H, W, I)."""
    recorder = Recorder("tflite", PACKAGES, run_tflite, dtypes=("float32",), script="tensorflow")
    draw = Draw(9)
    while recorder.counts["accepted"] < count:
        (ih, kh, sh, _), (iw, kw, sw, _) = draw.axis(), draw.axis()
        inputs, outputs, _ = draw.channels((1,))
        args = {"stride": [sh, sw], "padding": draw.pick("SAME", "VALID")}
        args["output_shape"] = [
            draw.range(s * (i - 1) + 1, s * i) if args["padding"] == "SAME" else extent(i, k, s, 1) + draw.range(0, s - 1)
            for i, k, s in ((ih, kh, sh), (iw, kw, sw))
        ]
        batch = draw.batch()
        if args["output_shape"][0] * args["output_shape"][1] * outputs * batch > LARGEST:
            continue
        recorder.add("random", args, (batch, ih, iw, inputs), (outputs, kh, kw, inputs), draw.pick(0, 1, 1) * outputs)
    recorder.finish()


def main():
    options = arguments(__doc__)
    record_tensorflow(options.random)
    record_keras(options.random)
    record_tflite(options.random)


if __name__ == "__main__":
    main()
