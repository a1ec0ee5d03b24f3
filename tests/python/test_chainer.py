"""tconv.chainer: two-sided outsize, dilation, mixed types, configuration, autotuning on disk, and the link."""

import json
import pathlib

import numpy as np
import pytest
import reference

from tconv import _autotune, _functional, chainer


@pytest.fixture(autouse=True)
def own_cache(monkeypatch, tmp_path):
    monkeypatch.setenv("TCONV_CACHE_DIR", str(tmp_path / "cache"))
    return tmp_path / "cache" / "kernels.json"


def arrays(random, x_shape=(2, 4, 5, 6), w_shape=(4, 3, 3, 4), groups=1):
    x, b = (random.integers(-3, 4, shape).astype(np.float32) for shape in (x_shape, (w_shape[1] * groups,)))
    return x, reference.exact_filter(random, w_shape, 9), b


@pytest.mark.parametrize("change", [(-2, -1), (-1, 0), (0, 0), (2, 1), (1, -1)])
def test_outsize_on_both_sides(random, change):
    """Chainer's range is less than a stride either way; what is cut or added is cut or added at the end."""
    x, W, b = arrays(random)
    full = reference.scatter(x, W, (3, 2))
    outsize = tuple(full.shape[i + 2] - 2 + change[i] for i in range(2))
    y = chainer.deconvolution_2d(x, W, b, stride=(3, 2), pad=1, outsize=outsize)
    np.testing.assert_array_equal(y, reference.crop(full, (1, 1), outsize) + b[:, None, None])


def test_outsize_of_one_axis(random):
    x, W, b = arrays(random)
    y = chainer.deconvolution_2d(x, W, b, stride=2, outsize=(None, 15))
    assert y.shape == (2, 3, 11, 15)


def test_dilate_and_groups(random):
    x, W, b = arrays(random, groups=2)
    y = chainer.deconvolution_2d(x, W, b, stride=2, pad=1, dilate=(2, 3), groups=2)
    np.testing.assert_array_equal(y, reference.conv_transpose2d(x, W, b, (2, 2), (1, 1, 1, 1), groups=2, dilation=(2, 3)))


@pytest.mark.parametrize(("x_type", "w_type"), [("f2", "f4"), ("f4", "f2"), ("f8", "f4"), ("f4", "f8"), ("f8", "f8")])
def test_mixed_types(random, x_type, w_type):
    """The wider type computes, x's comes out."""
    x, W, b = arrays(random)
    y = chainer.deconvolution_2d(x.astype(x_type), W.astype(w_type), b.astype(x_type))
    assert y.dtype == np.dtype(x_type)
    np.testing.assert_array_equal(y, reference.conv_transpose2d(x, W, b))


