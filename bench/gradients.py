#!/usr/bin/env python3
"""How fast the gradients of the suite's dense layers are: GFLOP/s by the products inside the output, and % of the FMA peak.

    PYTHONPATH=build/release/python bench/gradients.py [--layout nhwc|nchw] [--ids A,B] [--json FILE]

Dense: groups 1, at least 64 channels on both sides. One thread, whole runs of the gradients of input and filter, the median of
seconds' worth of them; the peak is what `tconv explain` measures just before (build/release/bin/tconv). docs/testing.md says
what holds their results to the definition.
"""

import argparse
import json
import pathlib
import statistics
import subprocess
import sys
import time

import numpy as np

import tconv

PROJECT = pathlib.Path(__file__).resolve().parent.parent
SUITE = PROJECT / "bench" / "shapes" / "layers.csv"


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--layout", default="nhwc", choices=("nhwc", "nchw"))
    parser.add_argument("--ids", default="", help="only these rows of the suite, separated by commas")
    parser.add_argument("--seconds", type=float, default=0.4, help="of each layer and gradient (default 0.4)")
    parser.add_argument("--tconv", type=pathlib.Path, default=PROJECT / "build" / "release" / "bin" / "tconv")
    parser.add_argument("--json", type=pathlib.Path, metavar="FILE", help="also write the rows here")
    return parser.parse_args()


def explained(options: argparse.Namespace, ids: str) -> list[dict]:
    """What `tconv explain` says of layers of the suite: text, products inside the output, the FMA peak of this moment."""
    command = [options.tconv, "explain", "--layers", SUITE, "--layout", options.layout, "--threads", "1", "--json", "-"]
    run = subprocess.run(command + (["--ids", ids] if ids else []), stdout=subprocess.PIPE, text=True)
    if run.returncode != 0:
        sys.exit(run.returncode)
    return json.loads(run.stdout)["layers"]


def spec_of(layer: dict, layout: str) -> tconv.Spec:
    """Of the bare layer: what stands behind its layout are activation, residual and bias."""
    return tconv.Spec.parse(layer["layer"].partition(f"_{layout}")[0] + f"_{layout}")


def is_dense(spec: tconv.Spec) -> bool:
    return spec.groups == 1 and spec.in_channels >= 64 and spec.out_channels >= 64


def median_seconds(run, seconds: float) -> float:
    run()
    times: list[float] = []
    end = time.perf_counter() + seconds
    while len(times) < 3 or time.perf_counter() < end:
        start = time.perf_counter()
        run()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def main() -> int:
    options = arguments()
    random = np.random.default_rng(1)
    rows = []
    for layer in explained(options, options.ids):
        spec = spec_of(layer, options.layout)
        if not is_dense(spec):
            continue
        x, w, gy = (random.standard_normal(shape, np.float32)
                    for shape in (spec.input_shape, spec.filter_shape, spec.output_shape))
        gx, gw = np.empty_like(x), np.empty_like(w)
        (now,) = explained(options, layer["id"])
        peak, flop = now["fma_gflops"], layer["gflop_in_bounds"]
        row = {"id": layer["id"], "layout": options.layout, "fma_gflops": peak}
        of_input = tconv.GradientPlan(spec, "input")
        packed = of_input.pack(w)
        row["input_gflops"] = flop / median_seconds(lambda: of_input.run(gy, packed, out=gx), options.seconds)
        of_filter = tconv.GradientPlan(spec, "filter")
        row["filter_gflops"] = flop / median_seconds(lambda: of_filter.run(gy, x=x, out=gw), options.seconds)
        rows.append(row)
        print(f"{row['id']:26s} {options.layout}  of the input {row['input_gflops']:6.1f} GFLOP/s "
              f"{100 * row['input_gflops'] / peak:4.0f} %   of the filter {row['filter_gflops']:6.1f} GFLOP/s "
              f"{100 * row['filter_gflops'] / peak:4.0f} %", flush=True)
    if not rows:
        print("gradients: none of these layers is dense", file=sys.stderr)
        return 2
    for of in ("input", "filter"):
        share = statistics.median(100 * row[f"{of}_gflops"] / row["fma_gflops"] for row in rows)
        print(f"median of the {of}'s gradient: {share:.0f} % of the FMA peak, {len(rows)} layers")
    if options.json:
        options.json.write_text(json.dumps(rows, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
