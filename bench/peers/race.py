#!/usr/bin/env python3
"""Times tconv beside other libraries on the layers of a table: `make peers`, docs/benchmarks.md.

    .venv-peers/bin/python bench/peers/race.py --tier core --machine xeon-emeraldrapids-avx512

For each layout one JSON file is written, after every layer; both are timed in the same rounds.
"""

import argparse
import contextlib
import fcntl
import json
import os
import pathlib
import sys
import time

from comparison import best_peer, losses, mean_speedup, roof, speedup
from contest import Contest, Entrant
from layers import Layer, add_selection, read_layers
from limits import CONTESTANTS, Contestant, ours
from worker import Worker, WorkerFailed, scratch_folder, thread_environment

HERE = pathlib.Path(__file__).resolve().parent
PROJECT = HERE.parent.parent


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_selection(parser)
    parser.add_argument("--layout", default="nchw,nhwc", help="tconv's layout, or both (default): nchw,nhwc")
    parser.add_argument("--threads", type=int, default=1, help="of tconv and of every peer (default 1)")
    parser.add_argument("--seconds", type=float, default=0.4, help="of each contestant and layer (default 0.4)")
    parser.add_argument("--rounds", type=int, default=8, help="turns that these are divided into (default 8)")
    parser.add_argument("--peers", default="", help="only these contestants, separated by commas; --list names them")
    parser.add_argument("--list", action="store_true", help="print the contestants, or why one cannot take part")
    parser.add_argument("--machine", default="", help="write bench/results/MACHINE-peers-LAYOUT-THREADS.json")
    parser.add_argument("--out", type=pathlib.Path, default=PROJECT / "build" / "peers", metavar="FOLDER",
                        help="without --machine: write FOLDER/peers-LAYOUT-THREADS.json (default build/peers)")
    parser.add_argument("--add", action="store_true", help="keep the file's rows of other layers")
    parser.add_argument("--build", type=pathlib.Path, default=PROJECT / "build" / "release",
                        help="where the target peers was built (default build/release)")
    parser.add_argument("--lock", type=pathlib.Path, metavar="FILE",
                        help="hold a lock on FILE while a layer is raced, for machines where others measure too")
    options = parser.parse_args()
    options.layout = options.layout.split(",")
    if unknown := set(options.layout) - {"nchw", "nhwc"}:
        parser.error(f"--layout: '{unknown.pop()}' is neither nchw nor nhwc")
    options.peers = [name for name in options.peers.split(",") if name]
    if unknown := set(options.peers) - {contestant.name for contestant in CONTESTANTS}:
        parser.error(f"--peers: '{unknown.pop()}' is none of {', '.join(c.name for c in CONTESTANTS)}")
    if options.threads < 1 or options.seconds <= 0 or options.rounds < 1:
        parser.error("--threads, --seconds and --rounds must be above 0")
    return options


def worker_for(contestant: Contestant, options: argparse.Namespace) -> Worker:
    environment = thread_environment(options.threads)
    if contestant.native:
        # PyPI's oneDNN runs on SYCL, and that on an OpenCL device for the processor: wheels put them all here.
        libraries = pathlib.Path(sys.prefix) / "lib"
        environment["LD_LIBRARY_PATH"] = f"{libraries}:{os.environ.get('LD_LIBRARY_PATH', '')}".rstrip(":")
        environment["OCL_ICD_FILENAMES"] = str(libraries / "libintelocl.so")
        return Worker([options.build / "peers" / contestant.adapter, options.threads], environment)
    return Worker([sys.executable, HERE / "serve.py", contestant.adapter, options.threads], environment)


def assemble(contestants: list[Contestant], worker_of) -> tuple[list, list[dict]]:
    """Those that start, with their workers; and a line about each."""
    entrants, about = [], []
    workers = [worker_of(contestant) for contestant in contestants]
    for worker in workers:  # all at once: most of them load a framework first
        with contextlib.suppress(FileNotFoundError):  # which the question below will say
            worker.start()
    for contestant, worker in zip(contestants, workers):
        known = {"name": contestant.name, "layout": contestant.layout, "note": contestant.note, "version": None,
                 "missing": None}
        try:
            known["version"] = worker.ask(120, op="hello")["version"]
            entrants.append((contestant, worker))
        except (WorkerFailed, FileNotFoundError) as failure:
            known["missing"] = str(failure)
        about.append(known)
    return entrants, about


def our_result(entrant: Entrant, rates: dict | None, layer: Layer) -> dict:
    result = entrant.result()
    if result["status"] != "timed":
        return result
    if not result["detail"]:
        del result["detail"]
    figures = roof(entrant.detail["flops_executed"], rates)
    return {**result, "kernel": entrant.detail["kernel"], "isa": entrant.detail["isa"],
            "gflops_nominal": layer.flops / result["ns_median"],
            "gflops_executed": entrant.detail["flops_executed"] / result["ns_median"],
            "pct_roof": min(100.0, 100 * figures["ns_roof"] / result["ns_median"]), **figures}


