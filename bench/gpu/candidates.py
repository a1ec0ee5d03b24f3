"""The kernels that compute a layer on a GPU, one after the other, and eager conv_transpose2d beside them: for kernels.py."""

import re

import numpy as np
import server
from definition import random_tensors
from layers import Layer


class OneKernel(server.Tconv):
    """As it is raced, but by a kernel that is named."""

    kernel: str | None = None  # None: the one that is chosen

    def plan(self, spec):
        self.planned = self.tconv.CudaPlan(spec, kernel=self.kernel)
        return self.planned


def estimates(explained: str) -> dict[str, str]:
    """Kilocycles of each kernel that tconv.CudaPlan.explain() lists as a candidate."""
    return dict(re.findall(r"^\s*(\S+): estimated at (\S+) kilocycles", explained, re.MULTILINE))


def microseconds(card, run) -> float:
    queue, times, _ = server.queue_of(card, run, server.warm_run(card, run))
    queue()
    return min(card.nanoseconds(queue) / times for _ in range(3)) / 1e3


def lines_of(card, ours, layer: Layer, math: str, layout: str):
    """Lines of kernels.py's table; `ours` is a OneKernel. What cannot be computed has a reason in the place of its time."""
    x, w, b = random_tensors(layer)
    given = x if layout == "nchw" else np.ascontiguousarray(x.transpose(0, 2, 3, 1)), w, b
    expected = None
    for arithmetic in ("f32", math):  # the first is what results are held against
        try:
            run, result, _ = server.Torch(card, arithmetic).prepare(layer.fields(), layout, *given, 1)
            us = microseconds(card, run)
            expected = result() if expected is None else expected
        except RuntimeError as failure:  # no negative output padding, for one
            yield {"kernel": "torch", "us": str(failure).splitlines()[0]}
            break
    else:
        yield {"kernel": "torch", "us": f"{us:.3f}"}
    ours.kernel = None
    ours.prepare(layer.fields(), layout, *given, 1)
    chosen = ours.planned.kernel
    for kernel, kilocycles in estimates(ours.planned.explain()).items():
        line = {"kernel": kernel, "estimate_kcycles": kilocycles, "chosen": int(kernel == chosen)}
        ours.kernel = kernel
        try:
            run, result, _ = ours.prepare(layer.fields(), layout, *given, 1)
            line["us"] = f"{microseconds(card, run):.3f}"
        except RuntimeError as failure:
            yield {**line, "us": str(failure).splitlines()[0]}
            continue
        off = "" if expected is None else f"{np.abs(result() - expected).max() / np.abs(expected).max():.2e}"
        yield {**line, "max_err": off}
