"""Where a framework does otherwise than tconv's profile of it, and why tconv does what it does.

Each case of a golden file that a Deviation applies to must really differ: what a later version mends has to go from here.
With sometimes=True a class is named in which the framework is right by luck now and then: one case has to differ.
"""

from dataclasses import dataclass
from typing import Callable

import formulas


@dataclass(frozen=True)
class Deviation:
    name: str
    tconv: str  # what tconv does instead
    applies: Callable  # of a case
    sometimes: bool = False
    geometry: Callable | None = None  # what the framework does there, if that is a crop and a size too


def empty_result(case):
    return 0 in case.get("y", ())[-3:] and 0 not in case["x"]


def beyond_full_scatter(case):
    """ONNX: an axis where SAME or output_shape asks for more than the full scatter has."""
    args = case["args"]
    if not ("output_shape" in args or args.get("auto_pad", "").startswith("SAME")):
        return False
    ones, zeros = (1, 1), (0, 0)
    strides, dilations = args.get("strides", ones), args.get("dilations", ones)
    sizes = args.get("output_shape", [i * s for i, s in zip(case["x"][2:], strides)])
    axes = zip(case["x"][2:], case["w"][2:], strides, dilations, args.get("output_padding", zeros), sizes)
    return any(s * (i - 1) + d * (k - 1) + 1 + e < o for i, k, s, d, e, o in axes)


def padding_from_stride_on(case):
    return any(e >= s for e, s in zip(case["args"].get("output_padding", ()), case["args"].get("strides", ())))


def keras_same_without_a_row(case):
    """Keras: an even kernel and an output_padding of 0 on some axis, so that the size is (I - 1)*s."""
    args = case["args"]
    extra = args.get("output_padding")
    if args["padding"] != "same" or extra is None:
        return False
    extra, dilations = (v if isinstance(v, list) else [v, v] for v in (extra, args.get("dilation_rate", 1)))
    return any((d * (k - 1) + 1) % 2 + e == 0 for k, d, e in zip(case["w"][:2], dilations, extra))


def keras_padding_of_a_stride(case):
    extra, strides = (v if isinstance(v, list) else [v, v] for v in (case["args"].get("output_padding"), case["args"]["strides"]))
    return "y" in case and None not in extra and any(e >= s for e, s in zip(extra, strides))


def openvino_plugin_starts_at_pads(case):
    return "output_shape" in case["args"] and not case["args"].get("auto_pad", "explicit").startswith("same") and "y" in case


def wrong_float32_gradient(case):
    return case.get("garbage") == ["dx"] and case["x"][0] == 2 and case["x"][2] == 1 and case["args"]["strides"][0] == 1


def below_kernel(case):
    """TensorFlow: some padded output is smaller than the kernel, though not by a stride."""
    args = case["args"]
    if "error" in case or args["padding"] == "SAME":
        return False
    dilations = args.get("dilations", 1)
    dilations = dilations if isinstance(dilations, list) else [dilations] * 2
    pads = [(0, 0), (0, 0)] if args["padding"] == "VALID" else args["padding"][1:3]
    axes = zip(args["output_shape"], pads, case["w"][:2], dilations)
    return any(o + sum(p) < d * (k - 1) + 1 for o, p, k, d in axes)


