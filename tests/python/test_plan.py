"""tconv.Plan: results, views, what it refuses, and that it neither copies nor keeps anything."""

import ctypes
import gc
import os
import subprocess
import sys
import threading
import tracemalloc

import numpy as np
import pytest
import reference

import tconv

SPEC = tconv.Spec(batch=2, in_channels=6, out_channels=4, in_size=(5, 7), kernel=(4, 3), stride=(2, 3), pads=(1, 0, 2, 1),
                  groups=2)


@pytest.fixture
def layer(random):
    x, w, b = (random.integers(-4, 5, shape).astype(np.float32) for shape in (SPEC.input_shape, SPEC.filter_shape, (4,)))
    expected = reference.conv_transpose2d(x, w, b, SPEC.stride, SPEC.pads, groups=2).astype(np.float32)
    return x, w, b, expected


@pytest.mark.parametrize("threads", [1, 3, None])
@pytest.mark.parametrize("layout", ["nchw", "nhwc"])
def test_exact_on_integers(layer, layout, threads):
    x, w, b, expected = layer
    spec = tconv.Spec(batch=2, in_channels=6, out_channels=4, in_size=(5, 7), kernel=(4, 3), stride=(2, 3),
                      pads=(1, 0, 2, 1), groups=2, layout=layout)
    plan = tconv.Plan(spec, threads=threads)
    if layout == "nhwc":
        x, expected = (np.ascontiguousarray(array.transpose(0, 2, 3, 1)) for array in (x, expected))
    y = plan.run(x, plan.pack(w), b)
    assert y.dtype == np.float32
    np.testing.assert_array_equal(y, expected)


def test_filter_layouts(layer):
    x, w, b, expected = layer
    plan = tconv.Plan(SPEC)
    for name, axes in {"iohw": (0, 1, 2, 3), "hwio": (2, 3, 0, 1), "hwoi": (2, 3, 1, 0), "ohwi": (1, 2, 3, 0)}.items():
        packed = plan.pack(np.ascontiguousarray(w.transpose(axes)), name)
        np.testing.assert_array_equal(plan.run(x, packed, b), expected)
    turned = np.ascontiguousarray(w[:, :, ::-1, ::-1])
    np.testing.assert_array_equal(plan.run(x, plan.pack(turned[:, :, ::-1, ::-1]), b), expected)


def test_out_is_written_in_place(layer):
    x, w, b, expected = layer
    plan = tconv.Plan(SPEC)
    whole = np.full((2, 9, *SPEC.out_size), np.nan, np.float32)
    part = whole[:, 3:7]
    assert plan.run(x, plan.pack(w), b, out=part) is part
    np.testing.assert_array_equal(part, expected)
    assert np.isnan(whole[:, :3]).all() and np.isnan(whole[:, 7:]).all()


def test_strided_input(layer):
    x, w, b, expected = layer
    plan = tconv.Plan(SPEC)
    wide = np.repeat(x, 2, axis=3)
    np.testing.assert_array_equal(plan.run(wide[..., ::2], plan.pack(w), b), expected)


def test_one_image_without_a_batch(layer):
    x, w, b, expected = layer
    plan = tconv.Plan(tconv.Spec.parse(str(SPEC).replace("n2_", "n1_")))
    y = plan.run(x[1], plan.pack(w), b)
    np.testing.assert_array_equal(y, expected[1])


def test_residual_slope_and_no_bias(random):
    spec = tconv.Spec(in_channels=2, out_channels=3, in_size=(4, 4), kernel=2, stride=2, bias=False, activation="prelu",
                      residual="before")
    plan = tconv.Plan(spec)
    x, w, r, a = (random.integers(-4, 5, shape).astype(np.float32)
                  for shape in (spec.input_shape, spec.filter_shape, spec.output_shape, (3,)))
    z = reference.conv_transpose2d(x, w, None, (2, 2)) + r
    y = plan.run(x, plan.pack(w), residual=r, slope=a)
    np.testing.assert_array_equal(y, np.where(z < 0, z * a[None, :, None, None], z))


def test_an_empty_batch_is_legal():
    spec = tconv.Spec(batch=0, in_channels=1, out_channels=1, in_size=(2, 2), kernel=2)
    plan = tconv.Plan(spec)
    y = plan.run(np.empty((0, 1, 2, 2), np.float32), plan.pack(np.ones((1, 1, 2, 2), np.float32)), np.zeros(1, np.float32))
    assert y.shape == (0, 1, 3, 3)


