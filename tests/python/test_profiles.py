"""tconv.profiles: the parameters of each framework arrive, and its refusals are ours. The rules themselves are tested in
tests/profiles; here, that Python hands them on."""

import numpy as np
import pytest
import reference

import tconv
from tconv import profiles

SIZES = {"batch": 2, "in_channels": 4, "out_channels": 6, "in_size": (5, 7), "kernel": (3, 4), "bias": False}


def result(spec):
    """(out_size, crop) per axis: what a profile decides."""
    return spec.out_size, spec.pads[:2]


@pytest.mark.parametrize(("function", "parameters", "out_size", "crop"), [
    (profiles.torch, {"stride": 2, "padding": (1, 0), "output_padding": (1, 0)}, (10, 16), (1, 0)),
    (profiles.torch, {"stride": 2, "padding": 1, "output_size": (10, 15)}, (10, 15), (1, 1)),
    (profiles.torch, {"dilation": 2, "groups": 2}, (9, 13), (0, 0)),
    (profiles.chainer, {"stride": (2, 3), "pad": 1, "outsize": (8, 22)}, (8, 22), (1, 1)),
    (profiles.chainer, {"stride": 2, "dilate": (1, 2), "groups": 2}, (11, 19), (0, 0)),
    (profiles.paddle, {"stride": 2, "padding": (1, 0, 2, 1)}, (10, 13), (1, 2)),
    (profiles.paddle, {"stride": 2, "padding": "SAME"}, (9, 13), (1, 1)),
    (profiles.paddle, {"stride": 2, "padding": 1, "output_size": 10, "fluid": True}, None, None),
    (profiles.numpy_ml, {"stride": 2, "pad": (0, 1, 1, 2), "dilation": 1}, (12, 16), (1, 2)),
    (profiles.numpy_ml, {"stride": 2, "pad": "same"}, (9, 13), (1, 2)),
    (profiles.onnx, {"strides": 2, "auto_pad": "SAME_UPPER"}, (10, 14), (0, 1)),
    (profiles.onnx, {"strides": 2, "auto_pad": "SAME_LOWER"}, (10, 14), (1, 1)),
    (profiles.onnx, {"strides": 2, "pads": (1, 0, 0, 2), "output_padding": 1, "group": 2}, (11, 15), (1, 0)),
    (profiles.onnx, {"strides": 2, "output_shape": (10, 14), "rules": "ort"}, (10, 14), (1, 1)),
    (profiles.tensorflow, {"output_shape": (10, 13), "strides": 2}, (10, 13), (0, 1)),
    (profiles.tensorflow, {"output_shape": (10, 13), "strides": 2, "padding": (1, 0, 2, 1)}, (10, 13), (1, 2)),
    (profiles.keras, {"strides": 2, "padding": "same"}, (10, 14), (0, 1)),
    (profiles.keras, {"strides": 2, "padding": "same", "output_padding": 0}, (9, 12), (1, 2)),
    (profiles.keras, {"strides": 2, "padding": "valid"}, (11, 16), (0, 0)),
    (profiles.tflite, {"output_shape": (11, 16), "stride": 2, "padding": "VALID"}, (11, 16), (0, 0)),
    (profiles.jax, {"strides": 2}, (10, 14), (0, 1)),
    (profiles.jax, {"strides": 2, "padding": ((1, 1), (2, 0))}, (9, 12), (1, 1)),
    (profiles.jax, {"strides": 2, "padding": ((1, 1), (2, 0)), "use_consistent_padding": True}, (9, 14), (1, 2)),
    (profiles.openvino, {"strides": 2, "pads_begin": (1, 0), "pads_end": 1, "output_padding": (1, 0)}, (10, 15), (1, 0)),
    (profiles.openvino, {"strides": 2, "output_shape": (10, 13), "auto_pad": "same_upper"}, (10, 13), (1, 2)),
])
def test_parameters_arrive(function, parameters, out_size, crop):
    if out_size is None:
        with pytest.raises(ValueError, match="output_size"):
            function(SIZES, **parameters)
        return
    assert result(function(SIZES, **parameters)) == (out_size, crop)
    assert result(function(tconv.Spec(**SIZES), **parameters)) == (out_size, crop)


@pytest.mark.parametrize(("function", "parameters", "message"), [
    (profiles.torch, {"output_padding": 1}, r"output_padding\[0\].* 1"),
    (profiles.torch, {"padding": -1}, "padding.*-1"),
    (profiles.torch, {"stride": (1, 2, 3)}, r"stride = \(1, 2, 3\); it must be one integer or two"),
    (profiles.chainer, {"outsize": (20, 20)}, "outsize.*20"),
    (profiles.paddle, {"padding": "FULL"}, "padding = 'FULL'; it must be one of: 'EXPLICIT', 'SAME', 'VALID'"),
    (profiles.paddle, {"padding": (1, 2, 3)}, r"padding = \(1, 2, 3\); it must be one, two or four"),
    (profiles.numpy_ml, {"pad": 9}, "pad"),
    (profiles.numpy_ml, {"pad": "valid"}, "pad = 'valid'; it must be one of: 'SAME'"),
    (profiles.onnx, {"auto_pad": "SAME"}, "auto_pad = 'SAME'; it must be one of"),
    (profiles.onnx, {"pads": (1, 1)}, r"pads = \(1, 1\); it must be 4 integers"),
    (profiles.onnx, {"rules": "mine"}, "rules = 'mine'"),
    (profiles.tensorflow, {"output_shape": (99, 99)}, "output_shape.*99"),
    (profiles.keras, {"output_padding": 1}, "output_padding.*1"),
    (profiles.jax, {"padding": "FULL"}, "padding = 'FULL'"),
    (profiles.openvino, {"output_padding": -1}, "output_padding.*-1"),
])
def test_refusals(function, parameters, message):
    with pytest.raises(ValueError, match=message):
        function(SIZES, **parameters)


def test_no_number():
    with pytest.raises(TypeError, match="stride = 1.5"):
        profiles.numpy_ml(SIZES, stride=1.5)
    with pytest.raises(TypeError, match="strides = None"):
        profiles.onnx(SIZES, strides=None)


def test_a_profiles_spec_runs(random):
    spec = profiles.keras({**SIZES, "layout": "nhwc"}, strides=2, padding="same")
    x = random.integers(-3, 4, spec.input_shape).astype(np.float32)
    w = reference.exact_filter(random, (3, 4, 6, 4))  # Keras: rows, columns, out, in
    plan = tconv.Plan(spec)
    y = plan.run(x, plan.pack(w, "hwoi"))
    full = reference.scatter(x.transpose(0, 3, 1, 2), w.transpose(3, 2, 0, 1), (2, 2))
    np.testing.assert_array_equal(y.transpose(0, 3, 1, 2), reference.crop(full, (0, 1), (10, 14)))


def test_jax_turns_its_weights(random):
    spec = profiles.jax({**SIZES, "layout": "nhwc"}, strides=2, padding="VALID")
    x = random.integers(-3, 4, spec.input_shape).astype(np.float32)
    w = reference.exact_filter(random, (3, 4, 4, 6))  # HWIO
    plan = tconv.Plan(spec)
    y = plan.run(x, plan.pack(w[::-1, ::-1], "hwio"))
    full = reference.scatter(x.transpose(0, 3, 1, 2), w[::-1, ::-1].transpose(2, 3, 0, 1), (2, 2))
    np.testing.assert_array_equal(y.transpose(0, 3, 1, 2), full)
