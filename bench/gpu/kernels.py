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
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "peers")]

from bench import TOLERANCES, what_is_missing  # noqa: E402
from layers import add_selection, read_layers  # noqa: E402

COLUMNS = ["layer", "math", "layout", "kernel", "estimate_kcycles", "chosen", "us", "max_err"]


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
    from candidates import OneKernel, lines_of  # here: a machine that skips has none of what these need
    from card import Card
    from tqdm import tqdm

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
                    for line in lines_of(card, OneKernel(card, math), layer, math, layout):
                        writer.writerow({"layer": layer.id, "math": math, "layout": layout, **line})
            file.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main())
