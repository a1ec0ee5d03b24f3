"""ncnn: a net of one Deconvolution, float32 in storage and arithmetic; its own memory pools keep what a run needs."""

import pathlib
import tempfile

import ncnn
import numpy as np


def version() -> str:
    return ncnn.__version__


def prepare(layer, layout, x, w, b, threads):
    assert layout == "nchw" and layer["batch"] == 1
    net = ncnn.Net()
    net.opt.num_threads = threads
    net.opt.use_fp16_storage = net.opt.use_fp16_packed = net.opt.use_fp16_arithmetic = False
    net.opt.use_bf16_storage = net.opt.use_bf16_packed = False
    with tempfile.TemporaryDirectory() as folder:
        description, weights = pathlib.Path(folder, "layer.param"), pathlib.Path(folder, "layer.bin")
        description.write_text(_description(layer, w, b))
        weights.write_bytes(_weights(layer, w, b))
        if net.load_param(str(description)) or net.load_model(str(weights)):
            raise ValueError("it refuses the net")
    image = ncnn.Mat(x[0])
    result = None

    def run():
        nonlocal result
        extractor = net.create_extractor()
        extractor.input("x", image)
        code, result = extractor.extract("y")
        if code:
            raise RuntimeError(f"extract returned {code}")

    return run, lambda: np.array(result)[None], ""


def _description(layer, w, b) -> str:
    (kh, kw), (dh, dw), (sh, sw) = layer["kernel"], layer["dilation"], layer["stride"]
    (top, left), (bottom, right), (extra_h, extra_w) = layer["pad_begin"], layer["pad_end"], layer["output_padding"]
    grouped = layer["groups"] > 1
    values = {0: layer["out_channels"], 1: kw, 11: kh, 2: dw, 12: dh, 3: sw, 13: sh, 4: left, 14: top, 15: right, 16: bottom,
              18: extra_w, 19: extra_h, 5: int(b is not None), 6: w.size, **({7: layer["groups"]} if grouped else {})}
    parameters = " ".join(f"{key}={value}" for key, value in values.items())
    kind = "DeconvolutionDepthWise" if grouped else "Deconvolution"
    return f"7767517\n2 2\nInput input 0 1 x\n{kind} layer 1 1 x y {parameters}\n"


def _weights(layer, w, b) -> bytes:
    """As ncnn reads them: a word that says float32, then [group][output][input][tap]; the bias has no word."""
    grouped = w.reshape(layer["groups"], -1, *w.shape[1:]).transpose(0, 2, 1, 3, 4)
    return np.uint32(0).tobytes() + np.ascontiguousarray(grouped).tobytes() + (b"" if b is None else b.tobytes())
