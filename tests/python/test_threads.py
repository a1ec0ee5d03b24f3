"""Threads that nobody asked for, the variable that asks for them, and forked processes."""

import multiprocessing
import os
import subprocess
import sys
import threading

import numpy as np
import pytest

import tconv
from tconv import _threads

SPEC = tconv.Spec(in_channels=64, out_channels=64, in_size=(24, 24), kernel=4, stride=2, pads=1)


def thread_count():
    return len(os.listdir("/proc/self/task"))


def test_one_thread_by_default():
    before = thread_count()
    plan = tconv.Plan(SPEC)
    assert plan.threads == 1
    assert thread_count() == before


def test_a_pool_ends_with_its_last_plan():
    before = thread_count()
    first, second = tconv.Plan(SPEC, threads=5), tconv.Plan(SPEC, threads=5)
    assert thread_count() == before + 4
    del first
    assert thread_count() == before + 4
    del second
    assert thread_count() == before


def test_the_variable(monkeypatch):
    monkeypatch.setenv("TCONV_NUM_THREADS", "3")
    assert tconv.default_threads() == tconv.Plan(SPEC, threads=None).threads == 3
    monkeypatch.setenv("TCONV_NUM_THREADS", "")  # as in the tconv command
    assert tconv.default_threads() == min(_threads.physical_cores(), _threads.MOST)
    monkeypatch.delenv("TCONV_NUM_THREADS")
    assert tconv.default_threads() == _threads.physical_cores() <= len(os.sched_getaffinity(0))


@pytest.mark.parametrize("text", ["\u0662", "0", "-1", "many", "1025", "2.5"])
def test_a_variable_that_is_no_number(monkeypatch, text):
    monkeypatch.setenv("TCONV_NUM_THREADS", text)
    with pytest.raises(ValueError, match="TCONV_NUM_THREADS = "):
        tconv.default_threads()
    with pytest.raises(ValueError, match="TCONV_NUM_THREADS = "):
        tconv.Plan(SPEC, threads=None)


def test_bits_do_not_depend_on_threads(random):
    x, w, b = (random.standard_normal(shape, dtype=np.float32) for shape in (SPEC.input_shape, SPEC.filter_shape, (64,)))
    results = []
    for threads in (1, 2, 7):
        plan = tconv.Plan(SPEC, threads=threads)
        results.append(plan.run(x, plan.pack(w), b))
    np.testing.assert_array_equal(results[0], results[1])
    np.testing.assert_array_equal(results[0], results[2])


@pytest.fixture
def forked(random):
    """A plan with threads that has run, its arguments, and a context in which processes are forked."""
    x, w, b = (random.standard_normal(shape, dtype=np.float32) for shape in (SPEC.input_shape, SPEC.filter_shape, (64,)))
    plan = tconv.Plan(SPEC, threads=3)
    packed = plan.pack(w)
    return plan, packed, (x, w, b), plan.run(x, packed, b), multiprocessing.get_context("fork")


def in_child(context, work):
    """What work() returns in a forked child; fails if the child hangs or dies."""
    receive, send = context.Pipe(duplex=False)
    child = context.Process(target=lambda: send.send(work()))
    child.start()
    try:
        assert receive.poll(60), "the child does not answer"
        return receive.recv()
    finally:
        child.join(10)
        alive = child.is_alive()
        if alive:
            child.kill()
        assert not alive and child.exitcode == 0


def test_a_plan_of_the_parent_runs_in_the_child(forked):
    plan, packed, (x, _, b), expected, context = forked
    np.testing.assert_array_equal(in_child(context, lambda: plan.run(x, packed, b)), expected)


def test_a_plan_of_the_child_has_threads_of_its_own(forked):
    plan, _, (x, w, b), expected, context = forked

    def work():
        before = thread_count()
        own = tconv.Plan(SPEC, threads=3)
        return own.run(x, own.pack(w), b), thread_count() - before

    y, started = in_child(context, work)
    np.testing.assert_array_equal(y, expected)
    assert started == 2
    assert plan.threads == 3


def test_functions_in_the_child(forked):
    _, _, (x, w, b), expected, context = forked
    call = lambda: tconv.conv_transpose2d(x, w, b, stride=2, padding=1, threads=3)  # noqa: E731
    np.testing.assert_array_equal(call(), expected)
    np.testing.assert_array_equal(in_child(context, call), expected)
    np.testing.assert_array_equal(call(), expected)


def test_forking_while_another_thread_runs(forked):
    plan, packed, (x, _, b), expected, context = forked
    stop = threading.Event()

    def keep_running():
        while not stop.is_set():
            plan.run(x, packed, b)

    worker = threading.Thread(target=keep_running)
    worker.start()
    try:
        for _ in range(5):
            np.testing.assert_array_equal(in_child(context, lambda: plan.run(x, packed, b)), expected)
    finally:
        stop.set()
        worker.join()


def test_the_interpreter_ends_with_plans_alive():
    code = ("import numpy as np, tconv; x = np.ones((1, 1, 4, 4), np.float32);"
            "tconv.conv_transpose2d(x, x, threads=4); plan = tconv.Plan(tconv.Spec(in_channels=1, out_channels=1,"
            "in_size=4, kernel=4), threads=4)")
    run = subprocess.run([sys.executable, "-X", "dev", "-c", code], capture_output=True, text=True, timeout=120, check=True)
    assert run.stderr == ""
