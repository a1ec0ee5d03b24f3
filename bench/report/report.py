#!/usr/bin/env python3
"""One self-contained page about recorded races, and pictures of them: `make report`, docs/benchmarks.md.

    bench/report/report.py [--out build/report/index.html] [--pictures FOLDER] [RESULT.json]...

Without files, all of bench/results/*-peers-*.json and *-gpu-*.json. Needs no peer and no build, only requirements-report.txt.
"""

import argparse
import json
import pathlib
import sys

import jinja2

HERE = pathlib.Path(__file__).resolve().parent
PROJECT = HERE.parent.parent
sys.path.insert(0, str(HERE.parent / "peers"))  # comparison.py, by which the race itself sums up

import charts  # noqa: E402
from charts import BEHIND  # noqa: E402
from comparison import losses, mean_speedup, speedup  # noqa: E402


def in_order(path: pathlib.Path) -> tuple[str, str, int | str, str]:
    """By machine, fewer threads first, on a GPU by what they compute in, NCHW before NHWC."""
    machine, kind, layout, setting = path.stem.rsplit("-", 3)
    return machine, kind, int(setting) if kind == "peers" else setting, layout


def race_of(document: dict, name: str) -> dict:
    """What the page says about one file."""
    rows = sorted((row for row in document["rows"] if row["speedup"] is not None), key=lambda row: row["speedup"])
    mean, count = mean_speedup(rows)
    peers = []
    for peer in document["peers"]:
        ratio, layers = mean_speedup(rows, peer["name"])
        values = [value for row in rows if (value := speedup(row, peer["name"])) is not None]
        peers.append({**peer, "mean": ratio, "layers": layers, "ahead": sum(value < 1 for value in values),
                      "ratios": {row["id"]: speedup(row, peer["name"]) for row in rows}})
    return {"name": name, "document": document, "rows": rows, "mean": mean, "count": count, "peers": peers,
            "behind": losses(rows, BEHIND), "unraced": [row for row in document["rows"] if row["speedup"] is None],
            "reasons": reasons(document["rows"]), "ratios": charts.svg(charts.ratios(document)),
            "roofline": charts.svg(charts.roofline(document))}


def reasons(rows: list[dict]) -> list[tuple[str, str, str, list[str]]]:
    """(peer, status, reason, layers) of everything that was not timed, each reason once."""
    found: dict[tuple[str, str, str], list[str]] = {}
    for row in rows:
        for peer, result in row["peers"].items():
            if result["status"] != "timed":
                found.setdefault((peer, result["status"], result["reason"]), []).append(row["id"])
    return [(*key, layers) for key, layers in sorted(found.items())]


def time_text(nanoseconds: float) -> str:
    for unit, size in (("ns", 1), ("us", 1e3), ("ms", 1e6)):
        if nanoseconds < 1000 * size:
            return f"{nanoseconds / size:.3g} {unit}"
    return f"{nanoseconds / 1e9:.3g} s"


def shade(ratio: float | None) -> str:
    """The class of a cell: behind, even (within 3 %), ahead, or far ahead."""
    if ratio is None:
        return "none"
    return "behind" if ratio < BEHIND else "even" if ratio < 1 / BEHIND else "ahead" if ratio < 2 else "far"


def rendered(template: str, **values) -> str:
    environment = jinja2.Environment(loader=jinja2.FileSystemLoader(HERE), autoescape=template.endswith("html"), trim_blocks=True,
                                     lstrip_blocks=True, undefined=jinja2.StrictUndefined)
    environment.filters.update(time=time_text, shade=shade, setting=charts.setting_of, kernel=lambda name: name.removeprefix("tconv_f32_"))
    return environment.get_template(template).render(**values)


def page(races: list[dict]) -> str:
    return rendered("page.html", races=races)


def summary(races: list[dict]) -> str:
    """For the README."""
    return rendered("summary.md", races=races, peers=dict.fromkeys(p["name"] for race in races for p in race["peers"]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("results", nargs="*", type=pathlib.Path, metavar="RESULT.json")
    parser.add_argument("--out", type=pathlib.Path, default=PROJECT / "build" / "report" / "index.html")
    parser.add_argument("--pictures", type=pathlib.Path, metavar="FOLDER",
                        help="for PNGs named as the results (default: beside --out)")
    parser.add_argument("--summary", action="store_true", help="also print means and losses as Markdown, for the README")
    options = parser.parse_args()
    recorded = [path for kind in ("peers", "gpu") for path in (PROJECT / "bench" / "results").glob(f"*-{kind}-*.json")]
    paths = options.results or sorted(recorded, key=in_order)
    if not paths:
        sys.exit("report: no bench/results/*-peers-*.json; `make peers` records one, `make gpu-bench` those of a GPU")
    pictures = options.pictures or options.out.parent
    for folder in (pictures, options.out.parent):
        folder.mkdir(parents=True, exist_ok=True)
    races = []
    for path in paths:
        document = json.loads(path.read_text())
        races.append(race_of(document, path.stem))
        charts.png(charts.ratios(document), pictures / f"{path.stem}.png")
        charts.png(charts.roofline(document), pictures / f"{path.stem}-roofline.png")
    options.out.write_text(page(races))
    print(f"{options.out}: {len(races)} races; pictures in {pictures}", file=sys.stderr)
    if options.summary:
        print(summary(races))


if __name__ == "__main__":
    main()
