#!/usr/bin/env python3
"""What a call from Python costs: plan.run on a tiny layer against tconv_run of the same layer in C.

    PYTHONPATH=build/release/python bench/python_overhead.py [--library build/release/lib/libtconv.a] [--json]

bench/run_overhead.c, which this compiles, does in C what is done here: one call on the same arrays over and over, the median
of short batches. The two take turns, and the smallest difference of a turn counts: what else the machine does adds to both.
Exit status 1 if it is above the 2 microseconds that docs/python.md promises.
"""

import argparse
import json
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

import numpy as np

import tconv

LAYER = "n1_c1_h2_w2_o1_k2x2_s2x2_p0,0,0,0_op0,0_d1x1_g1_f32_nchw"
PROMISED_NS = 2000
BATCH, BATCHES, TURNS = 200, 500, 5  # as in run_overhead.c
SOURCE = pathlib.Path(__file__).resolve().parent.parent


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


def c_program(library: pathlib.Path, folder: str) -> pathlib.Path:
    program = pathlib.Path(folder) / "run_overhead"
    subprocess.run(["cc", "-std=c11", "-O2", f"-I{SOURCE}/runtime/include", SOURCE / "bench/run_overhead.c", library, "-lpthread",
                    "-lm", "-o", program], check=True)
    return program


def c_ns(program: pathlib.Path) -> float:
    return float(subprocess.run([program, LAYER], capture_output=True, text=True, check=True).stdout)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--library", type=pathlib.Path, default=SOURCE / "build/release/lib/libtconv.a")
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        program = c_program(options.library, folder)
        turns = [(c_ns(program), python_ns()) for _ in range(TURNS)]
    c, python = min(turns, key=lambda turn: turn[1] - turn[0])
    figures = {"layer": LAYER, "c_ns": c, "python_ns": python, "overhead_ns": python - c,
               "overhead_ns_median": statistics.median(python - c for c, python in turns)}
    if options.json:
        print(json.dumps(figures))
    else:
        print(f"C {c:.0f} ns, Python {python:.0f} ns: {python - c:.0f} ns a call (median of {TURNS} turns: "
              f"{figures['overhead_ns_median']:.0f} ns)")
    return figures["overhead_ns"] > PROMISED_NS


if __name__ == "__main__":
    sys.exit(main())
