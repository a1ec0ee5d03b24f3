"""LiteRT: an interpreter with its XNNPACK delegate, on a model of one TRANSPOSE_CONV, written here."""

from importlib.metadata import version as version_of

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter


def version() -> str:
    return version_of("ai-edge-litert")


def prepare(layer, layout, x, w, b, threads):
    assert layout == "nhwc"
    interpreter = Interpreter(model_content=_model(layer, w, b), num_threads=threads)
    interpreter.allocate_tensors()
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], x)
    index = interpreter.get_output_details()[0]["index"]
    return interpreter.invoke, lambda: interpreter.get_tensor(index), ""


def _model(layer, w, b) -> bytes:
    in_shape = [layer["batch"], *layer["in_size"], layer["in_channels"]]
    out_shape = [layer["batch"], *layer["size"], layer["out_channels"]]
    ohwi = np.ascontiguousarray(w.transpose(1, 2, 3, 0))
    constants = [np.array(out_shape, np.int32), ohwi] + ([] if b is None else [b])
    tensors = [_tensor(values.shape, values.dtype, number + 1) for number, values in enumerate(constants)]
    bias = [] if b is None else [2]
    image, result = len(tensors), len(tensors) + 1
    tensors += [_tensor(in_shape, np.float32, 0), _tensor(out_shape, np.float32, 0)]

    options = schema.TransposeConvOptionsT()
    options.strideH, options.strideW = layer["stride"]
    options.padding = schema.Padding.SAME if layer["tensorflow_padding"] == "SAME" else schema.Padding.VALID
    operator = schema.OperatorT()
    operator.inputs, operator.outputs = [0, 1, image] + bias, [result]
    operator.builtinOptionsType, operator.builtinOptions = schema.BuiltinOptions.TransposeConvOptions, options

    code = schema.OperatorCodeT()
    code.builtinCode = code.deprecatedBuiltinCode = schema.BuiltinOperator.TRANSPOSE_CONV
    code.version = 1 if b is None else 3  # of the operator: the third takes a bias
    graph = schema.SubGraphT()
    graph.tensors, graph.inputs, graph.outputs, graph.operators = tensors, [image], [result], [operator]
    model = schema.ModelT()
    model.version, model.operatorCodes, model.subgraphs = 3, [code], [graph]
    model.buffers = [_buffer(b"")] + [_buffer(values.tobytes()) for values in constants]
    builder = flatbuffers.Builder(ohwi.nbytes + 4096)
    builder.Finish(model.Pack(builder), file_identifier=b"TFL3")
    return bytes(builder.Output())


def _tensor(shape, dtype, buffer: int):
    tensor = schema.TensorT()
    tensor.shape, tensor.buffer = list(shape), buffer
    tensor.type = schema.TensorType.INT32 if dtype == np.int32 else schema.TensorType.FLOAT32
    return tensor


def _buffer(content: bytes):
    buffer = schema.BufferT()
    buffer.data = np.frombuffer(content, np.uint8)
    return buffer
