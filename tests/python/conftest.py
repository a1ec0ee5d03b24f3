"""What the tests share: random data, the definition in NumPy, and skips in the words of the other tests."""

import os

import numpy as np
import pytest

# A seed for the data, so that a failure can be replayed: TCONV_SEED=... in the environment.
SEED = int(os.environ.get("TCONV_SEED", "1"))


@pytest.fixture
def random(request):
    """A generator of its own for each test; its seed is in the report of a failure."""
    seed = [SEED, *request.node.name.encode()]
    request.node.user_properties.append(("seed", SEED))
    return np.random.default_rng(seed)


def pytest_terminal_summary(terminalreporter):
    skipped = terminalreporter.stats.get("skipped", [])
    for report in skipped:
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr
        terminalreporter.write_line(f"[SKIP] {report.nodeid}: {reason}")
    if terminalreporter.stats.get("failed"):
        terminalreporter.write_line(f"data of TCONV_SEED={SEED}")
