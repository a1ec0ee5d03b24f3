"""tconv.Spec: fields, defaults, sizes, texts, comparison, and refusals that name field and value."""

import copy
import pickle

import numpy as np
import pytest

import tconv

LAYER = {"in_channels": 6, "out_channels": 4, "in_size": (5, 7), "kernel": (4, 3)}


def test_defaults():
    spec = tconv.Spec(**LAYER)
    assert (spec.batch, spec.stride, spec.dilation, spec.output_padding) == (1, (1, 1), (1, 1), (0, 0))
    assert (spec.pads, spec.groups, spec.layout, spec.dtype) == ((0, 0, 0, 0), 1, "nchw", "float32")
    assert (spec.bias, spec.activation, spec.residual, spec.math) == (True, "none", "none", "fast")
    assert spec.max_packed_bytes == -1


def test_every_field_is_kept():
    fields = {**LAYER, "batch": 3, "stride": (2, 3), "pads": (1, 0, 2, 1), "output_padding": (1, 2), "dilation": (2, 1),
              "groups": 2, "layout": "nhwc", "dtype": "float64", "bias": False, "activation": "clip", "act_alpha": -1.5,
              "act_beta": 6.0, "softmax_axis": "last", "residual": "after", "math": "strict", "max_packed_bytes": 0}
    spec = tconv.Spec(**fields)
    assert {name: getattr(spec, name) for name in fields} == fields


def test_shapes():
    spec = tconv.Spec(**LAYER, batch=2, stride=(2, 3), pads=(1, 0, 2, 1), groups=2)
    assert spec.out_size == (2 * 4 + 4 - 3, 3 * 6 + 3 - 1)
    assert spec.input_shape == (2, 6, 5, 7)
    assert spec.output_shape == (2, 4, *spec.out_size)
    assert spec.filter_shape == (6, 2, 4, 3)
    last = tconv.Spec(**LAYER, batch=2, stride=(2, 3), pads=(1, 0, 2, 1), groups=2, layout="nhwc")
    assert last.input_shape == (2, 5, 7, 6)
    assert last.output_shape == (2, *spec.out_size, 4)


@pytest.mark.parametrize("dtype", ["float32", "float64", "float16"])
def test_dtypes_of_numpy(dtype):
    for form in (dtype, np.dtype(dtype), getattr(np, dtype)):
        assert tconv.Spec(**LAYER, dtype=form).dtype == dtype


def test_pads_of_one_two_and_four():
    assert tconv.Spec(**LAYER, pads=1).pads == (1, 1, 1, 1)
    assert tconv.Spec(**LAYER, pads=(1, 2)).pads == (1, 2, 1, 2)
    assert tconv.Spec(**LAYER, pads=(1, 2, 0, -3)).pads == (1, 2, 0, -3)


def test_text_and_back():
    spec = tconv.Spec(**LAYER, batch=2, stride=2, pads=1, activation="leaky_relu", act_alpha=0.1, layout="nhwc")
    assert tconv.Spec.parse(str(spec)) == spec
    assert eval(repr(spec)) == spec


def test_equality_hash_and_copies():
    spec = tconv.Spec(**LAYER, max_packed_bytes=0)
    assert spec == tconv.Spec(**LAYER, max_packed_bytes=0)
    assert hash(spec) == hash(tconv.Spec(**LAYER, max_packed_bytes=0))
    assert spec != tconv.Spec(**LAYER)
    assert spec != "a text"
    assert pickle.loads(pickle.dumps(spec)) == spec == copy.deepcopy(spec)


def test_specs_do_not_change():
    with pytest.raises(AttributeError):
        tconv.Spec(**LAYER).batch = 2


def test_output_size_is_torchs():
    spec = tconv.Spec(**LAYER, stride=2, pads=1)
    assert spec.with_output_size((11, 13)).output_padding == (1, 0)
    with pytest.raises(ValueError, match=r"output_size = \(12, 13\).*10 to 11 rows and 13 to 14 columns"):
        spec.with_output_size((12, 13))