def test_fractions_in_mixed_types(random):
    x, W = random.standard_normal((1, 4, 5, 6)), random.standard_normal((4, 3, 3, 4))
    y = chainer.deconvolution_2d(x.astype("f4"), W)
    expected = reference.conv_transpose2d(x.astype("f4"), W).astype("f4")
    np.testing.assert_allclose(y, expected, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize(("change", "error", "message"), [
    ({"outsize": (99, 99)}, ValueError, "outsize.*99"),
    ({"W": np.zeros((5, 3, 3, 4), "f4")}, ValueError, "x has 4 channels; W of shape"),
    ({"x": np.zeros((4, 5, 6), "f4")}, ValueError, r"x has shape \(4, 5, 6\); it must have 4 dimensions"),
    ({"x": np.zeros((2, 4, 5, 6), "i4")}, TypeError, "x holds int32; it must hold floating"),
    ({"x": [[1.0]]}, TypeError, "x is of type list"),
    ({"b": np.zeros(3, "f8")}, TypeError, "b holds float64; x holds float32"),
    ({"b": np.zeros((3, 1), "f4")}, ValueError, r"b has shape \(3, 1\); it must have 1 dimension$"),
    ({"deterministic": True}, ValueError, "deterministic argument is not supported anymore"),
    ({"dilation": 2}, TypeError, r"deconvolution_2d\(\) got unexpected keyword argument\(s\) 'dilation'"),
    ({"dilate": 0}, ValueError, "dilate.*0"),
    ({"pad": 9}, ValueError, "."),
    ({"groups": 3}, ValueError, "groups"),
])
def test_refusals(random, change, error, message):
    x, W, b = arrays(random)
    with pytest.raises(error, match=message):
        chainer.deconvolution_2d(**{"x": x, "W": W, "b": b, **change})


def test_configuration_ends_with_its_block():
    assert not chainer.config.autotune
    with pytest.raises(KeyError), chainer.using_config("autotune", True):
        assert chainer.config.autotune
        raise KeyError
    assert not chainer.config.autotune
    with pytest.raises(AttributeError), chainer.using_config("autotone", True):
        pass


def test_autotune_measures_once_and_remembers(random, own_cache, monkeypatch):
    x, W, b = arrays(random)
    measured = []
    seconds = _autotune._seconds
    monkeypatch.setattr(_autotune, "_seconds", lambda plan: measured.append(plan.kernel) or seconds(plan))
    plain = chainer.deconvolution_2d(x, W, b)
    assert not own_cache.exists() and not measured
    for _ in range(2):
        with chainer.using_config("autotune", True):
            np.testing.assert_array_equal(chainer.deconvolution_2d(x, W, b), plain)
    assert len(measured) == len(set(measured)) > 0
    (key, kernel), = json.loads(own_cache.read_text()).items()
    assert kernel in measured and "n2_c4_h5_w6_o3_k3x4" in key
    _functional.forget_plans()  # as another process would find it
    count = len(measured)
    with chainer.using_config("autotune", True):
        chainer.deconvolution_2d(x, W, b)
    assert len(measured) == count


@pytest.mark.parametrize("name", ["deterministic", "cudnn_deterministic"])
def test_deterministic_never_measures(random, own_cache, name):
    x, W, b = arrays(random)
    with chainer.using_config("autotune", True), chainer.using_config(name, True):
        chainer.deconvolution_2d(x, W, b)
    assert not own_cache.exists()


@pytest.mark.parametrize("content", ["", "{", "[1]", '{"KEY": "tconv_of_another_build"}', '{"KEY": 5}'])
def test_a_file_that_is_no_use_is_written_anew(random, own_cache, content):
    x, W, b = arrays(random)
    spec = chainer._spec(x, W, b, 1, 0, None, 1, 1, x.dtype)
    own_cache.parent.mkdir()
    own_cache.write_text(content.replace("KEY", _autotune.key_of(spec)))
    with chainer.using_config("autotune", True):
        y = chainer.deconvolution_2d(x, W, b)
    np.testing.assert_array_equal(y, reference.conv_transpose2d(x, W, b))
    assert json.loads(own_cache.read_text())[_autotune.key_of(spec)].startswith("tconv_f32")


def no_folder(monkeypatch, tmp_path):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("TCONV_CACHE_DIR", str(tmp_path / "file" / "folder"))


def no_home(monkeypatch, _):
    def home():
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("TCONV_CACHE_DIR")
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr(pathlib.Path, "home", home)


@pytest.mark.parametrize("without", [no_folder, no_home])
def test_what_cannot_be_written_is_remembered_in_memory(random, monkeypatch, tmp_path, without):
    without(monkeypatch, tmp_path)
    monkeypatch.setattr(_autotune, "_unwritten", {})
    measured = []
    seconds = _autotune._seconds
    monkeypatch.setattr(_autotune, "_seconds", lambda plan: measured.append(plan.kernel) or seconds(plan))
    x, W, b = arrays(random)
    with chainer.using_config("autotune", True):
        for _ in range(2):
            np.testing.assert_array_equal(chainer.deconvolution_2d(x, W, b), reference.conv_transpose2d(x, W, b))
    assert len(measured) == len(set(measured)) > 0


def test_the_link(random):
    x, W, b = arrays(random)
    link = chainer.Deconvolution2D(4, 3, (3, 4), stride=2, pad=1, initialW=W, initial_bias=b)
    np.testing.assert_array_equal(link(x), reference.conv_transpose2d(x, W, b, (2, 2), (1, 1, 1, 1)))
    assert chainer.Deconvolution2D(4, 3, 3, nobias=True).b is None


def test_the_link_has_one_type(random):
    """Chainer's parameters are of config.dtype, of whatever type the arrays are that they begin with."""
    x, W, b = arrays(random)
    wide = {"initialW": W.astype("f8"), "initial_bias": b.astype("f8")}
    link = chainer.Deconvolution2D(4, 3, (3, 4), **wide)
    assert link.W.dtype == link.b.dtype == np.float32
    np.testing.assert_array_equal(link(x), reference.conv_transpose2d(x, W, b))
    with chainer.using_config("dtype", np.float64):
        link = chainer.Deconvolution2D(4, 3, (3, 4), **wide)
    assert link.W.dtype == link.b.dtype == link(x.astype("f8")).dtype == np.float64


@pytest.mark.parametrize("arguments", [(7, 4), (None, 7, 4)])
def test_the_link_waits_for_its_channels(random, arguments):
    """The examples of Chainer's documentation."""
    x = random.standard_normal((1, 3, 10, 10), dtype=np.float32)
    link = chainer.Deconvolution2D(*arguments)
    assert link.W is None
    assert link(x).shape == (1, 7, 13, 13)
    assert link.W.shape == (3, 7, 4, 4)
    assert chainer.Deconvolution2D(7, 4, stride=2, pad=1)(x).shape == (1, 7, 20, 20)


def test_the_links_initial_values():
    link = chainer.Deconvolution2D(64, 32, 4, groups=2)
    assert link.W.shape == (64, 16, 4, 4)
    assert abs(link.W.std() - (1 / (16 * 16)) ** 0.5) < 0.002  # LeCun: sqrt(1 / fan_in), of 16384 draws
    assert not link.b.any()
    assert (chainer.Deconvolution2D(2, 3, 2, initialW=0.5).W == 0.5).all()
    with pytest.raises(ValueError, match="output channels must be divisible"):
        chainer.Deconvolution2D(4, 3, 2, groups=2)
