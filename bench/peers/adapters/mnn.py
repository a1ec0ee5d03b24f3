"""MNN: a session, float32 throughout (precision "high"), on a one-node ONNX model that MNN's own converter translated."""

import pathlib
import tempfile

import MNN
from _tools import mnnconvert

from adapters.onnx_model import model_of


def version() -> str:
    return MNN.version()


def prepare(layer, layout, x, w, b, threads):
    assert layout == "nchw"
    with tempfile.TemporaryDirectory() as folder:
        source, converted = pathlib.Path(folder, "layer.onnx"), pathlib.Path(folder, "layer.mnn")
        source.write_bytes(model_of(layer, w, b))
        mnnconvert(["mnnconvert", "-f", "ONNX", "--modelFile", str(source), "--MNNModel", str(converted), "--bizCode", "MNN"])
        if not converted.exists():
            raise ValueError("its converter refuses the model")
        net = MNN.Interpreter(str(converted))
    session = net.createSession({"backend": "CPU", "numThread": threads, "precision": "high"})
    shape = (layer["batch"], layer["out_channels"], *layer["size"])
    image, target = net.getSessionInput(session), net.getSessionOutput(session)
    if target.getShape() != shape:
        raise ValueError(f"it makes outputs of shape {target.getShape()} instead of {shape}")

    def output():
        # A session lays intermediate results over its input, so this one run gets it anew. Timed runs read what is
        # there; users copy their input in before each, which is not timed either.
        image.copyFrom(MNN.Tensor(x.shape, MNN.Halide_Type_Float, x, MNN.Tensor_DimensionType_Caffe))
        net.runSession(session)
        return target.getNumpyData()

    output()
    return lambda: net.runSession(session), output, ""
