#!/usr/bin/env python3
"""Times tconv beside PyTorch's cuDNN on an NVIDIA GPU, on the layers of a table: `make gpu-bench`, docs/cuda.md.

    PYTHONPATH=build/release/python .venv/bin/python bench/gpu/bench.py --tier core

For either layout of tconv and each arithmetic (float32, TF32, float16, bfloat16) a JSON file, written after every layer, and a
picture; a file's contestants all compute in its arithmetic. All are timed in the same rounds.
"""

import argparse
import dataclasses
import pathlib
import re
import subprocess
import sys
import time
from collections.abc import Sequence
from typing import Any

HERE = pathlib.Path(__file__).resolve().parent
PROJECT = HERE.parent.parent
sys.path[:0] = [str(HERE), str(HERE.parent / "peers")]

from contest import Contest  # noqa: E402
from definition import TOLERANCE  # noqa: E402
from layers import Layer, add_selection, read_layers  # noqa: E402
from limits import Contestant, ours  # noqa: E402
from race import ResultFile, assemble, row_of  # noqa: E402
from work import compulsory_bytes, dtype_of  # noqa: E402
from worker import Worker, scratch_folder  # noqa: E402

NEEDS = "gpu-bench needs an NVIDIA GPU of compute capability 8.0 or later, its driver, and PyTorch with CUDA"
# What a race computes in, and how far off results may be, of the largest output: factors have 11 bits in TF32 and float16 and 8
# in bfloat16, and sums average a little of that away.
TOLERANCES = {"f32": TOLERANCE, "tf32": 5e-3, "f16": 5e-3, "bf16": 4e-2}
PEERS = (
    Contestant("torch", "pytorch", "nchw", note="cuDNN through PyTorch, contiguous tensors, benchmark=True"),
    Contestant("torch_channels_last", "pytorch", "nhwc", note="the same, channels_last input and weights"),
)
OURS = tuple(map(ours, ("nchw", "nhwc")))


def racer(contestant: Contestant, math: str) -> Contestant:
    """A contestant under the name that it has while all race at once; in the files it has its own."""
    return dataclasses.replace(contestant, name=f"{contestant.name}_{math}", tolerance=TOLERANCES[math],
                               note=f"{contestant.note}, {math}")


def contestants(maths: Sequence[str]) -> list[Contestant]:
    return [racer(contestant, math) for math in maths for contestant in (*OURS, *PEERS)]


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_selection(parser)
    parser.add_argument("--math", default=",".join(TOLERANCES), help="what to compute in (default %(default)s)")
    parser.add_argument("--seconds", type=float, default=0.1, help="of each contestant and layer (default 0.1)")
    parser.add_argument("--rounds", type=int, default=5, help="turns that these are divided into (default 5)")
    parser.add_argument("--total-seconds", type=float, default=480, help="no layer is begun after these (default 480)")
    parser.add_argument("--machine", default="", help="name that the results go by (default: the card's)")
    parser.add_argument("--out", type=pathlib.Path, default=PROJECT / "bench" / "results", metavar="FOLDER",
                        help="for MACHINE-gpu-LAYOUT-MATH.json and .png (default bench/results)")
    parser.add_argument("--add", action="store_true", help="keep the files' rows of other layers")
    options = parser.parse_args()
    if options.seconds <= 0 or options.rounds < 1 or options.total_seconds <= 0:
        parser.error("--seconds, --rounds and --total-seconds must be above 0")
    options.math = options.math.split(",")
    if unknown := set(options.math) - set(TOLERANCES):
        parser.error(f"--math: '{unknown.pop()}' is none of {', '.join(TOLERANCES)}")
    return options


def what_is_missing() -> str | None:
    """Why this machine cannot run it."""
    try:
        import torch
    except ImportError as failure:
        return f"{failure} (scripts/bootstrap.sh python installs PyTorch)"
    if torch.version.cuda is None:
        return f"PyTorch {torch.__version__} is built without CUDA"
    if not torch.cuda.is_available():
        return f"PyTorch {torch.__version__} finds no GPU that its CUDA {torch.version.cuda} can use"
    from card import capability

    if capability() < 80:
        return f"{torch.cuda.get_device_name(0)} has compute capability {capability() / 10}"
    try:
        import tconv
    except ImportError as failure:
        return f"{failure} (build the target tconv-python; PYTHONPATH=build/release/python)"
    return None if hasattr(tconv, "CudaPlan") else "this tconv is built without -DTCONV_BUILD_CUDA=ON"


def card_name() -> str:
    import torch

    return torch.cuda.get_device_name(0)


