"""Pictures of one race: how much faster than the best peer, layer by layer, and how far below the roofs."""

import io
import pathlib

import matplotlib
import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from comparison import mean_speedup

LOSS, EVEN, WIN = "#c0392b", "#d8a03c", "#2f6f9f"
INK, GRID = "#222222", "#dddddd"
BEHIND = 0.97  # of the best peer's speed: more than 3 % slower
DPI = 110
ARITHMETIC = {"f32": "float32", "tf32": "TF32", "f16": "float16", "bf16": "bfloat16"}

STYLE = {"font.family": "DejaVu Sans", "font.size": 9, "axes.edgecolor": "#888888", "axes.labelcolor": INK,
         "axes.spines.top": False, "axes.spines.right": False, "xtick.color": INK, "ytick.color": INK,
         "svg.fonttype": "none", "svg.hashsalt": "tconv"}  # text stays text; the same picture is the same file


def setting_of(document: dict) -> str:
    """What a race is about beside its layout: threads, or on a GPU what all compute in."""
    if "math" in document:
        return f"cuDNN in {ARITHMETIC[document['math']]}"
    return f"{document['threads']} thread{'s' if document['threads'] > 1 else ''}"


def title_of(document: dict) -> str:
    return f"{document['machine']}, {document['layout'].upper()}, {setting_of(document)}"


def ratios(document: dict) -> Figure:
    """Bars from 1: the best peer's time over ours, losses first, on a logarithmic axis."""
    rows = sorted((row for row in document["rows"] if row["speedup"] is not None), key=lambda row: row["speedup"])
    values = np.array([row["speedup"] for row in rows])
    places = np.arange(len(rows))
    mean, count = mean_speedup(rows)
    if mean is None:
        return Figure(figsize=(5.0, 0.2))
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(max(8.0, 1.6 + 0.125 * len(rows)), 4.6), layout="constrained")
        axes = figure.subplots()
        colours = [LOSS if v < BEHIND else EVEN if v < 1 / BEHIND else WIN for v in values]
        axes.bar(places, values - 1, bottom=1, width=0.72, color=colours, zorder=2)
        axes.set_yscale("log", base=2)
        low, high = min(0.5, values.min() / 1.15), max(2.0, values.max() * 1.15)
        axes.set_ylim(low, high)
        axes.set_xlim(-0.8, len(rows) - 0.2)
        axes.yaxis.set_major_formatter(FuncFormatter(lambda v, _: f"{v:g}×"))
        axes.grid(axis="y", color=GRID, zorder=0)
        axes.axhline(1, color=INK, linewidth=0.9, zorder=3)
        axes.axhline(mean, color=WIN, linewidth=0.9, linestyle=(0, (5, 3)), zorder=1)
        axes.annotate(f"geometric mean {mean:.2f}×", (0, max(mean, 1)), xytext=(2, 3), textcoords="offset points", color=WIN,
                      fontsize=8)
        axes.set_xticks(places, [row["id"] for row in rows], rotation=90, fontsize=6.5)
        axes.tick_params(axis="x", length=0, pad=2)
        axes.set_ylabel("time of the best peer / time of tconv")
        axes.set_title(f"tconv against the best peer of each of {count} layers: {title_of(document)}", loc="left",
                       fontsize=10)
    return figure


def roofline(document: dict) -> Figure:
    """Executed GFLOP/s over executed flops per compulsory byte; a line leads up to what the full count makes of it."""
    rows = [row for row in document["rows"] if row["tconv"]["status"] == "timed"]
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(7.2, 4.6), layout="constrained")
        axes = figure.subplots()
        peak = max(row["tconv"]["fma_gflops"] for row in rows)
        executed = np.array([row["tconv"]["gflops_executed"] for row in rows])
        nominal = np.array([row["tconv"]["gflops_nominal"] for row in rows])
        intensity = np.array([row["tconv"]["gflops_executed"] * row["tconv"]["ns_median"] / row["tconv"]["bytes"]
                              for row in rows])
        # The slowest copy is that of the tensors that no cache holds, the fastest that of those which the first one does.
        copies = [row["tconv"]["copy_gbs"] for row in rows]
        x = np.geomspace(min(intensity.min(), 0.25), max(intensity.max(), 100) * 1.5, 400)
        for rate, style in ((min(copies), "-"), (max(copies), "--")):
            axes.plot(x, np.minimum(rate * x, peak), color=INK, linewidth=1.1, linestyle=style,
                      label=f"{rate:.0f} GB/s copied, {peak:.0f} GFLOP/s")
        fewer = nominal > 1.02 * executed
        axes.vlines(intensity[fewer], executed[fewer], nominal[fewer], color=WIN, linewidth=0.8, alpha=0.45, zorder=2)
        axes.scatter(intensity[fewer], nominal[fewer], s=14, facecolors="white", edgecolors=WIN, linewidths=0.9, zorder=3,
                     label="by the full count: Winograd multiplies less")
        compute = np.array([row["tconv"]["roof"] == "compute" for row in rows])
        for which, colour, name in ((compute, WIN, "compute"), (~compute, EVEN, "bandwidth")):
            axes.scatter(intensity[which], executed[which], s=20, color=colour, linewidths=0, zorder=4,
                         label=f"executed, {name} is the lower roof")
        axes.set_xscale("log", base=10)
        axes.set_yscale("log", base=10)
        axes.set_xlim(x[0], x[-1])
        axes.set_ylim(min(executed.min() / 2, peak / 100), max(nominal.max(), peak) * 1.6)
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_major_formatter(FuncFormatter(lambda v, _: f"{v:g}"))
        shares = [(row["tconv"]["pct_roof"], row["id"], at) for row, at in zip(rows, zip(intensity, executed))]
        label_points(figure, axes, [(f"{name} {share:.0f} %", at) for share, name, at in sorted(shares)[:6]])
        axes.grid(color=GRID, zorder=0)
        axes.set_xlabel("executed flops per byte of input, filter, bias and output")
        axes.set_ylabel("GFLOP/s")
        axes.legend(fontsize=7, loc="lower right", frameon=False)
        axes.set_title(f"Roofline: {title_of(document)}", loc="left", fontsize=10)
    return figure


def label_points(figure: Figure, axes, labels: list[tuple[str, tuple[float, float]]]) -> None:
    """Beside each point, or as much lower as the labels above leave room for."""
    line, width = 8.5, 150.0  # points that a label takes
    placed: list[np.ndarray] = []
    for text, at in sorted(labels, key=lambda label: -label[1][1]):
        place = axes.transData.transform(at) * 72 / figure.dpi + (6, -3)
        while any(abs(place[0] - other[0]) < width and abs(place[1] - other[1]) < line for other in placed):
            place[1] -= 1
        placed.append(place)
        offset = place - axes.transData.transform(at) * 72 / figure.dpi
        axes.annotate(text, at, xytext=tuple(offset), textcoords="offset points", fontsize=6.5, color=INK)


def svg(figure: Figure) -> str:
    """For a page: without the XML head that only a file of its own may have."""
    out = io.StringIO()
    with matplotlib.rc_context(STYLE):
        figure.savefig(out, format="svg", metadata={"Date": None, "Creator": None})
    text = out.getvalue()
    return text[text.index("<svg"):]


def png(figure: Figure, path: pathlib.Path) -> None:
    with matplotlib.rc_context(STYLE):
        figure.savefig(path, dpi=DPI, metadata={"Software": None})