def row_of(layer: Layer, layout: str, entrants: dict[str, Entrant], rates: dict[str, dict], dtype: str = "f32") -> dict:
    name = ours(layout).name
    mine = entrants[name]
    row = {"id": layer.id, "tier": layer.tier, "layer": layer.text(layout, dtype), "flops_nominal": layer.flops,
           "commit": mine.detail.get("commit", "unknown"),
           "tconv": our_result(mine, rates.get(name), layer),
           "peers": {name: entrant.result() for name, entrant in entrants.items() if entrant.contestant.adapter != "tconv"}}
    best = best_peer(row)
    return {**row, "best_peer": best[0] if best else None, "speedup": speedup(row)}


class ResultFile:
    """Rows of one layout with a head, written after every layer. `keep`: those of other layers that are there stay."""

    def __init__(self, path: pathlib.Path, head: dict, layers: pathlib.Path, keep: bool):
        self.path, self.head = path, head
        self.rows: dict[str, dict] = {}
        if keep and path.exists():
            self.rows = {row["id"]: row for row in json.loads(path.read_text())["rows"]}
        self.order = {layer.id: place for place, layer in enumerate(read_layers(layers))}

    def add(self, row: dict, detail: dict) -> None:
        self.rows[row["id"]] = row
        self.head.update({name: detail[name] for name in ("commit", "cpu") if name in detail})
        rows = sorted(self.rows.values(), key=lambda row: self.order.get(row["id"], len(self.order)))
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.path.write_text(json.dumps({**self.head, "rows": rows}, indent=1) + "\n")

    def summary(self) -> str:
        rows = list(self.rows.values())
        mean, count = mean_speedup(rows)
        if mean is None:
            return f"{self.path}: no layer on which both tconv and a peer were timed"
        lines = [f"{self.path}: {mean:.2f} times as fast as the best peer (geometric mean of {count} layers)"]
        lines += [f"  behind on {row['id']}: {value:.2f} of the speed of {row['best_peer']}" for value, row in losses(rows)]
        return "\n".join(lines)


def result_file(layout: str, options: argparse.Namespace, about: list[dict]) -> ResultFile:
    name = f"peers-{layout}-{options.threads}.json"
    path = PROJECT / "bench" / "results" / f"{options.machine}-{name}" if options.machine else options.out / name
    mine = next(known for known in about if known["name"] == ours(layout).name)
    head = {"tconv": mine["version"], "command": "peers", "commit": "unknown", "cpu": "unknown",
            "machine": options.machine or "this machine", "layout": layout, "threads": options.threads,
            "seconds": options.seconds, "rounds": options.rounds,
            "peers": [known for known in about if not known["name"].startswith("tconv_")]}
    return ResultFile(path, head, options.layers, options.add)


class Lock:
    """Held from layer to layer, and let go for a moment between two of them after HOLD seconds."""

    HOLD = 50

    def __init__(self, path: pathlib.Path | None):
        self.file = open(path, "a") if path else None
        self.since: float | None = None

    def acquire(self) -> None:
        if self.file and self.since is None:
            fcntl.flock(self.file, fcntl.LOCK_EX)
            self.since = time.monotonic()

    def rest(self) -> None:
        if self.since is not None and time.monotonic() - self.since > self.HOLD:
            fcntl.flock(self.file, fcntl.LOCK_UN)
            self.since = None
            time.sleep(0.2)  # lets those in who wait


def main() -> int:
    options = arguments()
    try:
        layers = read_layers(options.layers, options.ids, options.tier)
    except ValueError as mistake:
        sys.exit(f"race: {mistake}")
    # The processors of all contestants: PyPI's oneDNN takes as many threads as it may run on, whatever it is told.
    usable = sorted(os.sched_getaffinity(0))
    if options.threads > len(usable):
        sys.exit(f"race: --threads {options.threads}, but {len(usable)} processors may be used")
    os.sched_setaffinity(0, usable[:options.threads])
    wanted = [contestant for contestant in CONTESTANTS if not options.peers or contestant.name in options.peers]
    entrants, about = assemble([*map(ours, options.layout), *wanted], lambda contestant: worker_for(contestant, options))
    for known in about:
        if known["missing"] or options.list:
            print(f"[SKIP] {known['name']}: {known['missing']}" if known["missing"] else
                  f"{known['name']} {known['version']}: {known['note']}", file=sys.stderr)
    if options.list:
        return 0
    if missing := [known["name"] for known in about if known["name"].startswith("tconv_") and known["missing"]]:
        sys.exit(f"race: {missing[0]} does not start; build the target peers with -DTCONV_BUILD_PEERS=ON")
    from tqdm import tqdm  # here: whatever needs no peer works without their environment

    files = {layout: result_file(layout, options, about) for layout in options.layout}
    with scratch_folder() as folder, tqdm(layers, unit="layer", file=sys.stderr) as progress:
        lock = Lock(options.lock)
        contest = Contest(entrants, pathlib.Path(folder), options.threads, options.seconds, options.rounds)
        for layer in progress:
            progress.set_postfix_str(layer.id)
            lock.acquire()
            result, rates = contest.race(layer)
            lock.rest()
            for layout, file in files.items():
                row = row_of(layer, layout, result, rates)
                file.add(row, result[ours(layout).name].detail)
                if row["speedup"] is not None:
                    progress.write(f"{layer.id} {layout}: {row['speedup']:.2f} x {row['best_peer']}", file=sys.stderr)
    for _, worker in entrants:
        worker.stop()
    for file in files.values():
        print(file.summary())
    return 0


if __name__ == "__main__":
    sys.exit(main())
