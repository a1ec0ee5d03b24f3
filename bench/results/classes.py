#!/usr/bin/env python3
"""How far past the FMA peak Winograd's tiles carry each class of layer, from result files of `tconv bench --json`.

    bench/results/classes.py bench/results/MACHINE-nhwc.json bench/results/MACHINE-nchw.json

A class is kernel and stride, of layers with 64 or more channels on both sides, input maps of 16x16 or more, no groups and
no dilation. A layer's figure is GFLOP/s by the full count over the FMA peak measured with it; a cell is median / lowest.
"""

import collections
import json
import pathlib
import re
import statistics
import sys

CLASSES = {"k4 s2": (4, 2), "k5 s2": (5, 2), "k3 s2": (3, 2), "k9 s3": (9, 3), "k3 s1": (3, 1)}
TEXT = re.compile(r"n\d+_c(\d+)_h(\d+)_w(\d+)_o(\d+)_k(\d+)x(\d+)_s(\d+)x(\d+)_p[-\d,]+_op\d+,\d+_d(\d+)x(\d+)_g(\d+)_")


def figures(path: str) -> dict[tuple[int, int], list[float]]:
    found = collections.defaultdict(list)
    for row in json.loads(pathlib.Path(path).read_text())["rows"]:
        c_in, h_in, w_in, c_out, k_h, k_w, s_h, s_w, *dilation_and_groups = map(int, TEXT.match(row["layer"]).groups())
        if min(c_in, c_out) >= 64 and min(h_in, w_in) >= 16 and (k_h, s_h) == (k_w, s_w) and dilation_and_groups == [1, 1, 1]:
            found[k_h, s_h].append(row["gflops_nominal"] / row["fma_gflops"])
    return found


def main() -> None:
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    files = [figures(path) for path in sys.argv[1:]]
    print("| | layers | " + " | ".join(pathlib.Path(path).stem for path in sys.argv[1:]) + " |")
    print("|---" * (2 + len(files)) + "|")
    for name, key in CLASSES.items():
        cells = [f"{statistics.median(found[key]):.2f} / {min(found[key]):.2f}" if found[key] else "" for found in files]
        print(f"| {name} | {max(len(found[key]) for found in files)} | " + " | ".join(cells) + " |")


if __name__ == "__main__":
    main()