DEVIATIONS = {
    "chainer": (
        Deviation(
            "chainer: an outsize of 0 gives an empty array",
            "refuses: an output has at least one row and one column",
            empty_result,
        ),
        Deviation(
            "chainer: a negative pad gives slices counted from the wrong end",
            "refuses",
            lambda case: case["args"].get("pad") == -1,
        ),
    ),
    "numpy_ml": (
        Deviation(
            "numpy_ml: pads that leave nothing give an empty array",
            "refuses: an output has at least one row and one column",
            empty_result,
        ),
        Deviation(
            "numpy_ml: a dilation of -1 makes every tap fall on one place",
            "refuses: a dilation counts zeros between taps",
            lambda case: case["args"].get("dilation") == -1,
        ),
    ),
    "paddle": (
        Deviation(
            "paddle: output_padding from the stride up to the dilation passes the check, then the CPU kernel fails",
            "computes it, by the check: output_padding < max(stride, dilation)",
            lambda case: "are inconsistent" in case.get("error", ""),
        ),
        Deviation(
            "paddle: pads that leave nothing give an empty array",
            "refuses: an output has at least one row and one column",
            empty_result,
        ),
        Deviation(
            "paddle: a dilation of 0 is accepted",
            "refuses: a dilation is at least 1",
            lambda case: case["args"].get("dilation") == 0,
        ),
    ),
    "onnx": (
        Deviation(
            "onnx: the reference evaluator does not check pads, strides, dilations and auto_pad",
            "refuses",
            lambda case: case["group"] == "refusals" and "y" in case and not empty_result(case)
            or "pads" in case["args"] and case["args"].get("auto_pad", "NOTSET") != "NOTSET",
        ),
        Deviation(
            "onnx: the reference evaluator gives an empty array where pads leave nothing",
            "refuses: an output has at least one row and one column",
            empty_result,
        ),
        Deviation(
            "onnx: the reference evaluator fails for a batch of 0",
            "computes nothing and succeeds",
            lambda case: case["x"][0] == 0,
        ),
        Deviation(
            "onnx: the reference evaluator slices the filter of a group by the wrong axis",
            "computes groups as the text says and ONNX Runtime does",
            lambda case: case["args"].get("group", 1) > 1,
            sometimes=True,
        ),
        Deviation(
            "onnx: the reference evaluator takes pads for 0, or for pads, where output_shape asks for others",
            "computes pads from output_shape as the text says and ONNX Runtime does",
            lambda case: "output_shape" in case["args"] and not case["args"].get("auto_pad", "").startswith("SAME"),
            sometimes=True,
        ),
        Deviation(
            "onnx: the reference evaluator refuses output_padding from the stride up to the dilation",
            "computes it: the text asks for less than stride or dilation",
            padding_from_stride_on,
            sometimes=True,
        ),
        Deviation(
            "onnx: beyond the full scatter the reference evaluator starts with negative padding",
            "starts at 0, what is beyond is at the end: the text is silent, ONNX Runtime has no such start",
            beyond_full_scatter,
            sometimes=True,
        ),
    ),
    "keras": (
        Deviation(
            "keras: a size of 0 gives an empty array",
            "refuses: an output has at least one row and one column",
            empty_result,
        ),
        Deviation(
            "keras: Conv2D in float32 is wrong for a batch of 2, strides (1, s) with s > 1 and one output column, and dx is such a Conv2D",
            "computes it",
            wrong_float32_gradient,
        ),
        Deviation(
            "keras: with SAME, an even kernel and output_padding 0 the size is one that TensorFlow refuses",
            "computes it, as Keras does with JAX",
            lambda case: keras_same_without_a_row(case) and "error" in case and "conjunction" not in case["error"],
            sometimes=True,  # other things may be wrong too
        ),
        Deviation(
            "keras: a layer refuses strides above 1 together with dilation, keras.ops does not",
            "computes it, as keras.ops does",
            lambda case: "in conjunction" in case.get("error", ""),
        ),
        Deviation(
            "keras: keras.ops accepts an output_padding of a stride where the size happens to fit",
            "refuses, as the layer does",
            keras_padding_of_a_stride,
        ),
    ),
    "jax": (
        Deviation(
            "jax: pads that leave nothing give an empty array",
            "refuses: an output has at least one row and one column",
            empty_result,
        ),
        Deviation(
            "jax: SAME_LOWER goes on to conv_general_dilated, which pads by the size of x",
            "refuses: the documentation has SAME and VALID only",
            lambda case: case["args"]["padding"] == "SAME_LOWER",
        ),
    ),
    "tensorflow": (
        Deviation(
            "tensorflow: a size of 0 gives an empty array",
            "refuses: an output has at least one row and one column",
            empty_result,
        ),
        Deviation(
            "tensorflow: Conv2D in float32 is wrong for a batch of 2, strides (1, s) with s > 1 and one output column, and dx is such a Conv2D",
            "computes it",
            wrong_float32_gradient,
        ),
        Deviation(
            "tensorflow: VALID accepts an output below the kernel's extent, by a division that rounds towards zero, "
            "and computes with what is not there",
            "refuses: (O - Ke)/s is rounded down",
            below_kernel,
        ),
    ),
    "openvino": (
        Deviation(
            "openvino: with output_shape and without SAME the CPU plugin does not do what the text says",
            "by the text, the half of what is left over is cut at the start; the plugin starts at pads_begin, with groups at 0",
            openvino_plugin_starts_at_pads,
            sometimes=True,
            geometry=formulas.openvino_plugin,
        ),
        Deviation(
            "openvino: pads that leave nothing give an empty array",
            "refuses: an output has at least one row and one column",
            empty_result,
        ),
    ),
}
