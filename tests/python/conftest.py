"""What the tests share: random data, the definition in NumPy, and skips in the words of the other tests."""

import os

import numpy as np
import pytest

import tconv

# A seed for the data, so that a failure can be replayed: TCONV_SEED=... in the environment.
SEED = int(os.environ.get("TCONV_SEED", "1"))


@pytest.fixture
def random(request):
    """A generator of its own for each test; its seed is in the report of a failure."""
    seed = [SEED, *request.node.name.encode()]
    request.node.user_properties.append(("seed", SEED))
    return np.random.default_rng(seed)


def computed_gradients():
    """Of what this build computes gradients: kernels for them are parts of a catalogue that may be left out."""
    spec = tconv.Spec(in_channels=1, out_channels=1, in_size=2, kernel=2)
    x, w, gy = (np.ones(shape, np.float32) for shape in ((1, 1, 2, 2), (1, 1, 2, 2), (1, 1, 3, 3)))
    for of in ("input", "filter", "bias"):
        try:
            plan = tconv.GradientPlan(spec, of)
            plan.run(gy, plan.pack(w) if of == "input" else None, x if of == "filter" else None)
        except (NotImplementedError, ValueError):
            continue
        yield of


@pytest.fixture
def gradients():
    """A function that skips the test, and says so, if this build lacks one of the gradients it is called with."""
    computed = set(computed_gradients())

    def want(*which):
        missing = set(which) - computed
        if missing:
            pytest.skip(f"this build has no gradient of the {', '.join(sorted(missing))}")

    return want


def pytest_terminal_summary(terminalreporter):
    skipped = terminalreporter.stats.get("skipped", [])
    for report in skipped:
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr
        terminalreporter.write_line(f"[SKIP] {report.nodeid}: {reason}")
    if terminalreporter.stats.get("failed"):
        terminalreporter.write_line(f"data of TCONV_SEED={SEED}")
