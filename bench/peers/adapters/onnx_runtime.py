"""ONNX Runtime: a session on a one-node model, run with input and output bound to memory of its own."""

import onnxruntime

from adapters.onnx_model import model_of


def version() -> str:
    return onnxruntime.__version__


def prepare(layer, layout, x, w, b, threads):
    assert layout == "nchw"
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(model_of(layer, w, b), options, providers=["CPUExecutionProvider"])
    image = onnxruntime.OrtValue.ortvalue_from_numpy(x)
    result = onnxruntime.OrtValue.ortvalue_from_shape_and_type((layer["batch"], layer["out_channels"], *layer["size"]),
                                                               x.dtype)
    binding = session.io_binding()
    binding.bind_ortvalue_input("x", image)
    binding.bind_ortvalue_output("y", result)
    return lambda: session.run_with_iobinding(binding), result.numpy, ""
