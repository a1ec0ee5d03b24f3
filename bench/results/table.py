#!/usr/bin/env python3
"""The README's table: the core layers of two result files of `tconv bench --json`, one in each layout, worst first.

    bench/results/table.py bench/results/MACHINE-nhwc.json bench/results/MACHINE-nchw.json
"""

import csv
import json
import pathlib
import sys

LAYERS = pathlib.Path(__file__).parent.parent / "shapes" / "layers.csv"


def time_text(nanoseconds: float) -> str:
    return f"{nanoseconds * 1e-3:.3g} us" if nanoseconds < 1e6 else f"{nanoseconds * 1e-6:.3g} ms"


def main() -> None:
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    results = [{row["id"]: row for row in json.loads(pathlib.Path(path).read_text())["rows"]} for path in sys.argv[1:]]
    with LAYERS.open() as file:
        core = [row["id"] for row in csv.DictReader(file) if row["tier"] == "core"]
    layouts = [next(iter(rows.values()))["layout"].upper() for rows in results]
    print("| layer | " + " | ".join(f"{layout} time | GFLOP/s | % of roof" for layout in layouts) + " |")
    print("|---" * 7 + "|")
    for name in sorted(core, key=lambda name: min(rows[name]["pct_roof"] for rows in results)):
        cells = [f"{time_text(rows[name]['ns_median'])} | {rows[name]['gflops_executed']:.3g} | {rows[name]['pct_roof']:.0f}"
                 for rows in results]
        print(f"| {name} | " + " | ".join(cells) + " |")


if __name__ == "__main__":
    main()