def test_packed_filters_are_bytes(layer, tmp_path):
    x, w, b, expected = layer
    plan = tconv.Plan(SPEC)
    packed = plan.pack(w)
    assert len(packed) == plan.requirements["packed_filter_bytes"] == memoryview(packed).nbytes
    assert memoryview(packed).readonly
    (tmp_path / "filter").write_bytes(packed)
    stored = (tmp_path / "filter").read_bytes()
    np.testing.assert_array_equal(plan.run(x, plan.load(stored), b), expected)
    damaged = bytearray(stored)
    damaged[-100] ^= 1
    for blob in (damaged, stored[:-1], b"", b"other"):
        with pytest.raises(ValueError, match="."):
            plan.load(blob)


def test_a_foreign_filter_is_refused(layer):
    x, _, b, _ = layer
    other = tconv.Plan(tconv.Spec(in_channels=1, out_channels=1, in_size=2, kernel=2))
    with pytest.raises(ValueError, match="packed"):
        tconv.Plan(SPEC).run(x, other.pack(np.ones((1, 1, 2, 2), np.float32)), b)


def test_every_kernel_by_name(layer):
    x, w, b, expected = layer
    ran = 0
    for name in tconv.kernels():
        try:
            plan = tconv.Plan(SPEC, kernel=name)
        except NotImplementedError:
            continue
        assert plan.kernel == name
        np.testing.assert_array_equal(plan.run(x, plan.pack(w), b), expected)
        ran += 1
    assert ran > 0


def test_explain_names_the_kernel():
    plan = tconv.Plan(SPEC)
    assert plan.kernel in plan.explain()
    assert str(SPEC) in plan.explain()
    assert plan.spec == SPEC


@pytest.mark.parametrize(("change", "error", "message"), [
    ({"x": [1.0]}, TypeError, "x is of type list"),
    ({"x": np.zeros((2, 6, 5, 7))}, TypeError, "x holds float64; the spec has float32"),
    ({"x": np.zeros((2, 6, 5, 7), ">f4")}, TypeError, "x holds >f4; the spec has float32"),
    ({"x": np.zeros((2, 6, 7, 5), np.float32)}, ValueError, r"x has shape \(2, 6, 7, 5\); the spec wants \(2, 6, 5, 7\)"),
    ({"x": np.zeros((6, 5, 7), np.float32)}, ValueError, r"x has shape \(6, 5, 7\)"),
    ({"x": np.zeros((1, 2, 6, 5, 7), np.float32)}, ValueError, "x has shape 5 dimensions"),
    ({"out": np.zeros((2, 4, 9, 20), np.float32)[:, :, ::-1]}, ValueError, "out has a negative stride"),
    ({"bias": None}, ValueError, "bias is missing; the spec asks for it"),
    ({"bias": np.zeros(3, np.float32)}, ValueError, r"bias has shape \(3,\); the spec wants \(4,\)"),
    ({"slope": np.zeros(4, np.float32)}, ValueError, "slope is given; the spec has none"),
    ({"residual": np.zeros((2, 4, 9, 20), np.float32)}, ValueError, "residual is given; the spec has none"),
    ({"out": np.zeros((2, 4, 9, 9), np.float32)}, ValueError, r"out has shape \(2, 4, 9, 9\)"),
    ({"out": np.broadcast_to(np.float32(0), (2, 4, 9, 20))}, ValueError, "out cannot be written to: it is read-only"),
    ({"packed": b"bytes"}, TypeError, "incompatible"),
])
def test_refusals(layer, change, error, message):
    x, w, b, _ = layer
    plan = tconv.Plan(SPEC)
    arguments = {"x": x, "packed": plan.pack(w), "bias": b, **change}
    with pytest.raises(error, match=message):
        plan.run(**arguments)


def test_output_that_overlaps_the_input_is_refused():
    spec = tconv.Spec(in_channels=1, out_channels=1, in_size=(4, 4), kernel=1, bias=False)
    plan = tconv.Plan(spec)
    x = np.zeros(spec.input_shape, np.float32)
    with pytest.raises(ValueError, match="output overlaps input"):
        plan.run(x, plan.pack(np.ones((1, 1, 1, 1), np.float32)), out=x)


@pytest.mark.parametrize(("arguments", "error", "message"), [
    ({"threads": 0}, ValueError, "threads = 0; it must be between 1 and 1024"),
    ({"threads": "2"}, TypeError, "threads = '2'"),
    ({"kernel": 5}, TypeError, "kernel = 5; it must be a kernel's name or None"),
    ({"kernel": b"fastest"}, TypeError, "kernel = b'fastest'"),
    ({"kernel": "\ud800"}, ValueError, "surrogate"),
    ({"kernel": "fastest"}, NotImplementedError, "kernel = 'fastest' is not in this library"),
    ({"kernel": "tconv_f32_gather_baseline\0"}, ValueError, "kernel holds a NUL"),
    ({"kernel": "tconv_f64_gather_baseline"}, NotImplementedError,
     "kernel = 'tconv_f64_gather_baseline' does not compute this layer: it computes f64, not dtype f32"),
])
def test_plans_that_are_refused(arguments, error, message):
    with pytest.raises(error, match=message):
        tconv.Plan(SPEC, **arguments)


