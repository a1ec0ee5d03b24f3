#!/usr/bin/env python3
"""What tuning gained over the cost model, and which of its estimates were furthest from what was measured.

usage: tuning_gain.py RESULT.json...        the files that `tconv tune --json` wrote
"""

import collections
import json
import math
import re
import statistics
import sys


def form_of(kernel):
    """tconv_f32_phase_channels64x6_avx512 -> phase_channels64x6"""
    return "_".join(kernel.split("_")[2:-1])


def layout_of(row):
    return re.search(r"_(nchw|nhwc)(?:_|$)", row["layer"])[1]


def timed_by_rules(row):
    """Candidates with the blocking of their kernels' rules."""
    return [c for c in row["candidates"] if c["ns"] and not c["block_h"] and not c["units"]]


def geometric_mean(values):
    return math.exp(statistics.fmean(map(math.log, values))) if values else math.nan


def rows_of(paths):
    for path in paths:
        with open(path, encoding="utf-8") as file:
            document = json.load(file)
        yield from (row for row in document["rows"] if row["ns_untuned"])


def print_gains(rows):
    gains = [(row["ns_untuned"] / row["ns"], row) for row in rows]
    for layout in ("nchw", "nhwc"):
        of_layout = [gain for gain, row in gains if layout_of(row) == layout]
        kernels = [gain for gain, row in gains if layout_of(row) == layout and row["kernel"] != row["kernel_untuned"]]
        if not of_layout:
            continue
        print(f"{layout}: {len(of_layout)} layers, tuned {geometric_mean(of_layout):.3f} times as fast as untuned; "
              f"{len(kernels)} with another kernel, {geometric_mean(kernels):.3f} times")
    print("\nfurthest behind, by the cost model's choice")
    for gain, row in sorted(gains, key=lambda pair: -pair[0])[:25]:
        cut = f"{row['block_h']}x{row['block_w']},{row['units']}" if row["block_h"] or row["units"] else "by its rules"
        print(f"  {gain:5.2f}  {row['id']:34s} {layout_of(row)}  {form_of(row['kernel_untuned']):24s} -> "
              f"{form_of(row['kernel']):24s} {cut}")


def print_kernels(rows):
    """Of each kernel, measured against estimated time, relative to the median of that over the layer's kernels."""
    ratios = collections.defaultdict(list)
    for row in rows:
        timed = timed_by_rules(row)
        if len(timed) >= 3:
            scale = statistics.median(c["ns"] / c["mcycles"] for c in timed)
            for c in timed:
                ratios[form_of(c["kernel"]), layout_of(row)].append(c["ns"] / c["mcycles"] / scale)
    print("\nkernels by how much slower they are than estimated, against the other kernels of a layer")
    for (kernel, layout), found in sorted(ratios.items(), key=lambda item: -statistics.median(item[1])):
        tenths = statistics.quantiles(found, n=10) if len(found) >= 2 else found
        print(f"  {statistics.median(found):5.2f}  {kernel:24s} {layout}  {len(found):3d} layers, {tenths[0]:.2f} to "
              f"{tenths[-1]:.2f} from the 10th to the 90th percentile")


def print_pairs(rows):
    """Of each pair of kernels, measured against estimated ratio of their times, both with the blocking of their rules."""
    ratios = collections.defaultdict(list)
    for row in rows:
        timed = timed_by_rules(row)
        for a in timed:
            for b in timed:
                if a["kernel"] < b["kernel"]:
                    measured, estimated = a["ns"] / b["ns"], a["mcycles"] / b["mcycles"]
                    ratios[form_of(a["kernel"]), form_of(b["kernel"]), layout_of(row)].append((measured / estimated, row["id"]))
    print("\npairs of kernels by the median of measured / estimated ratio of their times (above 1: the first is slower than "
          "estimated)")
    worst = sorted(ratios.items(), key=lambda item: -abs(math.log(statistics.median(r for r, _ in item[1]))))
    for (a, b, layout), found in [item for item in worst if len(item[1]) >= 5][:20]:
        of_pair = sorted(found)
        print(f"  {statistics.median(r for r, _ in found):5.2f}  {a:24s} {b:24s} {layout}  {len(found):3d} layers, "
              f"{of_pair[0][0]:.2f} ({of_pair[0][1]}) to {of_pair[-1][0]:.2f} ({of_pair[-1][1]})")


def main():
    rows = list(rows_of(sys.argv[1:]))
    if not rows:
        sys.exit(__doc__)
    print_gains(rows)
    print_kernels(rows)
    print_pairs(rows)


main()
