"""ConvTranspose by ONNX Runtime and by onnx's reference evaluator, the same layers -> data/onnxruntime.npz, data/onnx.npz.

The records of onnx.npz also hold what shape inference says ("inferred": output rows and columns, or an error).
"""

import numpy as np
import onnx
import onnxruntime
from onnx import helper, numpy_helper
from onnx.reference import ReferenceEvaluator

from recorder import Draw, Recorder, Refusal, arguments, extent

LARGEST = 500
OPSET, IR_VERSION = 22, 10


def model(args, x, w, b):
    """The filter is an initializer and the input is fed, as in models that people bring."""
    kind = helper.np_dtype_to_tensor_dtype(x.dtype)
    names = ["x", "w"] + ([] if b is None else ["b"])
    node = helper.make_node("ConvTranspose", names, ["y"], **args)
    constants = [numpy_helper.from_array(w, "w")] + ([] if b is None else [numpy_helper.from_array(b, "b")])
    graph = helper.make_graph([node], "layer", [helper.make_tensor_value_info("x", kind, x.shape)],
                              [helper.make_empty_tensor_value_info("y")], constants)  # fmt: skip
    built = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION)
    built.graph.output[0].type.tensor_type.elem_type = kind
    return built


def run_onnxruntime(args, x, w, b):
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(model(args, x, w, b).SerializeToString(), options,
                                           providers=["CPUExecutionProvider"])  # fmt: skip
    return session.run(None, {"x": x})[0]


def run_reference(args, x, w, b):
    return ReferenceEvaluator(model(args, x, w, b)).run(None, {"x": x})[0]


def inferred(args, x, w, b):
    """Rows and columns by shape inference, or its error."""
    zeros = [np.zeros(shape, np.float32) for shape in (x, w)]
    bias = np.zeros(b, np.float32) if b else None
    try:
        found = onnx.shape_inference.infer_shapes(model(args, *zeros, bias), check_type=True, strict_mode=True)
        return [d.dim_value for d in found.graph.output[0].type.tensor_type.shape.dim][2:]
    except Exception as error:  # whatever it raises is its answer
        return Refusal(error).text


class Both:
    """Two recorders that get the same layers."""

    def __init__(self):
        packages = ["onnx", "onnxruntime", "numpy"]
        self.runtime = Recorder("onnxruntime", packages, run_onnxruntime, dtypes=("float32",), script="onnx")
        self.reference = Recorder("onnx", packages, run_reference, script="onnx")

    def add(self, group, args, x, w, bias=True):
        self.runtime.add(group, args, x, w, bias)
        self.reference.add(group, args, x, w, bias, inferred=inferred(args, x, w, int(bias)))

    def finish(self):
        self.runtime.finish()
        self.reference.finish()


def table_t5(both):
    """The rows of the table of disagreements, and the neighbours of each."""
    square = {"x": (1, 1, 4, 4), "w": (1, 1, 3, 3)}
    for auto_pad in ("SAME_UPPER", "SAME_LOWER"):
        for stride in (1, 2, 3, 4):
            for kernel in (1, 2, 3, 4, 5):
                both.add("T5_same", {"auto_pad": auto_pad, "strides": [stride, 2]}, (1, 1, 4, 3), (1, 1, kernel, 3))
        both.add("T5_same_kernel_below_stride", {"auto_pad": auto_pad, "strides": [3, 3]}, (1, 1, 4, 4), (1, 1, 2, 2))
        for extra in (0, 1):
            both.add("T5_same_with_output_padding", {"auto_pad": auto_pad, "strides": [2, 2], "output_padding": [extra, extra]},
                     (1, 1, 3, 3), (1, 1, 3, 3))  # fmt: skip
        both.add("T5_same_dilated", {"auto_pad": auto_pad, "strides": [2, 2], "dilations": [2, 3]}, **square)
    for auto_pad in ({}, {"auto_pad": "NOTSET"}, {"auto_pad": "SAME_UPPER"}, {"auto_pad": "SAME_LOWER"}, {"auto_pad": "VALID"}):
        for size in range(6, 14):
            both.add("T5_output_shape", {**auto_pad, "strides": [2, 2], "output_shape": [size, size]}, **square)
        for extra in (0, 1):
            both.add("T5_output_shape_with_output_padding",
                     {**auto_pad, "strides": [2, 2], "output_padding": [extra, extra], "output_shape": [8, 7]}, **square)  # fmt: skip
        both.add("T5_output_shape_ignores_pads", {**auto_pad, "strides": [2, 2], "pads": [2, 2, 0, 0], "output_shape": [8, 8]}, **square)
        both.add("T5_output_shape_below_input", {**auto_pad, "output_shape": [3, 3]}, **square)
        both.add("T5_output_shape_with_batch_and_channels", {**auto_pad, "strides": [2, 2], "output_shape": [1, 1, 8, 8]}, **square)
    for dilation in (1, 2, 3):
        for stride in (1, 2, 3):
            for extra in range(max(stride, dilation) + 1):
                both.add("T5_output_padding_below_dilation", {"strides": [stride] * 2, "dilations": [dilation] * 2,
                         "output_padding": [extra, extra]}, (1, 1, 4, 4), (1, 1, 3, 3))  # fmt: skip
    both.add("T5_negative_effective_pad", {"strides": [2, 2], "pads": [3, 3, 2, 2]}, (1, 1, 5, 5), (1, 1, 2, 2))
    both.add("T5_negative_effective_pad", {"strides": [2, 2], "pads": [3, 2, 3, 2]}, (1, 1, 5, 5), (1, 1, 2, 2))
    for group, inputs, outputs in ((2, 4, 3), (2, 2, 1), (3, 3, 1), (4, 4, 2), (2, 4, 2)):
        both.add("T5_groups", {"group": group, "strides": [2, 2]}, (1, inputs, 3, 3), (inputs, outputs, 2, 2), bias=group * outputs)