def test_an_unknown_instruction_set_is_refused(monkeypatch):
    monkeypatch.setenv("TCONV_ISA", "mmx")
    with pytest.raises(ValueError, match="TCONV_ISA"):
        tconv.Plan(SPEC)


def test_nothing_is_kept(layer):
    x, w, b, _ = layer
    plan = tconv.Plan(SPEC)
    packed, y = plan.pack(w), np.empty(SPEC.output_shape, np.float32)
    counts = [sys.getrefcount(thing) for thing in (x, w, b, y, packed, plan)]
    for _ in range(100):
        plan.run(x, packed, b, out=y)
        with pytest.raises(ValueError, match="bias"):
            plan.run(x, packed, out=y)
    assert [sys.getrefcount(thing) for thing in (x, w, b, y, packed, plan)] == counts


def test_a_run_with_out_allocates_nothing(layer):
    x, w, b, _ = layer
    plan = tconv.Plan(SPEC)
    packed, y = plan.pack(w), np.empty(SPEC.output_shape, np.float32)
    plan.run(x, packed, b, out=y)
    gc.collect()
    gc.disable()
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        tracemalloc.reset_peak()
        for _ in range(10):
            plan.run(x, packed, b, out=y)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
        gc.enable()
    # The buffer protocol's small objects; an array would be 11 KB.
    assert peak - before < 1024


class AllocatorStatistics(ctypes.Structure):
    """struct mallinfo2 of glibc's malloc.h."""
    _fields_ = [(name, ctypes.c_size_t) for name in ("arena", "ordblks", "smblks", "hblks", "hblkhd", "usmblks", "fsmblks",
                                                     "uordblks", "fordblks", "keepcost")]


def allocated_bytes():
    """Bytes that malloc has given out, of all threads. Not those resident: malloc keeps freed ones, how many depends on
    which thread freed first, and one run in some grew by 26 MB in 30 turns and never again in 400 more.
    """
    try:
        statistics = ctypes.CDLL(None).mallinfo2
    except AttributeError:
        pytest.skip("the C library has no mallinfo2 (glibc 2.33 or later has)")
    statistics.restype = AllocatorStatistics
    now = statistics()
    return now.uordblks + now.hblkhd  # on the heaps, and mapped one by one


def test_plans_and_filters_are_given_back(random):
    spec = tconv.Spec(in_channels=256, out_channels=256, in_size=(4, 4), kernel=3)
    w = random.standard_normal(spec.filter_shape, dtype=np.float32)

    def use():
        plan = tconv.Plan(spec, threads=2)
        plan.run(np.zeros(spec.input_shape, np.float32), plan.pack(w), np.zeros(256, np.float32))

    for _ in range(5):
        use()
    gc.collect()
    before = allocated_bytes()
    for _ in range(30):  # a packed filter is 2.3 MB or more, a plan 800 bytes
        use()
    gc.collect()
    assert allocated_bytes() - before < 30 * 500


def test_many_threads_use_one_plan(layer):
    x, w, b, expected = layer
    plan = tconv.Plan(SPEC, threads=2)
    packed, wrong = plan.pack(w), []

    def work():
        for _ in range(50):
            if not np.array_equal(plan.run(x, packed, b), expected):
                wrong.append(threading.get_ident())

    workers = [threading.Thread(target=work) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert not wrong


def test_other_threads_run_meanwhile(random):
    """While one long run is in progress another thread gets the interpreter's lock."""
    spec = tconv.Spec(in_channels=128, out_channels=128, in_size=(96, 96), kernel=5)
    plan = tconv.Plan(spec)
    packed = plan.pack(random.standard_normal(spec.filter_shape, dtype=np.float32))
    x, b, y = (np.zeros(shape, np.float32) for shape in (spec.input_shape, (128,), spec.output_shape))
    start, seen = threading.Event(), []

    def work():
        start.wait()
        seen.append("meanwhile")

    worker = threading.Thread(target=work)
    worker.start()
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1000)  # so long that the interpreter never takes the lock away by itself
    try:
        start.set()
        plan.run(x, packed, b, out=y)
        after = list(seen)
    finally:
        sys.setswitchinterval(interval)
    worker.join()
    assert after == ["meanwhile"]


def test_verbose_plans_tell_why():
    code = "import tconv; tconv.Plan(tconv.Spec(in_channels=1, out_channels=1, in_size=2, kernel=2))"
    run = subprocess.run([sys.executable, "-c", code], env={**os.environ, "TCONV_VERBOSE": "1"}, capture_output=True,
                         text=True, check=True)
    assert "tconv_f32" in run.stderr
