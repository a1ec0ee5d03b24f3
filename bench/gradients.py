#!/usr/bin/env python3
"""How fast the gradients of the suite's dense layers are: GFLOP/s by the products inside the output, and % of the FMA peak.

    PYTHONPATH=build/release/python bench/gradients.py [--layout nhwc|nchw] [--ids A,B] [--json FILE]

Dense: groups 1, at least 64 channels on both sides. One thread, whole runs of the gradients of input and filter, the median of
seconds' worth of them; the peak is what `tconv bench` measures just before (build/release/bin/tconv). docs/testing.md says
what holds their results to the definition.
"""

import argparse
import csv
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


def dense_layers(ids: list[str]) -> list[dict]:
    with SUITE.open() as file:
        rows = list(csv.DictReader(file))
    if unknown := set(ids) - {row["id"] for row in rows}:
        sys.exit(f"gradients: no row of {SUITE} is called {', '.join(sorted(unknown))}")
    return [row for row in rows if (not ids or row["id"] in ids) and row["groups"] == "1"
            and int(row["C_in"]) >= 64 and int(row["C_out"]) >= 64]


def spec_of(row: dict, layout: str) -> tconv.Spec:
    pair = lambda name: (int(row[f"{name}_h"]), int(row[f"{name}_w"]))  # noqa: E731
    return tconv.Spec(batch=int(row["N"]), in_channels=int(row["C_in"]), out_channels=int(row["C_out"]),
                      in_size=(int(row["H_in"]), int(row["W_in"])), kernel=(int(row["kH"]), int(row["kW"])),
                      stride=pair("stride"), pads=tuple(int(row[f"pad_{side}"]) for side in ("top", "left", "bottom", "right")),
                      output_padding=pair("out_pad"), dilation=pair("dil"), layout=layout)


def fma_peak(tconv_tool: pathlib.Path) -> float:
    """In GFLOP/s, of one thread."""
    tiny = "n1_c64_h16_w16_o64_k3x3_s1x1_p1,1,1,1_op0,0_d1x1_g1_f32_nhwc"
    printed = subprocess.run([tconv_tool, "bench", "--layer", tiny, "--seconds", "0.02", "--threads", "1", "--json", "-"],
                             check=True, capture_output=True, text=True).stdout
    row = json.loads(printed)["rows"][0]
    return row["fma_gflops"]


def median_seconds(run, seconds: float) -> float:
    run()
    times: list[float] = []
    end = time.perf_counter() + seconds
    while len(times) < 3 or time.perf_counter() < end:
        start = time.perf_counter()
        run()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def main() -> None:
    options = arguments()
    random = np.random.default_rng(1)
    rows = []
    for layer in dense_layers([name for name in options.ids.split(",") if name]):
        spec = spec_of(layer, options.layout)
        x, w, gy = (random.standard_normal(shape, np.float32)
                    for shape in (spec.input_shape, spec.filter_shape, spec.output_shape))
        gx, gw = np.empty_like(x), np.empty_like(w)
        peak = fma_peak(options.tconv)
        flop = float(layer["gflop_in_bounds"])
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
    for of in ("input", "filter"):
        share = statistics.median(100 * row[f"{of}_gflops"] / row["fma_gflops"] for row in rows)
        print(f"median of the {of}'s gradient: {share:.0f} % of the FMA peak, {len(rows)} layers")
    if options.json:
        options.json.write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
