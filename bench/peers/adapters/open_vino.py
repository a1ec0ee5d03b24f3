"""OpenVINO: one ConvolutionBackpropData on the CPU plugin, latency mode, float32 also where the processor has bfloat16."""

import numpy as np
import openvino as ov
from openvino import opset8 as ops


def version() -> str:
    return ov.__version__


def prepare(layer, layout, x, w, b, threads):
    shape = [layer["batch"], layer["in_channels"], *layer["in_size"]]
    image = ops.parameter(shape, np.float32)
    settings = {"strides": list(layer["stride"]), "pads_begin": list(layer["pad_begin"]),
                "pads_end": list(layer["pad_end"]), "dilations": list(layer["dilation"]),
                "output_padding": list(layer["output_padding"])}
    groups = layer["groups"]
    if groups == 1:
        node = ops.convolution_backprop_data(image, ops.constant(w), **settings)
    else:
        grouped = w.reshape(groups, w.shape[0] // groups, *w.shape[1:])
        node = ops.group_convolution_backprop_data(image, ops.constant(grouped), **settings)
    if b is not None:
        node = ops.add(node, ops.constant(b.reshape(1, -1, 1, 1)))
    model = ov.Model([node], [image], "layer")
    if layout == "nhwc":
        steps = ov.preprocess.PrePostProcessor(model)
        steps.input().tensor().set_layout(ov.Layout("NHWC"))
        steps.input().model().set_layout(ov.Layout("NCHW"))
        steps.output().tensor().set_layout(ov.Layout("NHWC"))
        steps.output().model().set_layout(ov.Layout("NCHW"))
        model = steps.build()
    compiled = ov.Core().compile_model(model, "CPU", {
        "INFERENCE_NUM_THREADS": threads, "NUM_STREAMS": 1, "PERFORMANCE_HINT": "LATENCY",
        "INFERENCE_PRECISION_HINT": "f32", "ENABLE_CPU_PINNING": False})
    request = compiled.create_infer_request()
    request.set_input_tensor(ov.Tensor(x, shared_memory=True))
    size = (layer["out_channels"], *layer["size"]) if layout == "nchw" else (*layer["size"], layer["out_channels"])
    result = np.empty((layer["batch"], *size), np.float32)
    request.set_output_tensor(ov.Tensor(result, shared_memory=True))
    return request.infer, lambda: result, _implementation(compiled)


def _implementation(compiled) -> str:
    """Which primitive runs the layer, as the plugin tells."""
    for node in compiled.get_runtime_model().get_ops():
        info = node.get_rt_info()
        if str(info["layerType"].value) == "Deconvolution":
            return str(info["primitiveType"].value)
    return ""
