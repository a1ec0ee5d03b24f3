#!/usr/bin/env python3
"""What a call from Python costs: plan.run on a tiny layer against tconv_run of the same layer in C.

    PYTHONPATH=build/release/python bench/python_overhead.py [--tool build/release/bin/tconv] [--json]

The C time is that of `tconv bench`. Both repeat one call on the same arrays; medians of short batches, so that what else the
machine does shows in few of them. Exit status 1 if the difference is above the 2 microseconds that docs/python.md promises.
"""

import argparse
import json
import statistics
import subprocess
import sys
import time

import numpy as np

import tconv

LAYER = "n1_c1_h2_w2_o1_k2x2_s2x2_p0,0,0,0_op0,0_d1x1_g1_f32_nchw"
PROMISED_NS = 2000
BATCH, BATCHES = 200, 500


def python_ns() -> float:
    spec = tconv.Spec.parse(LAYER)
    plan = tconv.Plan(spec)
    x, w, b, y = (np.ones(shape, np.float32) for shape in (spec.input_shape, spec.filter_shape, (1,), spec.output_shape))
    packed = plan.pack(w)
    times = []
    for _ in range(BATCHES):
        start = time.perf_counter_ns()
        for _ in range(BATCH):
            plan.run(x, packed, b, y)
        times.append((time.perf_counter_ns() - start) / BATCH)
    return statistics.median(times)


def c_ns(tool: str) -> float:
    run = subprocess.run([tool, "bench", "--layer", LAYER, "--json", "-"], capture_output=True, text=True, check=True)
    return json.loads(run.stdout)["rows"][0]["ns_median"]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tool", default="build/release/bin/tconv", help="the tconv command")
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    options = parser.parse_args()
    figures = {"layer": LAYER, "c_ns": c_ns(options.tool), "python_ns": python_ns()}
    figures["overhead_ns"] = figures["python_ns"] - figures["c_ns"]
    if options.json:
        print(json.dumps(figures))
    else:
        print(f"C {figures['c_ns']:.0f} ns, Python {figures['python_ns']:.0f} ns: {figures['overhead_ns']:.0f} ns a call")
    return figures["overhead_ns"] > PROMISED_NS


if __name__ == "__main__":
    sys.exit(main())