def traps(both):
    square = {"x": (1, 2, 4, 4), "w": (2, 1, 3, 3)}
    for pads in ([1, 0, 0, 2], [0, 1, 2, 0], [2, 2, 0, 0], [0, 0, 2, 2], [1, 1, 1, 1]):
        both.add("T1_pads_begins_then_ends", {"strides": [2, 2], "pads": pads}, **square)
    both.add("T1_valid_ignores_pads", {"strides": [2, 2], "pads": [1, 1, 1, 1], "auto_pad": "VALID"}, **square)
    both.add("T1_same_ignores_pads", {"strides": [2, 2], "pads": [1, 1, 1, 1], "auto_pad": "SAME_UPPER"}, **square)
    for stride, dilation in ((3, 1), (2, 2), (4, 2), (3, 3), (4, 1)):
        both.add("T7_empty_phases", {"strides": [stride] * 2, "dilations": [dilation] * 2}, (1, 1, 3, 3), (1, 2, 2, 2), bias=2)
    for x, w, args in (((1, 1, 1, 1), (1, 1, 1, 1), {}), ((1, 1, 2, 2), (1, 1, 2, 2), {"strides": [7, 7], "pads": [0, 3, 0, 3]}),
                       ((0, 2, 4, 4), (2, 1, 3, 3), {}), ((1, 1, 1, 5), (1, 1, 5, 1), {"pads": [2, 0, 2, 0]})):  # fmt: skip
        both.add("T7_degenerate", args, x, w)
    for args in ({"strides": [0, 1]}, {"dilations": [0, 1]}, {"strides": [-1, 1]}, {"pads": [-1, 0, 0, 0]}, {"pads": [3, 3, 3, 3]},
                 {"pads": [4, 4, 4, 4]}, {"group": 3}, {"output_padding": [-1, 0]}, {"pads": [1, 1]}, {"strides": [2]},
                 {"kernel_shape": [2, 2]}, {"auto_pad": "SAME"}, {"output_shape": [6]}):  # fmt: skip
        both.add("refusals", args, **square)
    both.add("refusals", {}, (1, 3, 4, 4), (2, 1, 3, 3))
    both.add("refusals", {"group": 2}, (1, 3, 4, 4), (3, 1, 3, 3))


def random_layers(both, count):
    draw = Draw(5)
    counts = both.runtime.counts
    target = counts["accepted"] + count
    while counts["accepted"] < target:
        (ih, kh, sh, dh), (iw, kw, sw, dw) = draw.axis(), draw.axis()
        inputs, outputs, groups = draw.channels((1, 1, 1, 1, 2))
        full = (extent(ih, kh, sh, dh), extent(iw, kw, sw, dw))
        args = {"strides": [sh, sw], "dilations": [dh, dw], "group": groups}
        form = draw.pick("pads", "pads", "SAME_UPPER", "SAME_LOWER", "VALID", "shape", "shape", "none")
        starts, ends = ([draw.pick(0, 0, 1, 2, draw.range(0, (f + 1) // 2)) for f in full] for _ in "se")
        size = list(full)
        if form == "pads":
            args["pads"] = starts + ends
            size = [f - a - b for f, a, b in zip(full, starts, ends)]
        elif form == "shape":
            args["output_shape"] = size = [draw.range(max(1, f - 4), f + draw.pick(0, 0, 1, 2)) for f in full]
            if draw.chance(0.7):
                args["auto_pad"] = draw.pick("SAME_UPPER", "SAME_LOWER", "NOTSET", "VALID")
        elif form != "none":
            args["auto_pad"] = form
        if draw.chance(0.3):
            args["output_padding"] = [draw.range(0, max(s, d) - draw.pick(0, 1, 1, 1, 1)) for s, d in ((sh, dh), (sw, dw))]
        batch = draw.batch()
        if min(size) < draw.pick(0, 1, 1, 1, 1) or (size[0] + 2) * (size[1] + 2) * outputs * groups * batch > LARGEST:
            continue
        both.add("random", args, (batch, inputs, ih, iw), (inputs, outputs, kh, kw), bias=draw.pick(0, 1, 1) * outputs * groups)


def main():
    options = arguments(__doc__)
    both = Both()
    table_t5(both)
    traps(both)
    random_layers(both, options.random)
    both.finish()


if __name__ == "__main__":
    main()
