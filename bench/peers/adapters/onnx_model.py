"""One ConvTranspose node as an ONNX model: how ONNX Runtime and MNN are told a layer."""

import onnx
from onnx import TensorProto, helper, numpy_helper


def model_of(layer, w, b) -> bytes:
    in_shape = [layer["batch"], layer["in_channels"], *layer["in_size"]]
    out_shape = [layer["batch"], layer["out_channels"], *layer["size"]]
    if min(layer["pad_begin"]) < 0:
        raise ValueError(f"ConvTranspose has no negative pads; these begin with {tuple(layer['pad_begin'])}")
    weights = [numpy_helper.from_array(w, "w")] + ([] if b is None else [numpy_helper.from_array(b, "b")])
    node = helper.make_node("ConvTranspose", ["x"] + [tensor.name for tensor in weights], ["y"], group=layer["groups"],
                            kernel_shape=list(layer["kernel"]), strides=list(layer["stride"]),
                            dilations=list(layer["dilation"]), pads=[*layer["pad_begin"], *layer["pad_end"]],
                            output_padding=list(layer["output_padding"]))
    graph = helper.make_graph([node], "layer", [helper.make_tensor_value_info("x", TensorProto.FLOAT, in_shape)],
                              [helper.make_tensor_value_info("y", TensorProto.FLOAT, out_shape)], weights)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.checker.check_model(model)
    return model.SerializeToString()