def worker_for(contestant: Contestant) -> Worker:
    return Worker([sys.executable, HERE / "server.py", contestant.adapter, contestant.name.rpartition("_")[2]])


def commit() -> str:
    described = subprocess.run(["git", "-C", PROJECT, "describe", "--always", "--dirty", "--abbrev=12", "--exclude=*"],
                               capture_output=True, text=True)
    return described.stdout.strip() or "unknown"


def of_math(results: dict[str, Any], math: str) -> dict[str, Any]:
    """Those that compute in `math`, under the names that they have in the files."""
    return {contestant.name: results[name] for contestant in (*OURS, *PEERS)
            if (name := racer(contestant, math).name) in results}


def result_files(options: argparse.Namespace, gpu: str, about: list[dict]) -> dict[tuple[str, str], ResultFile]:
    machine = options.machine or re.sub(r"[^a-z0-9]+", "-", gpu.lower()).strip("-")
    known = {line["name"]: line for line in about}
    files = {}
    for layout in ("nchw", "nhwc"):
        for math in options.math:
            lines = of_math(known, math)
            head = {"tconv": lines[ours(layout).name]["version"], "command": "gpu-bench", "commit": commit(), "gpu": gpu,
                    "machine": machine, "layout": layout, "math": math, "seconds": options.seconds, "rounds": options.rounds,
                    "peaks": {}, "peers": [{**lines[peer.name], "name": peer.name} for peer in PEERS]}
            path = options.out / f"{machine}-gpu-{layout}-{math}.json"
            files[layout, math] = ResultFile(path, head, options.layers, options.add)
    return files


def race_layer(contest: Contest, layer: Layer, files: dict[tuple[str, str], ResultFile]) -> list[dict]:
    """Races a layer, adds it to all files, and gives its rows."""
    result, rates = contest.race(layer)
    peaks: dict[str, float] = {}
    for measured in rates.values():
        peaks.update({name: max(rate, peaks.get(name, 0.0)) for name, rate in measured.items()})
    rows = []
    for (layout, math), file in files.items():
        dtype = dtype_of(math)
        roofs = {name: {"fma_gflops": measured[f"{math}_gflops"], "copy_gbs": measured["copy_gbs"],
                        "bytes": compulsory_bytes(layer, dtype)} for name, measured in of_math(rates, math).items()}
        row = {**row_of(layer, layout, of_math(result, math), roofs, dtype), "commit": file.head["commit"]}
        file.head["peaks"] = {**file.head["peaks"], **peaks}
        file.add(row, {})
        rows.append(row)
    return rows


def picture(file: ResultFile) -> None:
    sys.path.insert(0, str(HERE.parent / "report"))
    try:
        import charts
    except ImportError as failure:
        print(f"[SKIP] no pictures: {failure} (scripts/bootstrap.sh report)", file=sys.stderr)
        return
    charts.png(charts.ratios({**file.head, "rows": list(file.rows.values())}), file.path.with_suffix(".png"))


def main() -> int:
    options = arguments()
    try:
        layers = read_layers(options.layers, options.ids, options.tier)
    except ValueError as mistake:
        print(f"gpu-bench: {mistake}", file=sys.stderr)
        return 2
    if missing := what_is_missing():
        print(f"[SKIP] {NEEDS}: {missing}")
        return 0
    entrants, about = assemble(contestants(options.math), worker_for)
    if failed := [line for line in about if line["missing"]]:
        print(*(f"gpu-bench: {line['name']} does not start: {line['missing']}" for line in failed), sep="\n", file=sys.stderr)
        return 1
    from tqdm import tqdm  # here: a machine that skips needs none

    files = result_files(options, card_name(), about)
    end = time.monotonic() + options.total_seconds
    left: list[str] = []
    with scratch_folder() as folder, tqdm(layers, unit="layer", file=sys.stderr) as progress:
        contest = Contest(entrants, pathlib.Path(folder), 1, options.seconds, options.rounds)
        for layer in progress:
            progress.set_postfix_str(layer.id)
            if time.monotonic() > end:
                left.append(layer.id)
                continue
            for (_, math), row in zip(files, race_layer(contest, layer, files)):
                if row["speedup"] is not None:
                    progress.write(f"{row['layer']} {math}: {row['speedup']:.2f} x {row['best_peer']}", file=sys.stderr)
    for _, worker in entrants:
        worker.stop()
    for file in files.values():
        print(file.summary())
        picture(file)
    if left:
        print(f"not begun within {options.total_seconds:g} s: {', '.join(left)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
