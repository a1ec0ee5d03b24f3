"""One layer, every contestant, in turns: verified first, timed round by round, one process awake at a time."""

import contextlib
import dataclasses
import math
import pathlib
import time

import numpy as np

import limits
from definition import error_of, forward, random_tensors
from layers import Layer
from limits import Contestant
from worker import Worker, WorkerFailed

PREPARE_SECONDS = 120  # what an answer may take
SLOW_NS = 20e6         # above this a run warms no cache that its first microseconds would not warm
MOST_SECONDS = 1.5     # of one contestant on one layer, where its runs are that long, but for
FEWEST_ROUNDS = 3      # unless its run takes longer than MOST_SECONDS: that is timed once
PAUSE = 0.005          # between turns of several threads: pools of other processes have stopped spinning by then


@dataclasses.dataclass
class Entrant:
    contestant: Contestant
    worker: Worker
    status: str = "skipped"  # timed, skipped (cannot do the layer), failed (should, but did not), wrong
    reason: str = ""
    detail: dict = dataclasses.field(default_factory=dict)
    max_err: float | None = None
    one: float = 0.0  # ns of a run, from before the rounds
    samples: list[float] = dataclasses.field(default_factory=list)

    def out(self, status: str, reason: str) -> None:
        self.status, self.reason, self.samples = status, reason, []

    def result(self) -> dict:
        if self.status != "timed":
            return {"status": self.status, "reason": self.reason}
        p10, median, p90 = np.quantile(self.samples, (0.1, 0.5, 0.9))
        return {"status": "timed", "ns_median": float(median), "ns_p10": float(p10), "ns_p90": float(p90),
                "samples": len(self.samples), "max_err": self.max_err, "detail": self.detail.get("detail", "")}


def rounds_for(one: float, rounds: int) -> int:
    """How many rounds a contestant whose run takes `one` ns takes part in."""
    seconds = one * 1e-9
    return 1 if seconds > MOST_SECONDS else min(rounds, max(FEWEST_ROUNDS, int(MOST_SECONDS / seconds)))


class Contest:
    """Everything that the layers of one run share."""

    def __init__(self, entrants: list[tuple[Contestant, Worker]], folder: pathlib.Path, threads: int, seconds: float,
                 rounds: int):
        self.entrants, self.folder = entrants, folder
        self.threads, self.seconds, self.rounds = threads, seconds, rounds

    def race(self, layer: Layer) -> tuple[dict[str, Entrant], dict[str, dict]]:
        """The entrants by name, and for those that are tconv what the machine could do for the layer."""
        tensors = random_tensors(layer)
        files = self._write(layer, *tensors)
        expected = {"nhwc": forward(layer, *tensors)}
        expected["nchw"] = np.ascontiguousarray(expected["nhwc"].transpose(0, 3, 1, 2))
        entrants = [Entrant(contestant, worker) for contestant, worker in self.entrants]
        for entrant in entrants:
            self._enter(entrant, layer, files, expected)
        racing = [entrant for entrant in entrants if entrant.status == "timed"]
        rates: dict[str, dict] = {}
        self._measure(racing, rates)  # just before and just after the rounds, since clocks move
        self._rounds(racing)
        self._measure(racing, rates)
        for entrant in racing:
            with contextlib.suppress(WorkerFailed):  # the next layer gets another process
                entrant.worker.ask(PREPARE_SECONDS, op="release")
        return {entrant.contestant.name: entrant for entrant in entrants}, rates

    @staticmethod
    def _measure(racing: list[Entrant], rates: dict[str, dict]) -> None:
        """What the machine can do for the layer, the higher of all figures: noise only lowers a rate."""
        for entrant in racing:
            if entrant.contestant.adapter == "tconv" and entrant.status == "timed":
                try:
                    measured = entrant.worker.ask(PREPARE_SECONDS, op="rates")
                except WorkerFailed as failure:
                    entrant.out("failed", f"while rates were measured: {failure}")
                    continue
                known = rates.setdefault(entrant.contestant.name, measured)
                known.update({name: max(value, known[name]) for name, value in measured.items()})

    def _write(self, layer: Layer, x, w, b) -> dict:
        files = {name: self.folder / name for name in ("nchw", "nhwc", "filter", "bias", "output")}
        x.tofile(files["nchw"])
        np.ascontiguousarray(x.transpose(0, 2, 3, 1)).tofile(files["nhwc"])
        w.tofile(files["filter"])
        if b is not None:
            b.tofile(files["bias"])
        return files

    def _enter(self, entrant: Entrant, layer: Layer, files: dict, both: dict[str, np.ndarray]) -> None:
        contestant = entrant.contestant
        if cannot := limits.reason(contestant, layer):
            entrant.out("skipped", cannot)
            return
        files["output"].unlink(missing_ok=True)
        try:
            answer = entrant.worker.ask(
                PREPARE_SECONDS, op="prepare", layer=layer.fields(), layout=contestant.layout,
                text=layer.text(contestant.layout), input=str(files[contestant.layout]), filter=str(files["filter"]),
                bias=str(files["bias"]) if layer.bias else None, output=str(files["output"]))
        except WorkerFailed as failure:
            entrant.out("failed", str(failure))
            return
        if "skip" in answer:
            entrant.out("skipped", answer["skip"])
            return
        entrant.detail, entrant.one = answer, answer["ns"]
        result, expected = np.fromfile(files["output"], np.float32), both[contestant.layout]
        if result.size != expected.size:
            entrant.out("wrong", f"{result.size} outputs instead of {expected.size}")
            return
        entrant.max_err = error_of(result.reshape(expected.shape), expected)
        if entrant.max_err > contestant.tolerance:
            entrant.out("wrong", f"off by {entrant.max_err:.2g} of the largest output, more than {contestant.tolerance:g}")
            return
        entrant.status = "timed"

    def _rounds(self, racing: list[Entrant]) -> None:
        turn = self.seconds / self.rounds
        for number in range(self.rounds):
            start = number % max(1, len(racing))  # nobody always runs behind the same one
            for entrant in racing[start:] + racing[:start]:
                mine = rounds_for(entrant.one, self.rounds)
                # Its rounds are spread over all: a slow peer takes every second or third.
                if entrant.status != "timed" or math.floor(number * mine / self.rounds) == math.floor(
                        (number - 1) * mine / self.rounds):
                    continue
                if self.threads > 1:
                    time.sleep(PAUSE)
                try:
                    answer = entrant.worker.ask(PREPARE_SECONDS, op="time", seconds=turn, warm=entrant.one < SLOW_NS)
                    entrant.samples += answer["ns"]
                except WorkerFailed as failure:
                    entrant.out("failed", str(failure))
