#!/usr/bin/env python3
"""Times every kernel that computes a layer on an NVIDIA GPU, beside cuDNN: what the estimates of
runtime/cuda/device_plan.cpp are held against (docs/cuda.md).

    PYTHONPATH=build/release/python .venv/bin/python bench/gpu/kernels.py --tier core --out kernels.csv

One line a kernel: microseconds of a run within a graph, and how far the result is off, of the largest output of float32 through
cuDNN. Lines of torch are eager conv_transpose2d on contiguous (nchw) or channels_last tensors.
"""

import argparse
import csv
import pathlib
import re
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "peers")]

import numpy as np  # noqa: E402
import server  # noqa: E402
from bench import TOLERANCES, what_is_missing  # noqa: E402
from card import Card  # noqa: E402
from layers import Layer, add_selection, read_layers  # noqa: E402

COLUMNS = ["layer", "math", "layout", "kernel", "estimate_kcycles", "chosen", "us", "max_err"]
OF_A_GRAPH = 100e3  # ns
MOST_RUNS = 50


class OneKernel(server.Tconv):
    """As it is raced, but by a given kernel."""

    kernel: str | None = None

    def plan(self, spec):
        self.planned = self.tconv.CudaPlan(spec, kernel=self.kernel)
        return self.planned


def estimates(explained: str) -> dict[str, str]:
    """Kilocycles of each kernel that tconv.CudaPlan.explain() lists as a candidate."""
    return dict(re.findall(r"^\s*(\S+): estimated at (\S+) kilocycles", explained, re.MULTILINE))


def microseconds(card: Card, run) -> float:
    run()
    card.wait()
    times = max(1, min(MOST_RUNS, round(OF_A_GRAPH / min(card.nanoseconds(run) for _ in range(2)))))
    try:
        queue = card.captured(run, times)
    except RuntimeError:  # what cannot be captured is timed with what Python costs

        def queue():
            for _ in range(times):
                run()
    queue()
    return min(card.nanoseconds(queue) / times for _ in range(3)) / 1e3


def operands(layer: Layer, layout: str, seed: int = 1) -> tuple:
    random = np.random.default_rng(seed)
    x, w, b = (random.standard_normal(shape, np.float32)
               for shape in (layer.input_shape, layer.filter_shape, layer.out_channels))
    return (x if layout == "nchw" else np.ascontiguousarray(x.transpose(0, 2, 3, 1))), w, b if layer.bias else None


def lines_of(card: Card, layer: Layer, math: str, layout: str):
    """Dictionaries of COLUMNS. What cannot be computed has a reason in the place of its time."""
    given = operands(layer, layout)
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
    ours = OneKernel(card, math)
    ours.prepare(layer.fields(), layout, *given, 1)
    chosen = ours.planned.kernel
    for kernel, kilocycles in estimates(ours.planned.explain()).items():
        ours.kernel = kernel
        run, result, _ = ours.prepare(layer.fields(), layout, *given, 1)
        us = microseconds(card, run)
        off = "" if expected is None else f"{np.abs(result() - expected).max() / np.abs(expected).max():.2e}"
        yield {"kernel": kernel, "estimate_kcycles": kilocycles, "chosen": int(kernel == chosen), "us": f"{us:.3f}", "max_err": off}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_selection(parser)
    parser.add_argument("--math", default="f32,tf32,f16", help="what to compute in (default %(default)s)")
    parser.add_argument("--total-seconds", type=float, default=480, help="no layer is begun after these (default 480)")
    parser.add_argument("--out", type=pathlib.Path, required=True, metavar="CSV")
    options = parser.parse_args()
    maths = options.math.split(",")
    if unknown := set(maths) - set(TOLERANCES):
        parser.error(f"--math: '{unknown.pop()}' is none of {', '.join(TOLERANCES)}")
    try:
        layers = read_layers(options.layers, options.ids, options.tier)
    except ValueError as mistake:
        parser.error(str(mistake))
    if missing := what_is_missing():
        print(f"[SKIP] kernels.py needs an NVIDIA GPU: {missing}")
        return 0
    from tqdm import tqdm  # here: a machine that skips needs none

    card, end = Card(), time.monotonic() + options.total_seconds
    with options.out.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        for layer in tqdm(layers, unit="layer", file=sys.stderr):
            if time.monotonic() > end:
                print(f"stopped before {layer.id}", file=sys.stderr)
                break
            for math in maths:
                for layout in ("nchw", "nhwc"):
                    for line in lines_of(card, layer, math, layout):
                        writer.writerow({"layer": layer.id, "math": math, "layout": layout, **line})
            file.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main())