def test_crop():
    spec = tconv.Spec(**LAYER, stride=2).with_crop((-1, 2), (20, 3))
    assert spec.out_size == (20, 3)
    assert spec.pads[:2] == (-1, 2)
    with pytest.raises(ValueError, match=r"out_size = \(0, 3\)"):
        spec.with_crop((0, 0), (0, 3))


@pytest.mark.parametrize(("field", "value", "error", "message"), [
    ("stride", 0, ValueError, "stride_h is 0; allowed: 1 to"),
    ("stride", 1.5, TypeError, "stride = 1.5; it must be"),
    ("stride", True, TypeError, "stride = True"),
    ("stride", (1, 2, 3), ValueError, r"stride = \(1, 2, 3\); it must be one integer or two"),
    ("stride", 2**31, ValueError, "stride = 2147483648; it must be between"),
    ("stride", "2", TypeError, "stride = '2'"),
    ("pads", (1, 2, 3), ValueError, r"pads = \(1, 2, 3\); it must be one integer, two .* or four"),
    ("pads", 9, ValueError, "output"),
    ("output_padding", 1, ValueError, "output_padding_h is 1; allowed: 0 to 0"),
    ("groups", 4, ValueError, "groups is 4; allowed: a divisor of in_channels 6"),
    ("batch", -1, ValueError, "batch is -1"),
    ("in_channels", 0, ValueError, "in_channels is 0"),
    ("kernel", None, TypeError, "kernel = None"),
    ("in_size", (2**20, 2**20), ValueError, "2147483647"),
    ("layout", "chwn", ValueError, "layout = 'chwn'; it must be one of: nchw, nhwc"),
    ("dtype", "complex64", ValueError, "dtype = 'complex64'; it must be one of: float32"),
    ("dtype", None, TypeError, "dtype = None"),
    ("dtype", np.complex64, TypeError, "dtype = 'complex64'; it must be one of: float32"),
    ("dtype", np.dtype(np.longdouble), TypeError, "dtype = '"),
    ("dtype", 5, TypeError, "dtype = '5'"),
    ("activation", "relu7", ValueError, "activation = 'relu7'; it must be one of: none, relu"),
    ("residual", 1, TypeError, "residual = 1; it must be a string"),
    ("math", "loose", ValueError, "math = 'loose'"),
    ("max_packed_bytes", 2**70, ValueError, "max_packed_bytes = 1180591620717411303424; it must be between"),
    ("max_packed_bytes", 1.5, TypeError, "max_packed_bytes = 1.5; it must be an integer"),
    ("bias", 1, TypeError, "bias = 1; it must be True or False"),
    ("bias", None, TypeError, "bias = None; it must be True or False"),
    ("act_alpha", "1", TypeError, "act_alpha = '1'; it must be a number"),
    ("act_beta", None, TypeError, "act_beta = None; it must be a number"),
    ("act_beta", 1j, TypeError, "act_beta = 1j; it must be a number"),
    ("max_packed_bytes", "1", TypeError, "max_packed_bytes = '1'; it must be an integer"),
])
def test_refusals(field, value, error, message):
    with pytest.raises(error, match=message):
        tconv.Spec(**{**LAYER, field: value})


def test_numbers_of_numpy():
    spec = tconv.Spec(**LAYER, bias=np.bool_(False), activation="leaky_relu", act_alpha=np.float32(0.5))
    assert (spec.bias, spec.act_alpha) == (False, 0.5)


def test_equality_with_anything():
    spec = tconv.Spec(**LAYER)
    for other in (None, 1, "a", str(spec), object()):
        assert spec != other
        assert not spec == other
    assert spec in [None, tconv.Spec(**LAYER)]


@pytest.mark.parametrize("text", ["", "n1_c1", "n1_c1_h2_w2_o1_k2x2_s2x2_p0,0,0,0_op0,0_d1x1_g1_f32_nchw\0",
                                  "n1_c1_h2_w2_o1_k2x2_s2x2_p0,0,0,0_op0,0_d1x1_g1_f32_nchw_swish"])
def test_texts_that_are_none(text):
    with pytest.raises(ValueError, match="."):
        tconv.Spec.parse(text)
