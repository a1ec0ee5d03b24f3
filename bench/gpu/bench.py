#!/usr/bin/env python3
"""Times tconv beside PyTorch's cuDNN on an NVIDIA GPU, on the layers of a table: `make gpu-bench`, docs/cuda.md.

    PYTHONPATH=build/release/python .venv/bin/python bench/gpu/bench.py --tier core

Four JSON files, written after every layer: tconv in either layout, beside cuDNN in float32 and beside cuDNN that may use TF32;
and a picture of each. All are timed in the same rounds.
"""

import argparse
import dataclasses
import pathlib
import re
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
PROJECT = HERE.parent.parent
sys.path[:0] = [str(HERE), str(HERE.parent / "peers")]

from contest import Contest, Entrant  # noqa: E402
from layers import Layer, add_selection, read_layers  # noqa: E402
from limits import Contestant, ours  # noqa: E402
from race import ResultFile, assemble, row_of  # noqa: E402
from work import compulsory_bytes  # noqa: E402
from worker import Worker, scratch_folder  # noqa: E402

NEEDS = "gpu-bench needs an NVIDIA GPU of compute capability 8.0 or later, its driver, and PyTorch with CUDA"
MATHS = ("f32", "tf32")  # what the peers compute in; tconv's is always float32
# Of the largest output. A product in TF32 has 11 bits of each factor: 5e-4, of which sums average a little away.
TF32_TOLERANCE = 5e-3
PEERS = (
    Contestant("torch", "pytorch", "nchw", note="cuDNN through PyTorch, contiguous tensors, benchmark=True"),
    Contestant("torch_channels_last", "pytorch", "nhwc", note="the same, channels_last input and weights"),
)


def peer_of(peer: Contestant, math: str) -> Contestant:
    """A peer under the name that it has while all race at once; in the files it has its own."""
    if math == "f32":
        return peer
    return dataclasses.replace(peer, name=f"{peer.name}_tf32", tolerance=TF32_TOLERANCE, note=f"{peer.note}, TF32 allowed")


def contestants() -> list[Contestant]:
    return [*map(ours, ("nchw", "nhwc")), *(peer_of(peer, math) for math in MATHS for peer in PEERS)]


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_selection(parser)
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
    who = "tconv" if contestant.adapter == "tconv" else "torch_tf32" if contestant.name.endswith("_tf32") else "torch"
    return Worker([sys.executable, HERE / "server.py", who])


def commit() -> str:
    described = subprocess.run(["git", "-C", PROJECT, "describe", "--always", "--dirty", "--abbrev=12", "--exclude=*"],
                               capture_output=True, text=True)
    return described.stdout.strip() or "unknown"


def entrants_of(result: dict[str, Entrant], math: str) -> dict[str, Entrant]:
    """tconv, and the peers that compute in `math` under their own names."""
    chosen = {name: entrant for name, entrant in result.items() if entrant.contestant.adapter == "tconv"}
    chosen.update({peer.name: result[name] for peer in PEERS if (name := peer_of(peer, math).name) in result})
    return chosen


def result_files(options: argparse.Namespace, gpu: str, about: list[dict]) -> dict[tuple[str, str], ResultFile]:
    machine = options.machine or re.sub(r"[^a-z0-9]+", "-", gpu.lower()).strip("-")
    known = {line["name"]: line for line in about}
    files = {}
    for layout in ("nchw", "nhwc"):
        for math in MATHS:
            head = {"tconv": known[ours(layout).name]["version"], "command": "gpu-bench", "commit": commit(), "gpu": gpu,
                    "machine": machine, "layout": layout, "math": math, "seconds": options.seconds, "rounds": options.rounds,
                    "peaks": {}, "peers": [{**known[peer_of(peer, math).name], "name": peer.name} for peer in PEERS]}
            path = options.out / f"{machine}-gpu-{layout}-{math}.json"
            files[layout, math] = ResultFile(path, head, options.layers, options.add)
    return files


def race_layer(contest: Contest, layer: Layer, files: dict[tuple[str, str], ResultFile]) -> list[dict]:
    """Races a layer, adds it to all files, and gives its rows."""
    result, rates = contest.race(layer)
    peaks: dict[str, float] = {}
    for measured in rates.values():
        peaks.update({name: max(rate, peaks.get(name, 0.0)) for name, rate in measured.items()})
        measured["bytes"] = compulsory_bytes(layer)
    rows = []
    for (layout, math), file in files.items():
        row = {**row_of(layer, layout, entrants_of(result, math), rates), "commit": file.head["commit"]}
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
    entrants, about = assemble(contestants(), worker_for)
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
            for row in race_layer(contest, layer, files)[::len(MATHS)]:
                if row["speedup"] is not None:
                    progress.write(f"{row['layer']}: {row['speedup']:.2f} x {row['best_peer']}", file=sys.stderr)
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
