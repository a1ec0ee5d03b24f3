#!/usr/bin/env python3
"""How far past the FMA peak Winograd's tiles carry each class of layer, from result files of `tconv bench --json`.

    bench/results/classes.py bench/results/MACHINE-nhwc.json bench/results/MACHINE-nchw.json

A class is kernel and stride, of layers of bench/shapes with 64 or more channels on both sides, input maps of 16x16 or more,
no groups and no dilation. A layer's figure is GFLOP/s by the full count over the FMA peak measured with it; a cell is
median / lowest.
"""

import collections
import csv
import json
import pathlib
import statistics
import sys

SHAPES = pathlib.Path(__file__).parent.parent / "shapes"
CLASSES = {("4", "2"): "k4 s2", ("5", "2"): "k5 s2", ("3", "2"): "k3 s2", ("9", "3"): "k9 s3", ("3", "1"): "k3 s1"}


def classes() -> dict[str, str]:
    """The class of each layer that is in one."""
    found = {}
    for path in SHAPES.glob("*.csv"):
        with path.open() as file:
            for row in csv.DictReader(file):
                large = all(int(row[size]) >= 64 for size in ("C_in", "C_out")) and all(
                    int(row[size]) >= 16 for size in ("H_in", "W_in"))
                dense = row["groups"] == row["dil_h"] == row["dil_w"] == "1"
                rows, columns = (row["kH"], row["stride_h"]), (row["kW"], row["stride_w"])
                if large and dense and rows == columns and rows in CLASSES:
                    found[row["id"]] = CLASSES[rows]
    return found


def main() -> None:
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    class_of = classes()
    files = []
    for path in sys.argv[1:]:
        figures = collections.defaultdict(list)
        for row in json.loads(pathlib.Path(path).read_text())["rows"]:
            if row["id"] in class_of:
                figures[class_of[row["id"]]].append(row["gflops_nominal"] / row["fma_gflops"])
        files.append(figures)
    print("| | layers | " + " | ".join(pathlib.Path(path).stem for path in sys.argv[1:]) + " |")
    print("|---" * (2 + len(files)) + "|")
    for name in CLASSES.values():
        cells = [f"{statistics.median(found[name]):.2f} / {min(found[name]):.2f}" if found[name] else "" for found in files]
        print(f"| {name} | {max(len(found[name]) for found in files)} | " + " | ".join(cells) + " |")


if __name__ == "__main__":
    main()
