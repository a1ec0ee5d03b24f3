"""The other end of worker.py for peers with a Python package: python serve.py ADAPTER THREADS
(bench/gpu/server.py is that for contestants on a GPU.)

An adapter is a module of adapters/ with

    version() -> str
    prepare(layer, layout, x, w, b, threads) -> (run, output, detail)

where x, w and b are NumPy arrays (x in `layout`, w as IOHW), run() computes the layer once, output() is the result in
`layout`, and detail is what is worth recording (fields of the answer, or its field "detail"). A ValueError of prepare says why the peer cannot do the layer.
"""

import importlib
import json
import os
import sys
import time

import numpy as np

from layers import Pair

SHORTEST_SAMPLE = 20_000  # ns: shorter runs are timed several at a time, for the clock's own cost

WARM_BY_NOW = 100e6        # ns: a longer first run is as good as a second


def nanoseconds(run, times: int) -> float:
    start = time.perf_counter_ns()
    for _ in range(times):
        run()
    return (time.perf_counter_ns() - start) / times


def time_runs(run, one: float, seconds: float, warm: bool) -> list[float]:
    """Samples within `seconds`, one at least; `one` is what a run took before."""
    if warm:
        run()
    times, samples = max(1, round(SHORTEST_SAMPLE / one)), []
    end = time.perf_counter() + seconds
    while not samples or time.perf_counter() < end:
        samples.append(nanoseconds(run, times))
    return samples


def tensor(path: str, shape: tuple) -> np.ndarray:
    return np.fromfile(path, np.float32).reshape(shape)


class Server:
    def __init__(self, adapter, threads: int):
        self.adapter = adapter
        self.threads = threads
        self.run = self.output = None
        self.tensors = ()
        self.one = 0.0

    def hello(self, _request: dict) -> dict:
        return {"version": self.adapter.version()}

    def prepare(self, request: dict) -> dict:
        layer = {name: Pair(*value) if isinstance(value, list) else value for name, value in request["layer"].items()}
        n, c, h, w = layer["batch"], layer["in_channels"], *layer["in_size"]
        shape = (n, c, h, w) if request["layout"] == "nchw" else (n, h, w, c)
        filter_shape = (c, layer["out_channels"] // layer["groups"], *layer["kernel"])
        # Kept, as is the output below: some peers work on this memory without a reference to it.
        self.tensors = (tensor(request["input"], shape), tensor(request["filter"], filter_shape),
                        tensor(request["bias"], (-1,)) if request["bias"] else None)
        try:
            self.run, self.output, detail = self.adapter.prepare(layer, request["layout"], *self.tensors, self.threads)
        except ValueError as reason:
            return {"skip": str(reason)}
        self.one = self.first_runs()
        np.ascontiguousarray(self.output(), np.float32).tofile(request["output"])
        return {"ns": self.one, **(detail if isinstance(detail, dict) else {"detail": detail})}

    def first_runs(self) -> float:
        """Nanoseconds of a run after a warm one."""
        one = nanoseconds(self.run, 1)
        return nanoseconds(self.run, 1) if one < WARM_BY_NOW else one

    def time(self, request: dict) -> dict:
        return {"ns": time_runs(self.run, self.one, request["seconds"], request["warm"])}

    def release(self, _request: dict) -> dict:
        self.run, self.output, self.tensors = None, None, ()
        return {}


def answer_requests(make_server) -> None:
    # Answers go where standard output was; what libraries print joins their errors.
    with os.fdopen(os.dup(1), "w") as answers:
        os.dup2(2, 1)
        server = make_server()
        for line in sys.stdin:
            request = json.loads(line)
            print(json.dumps(getattr(server, request["op"])(request)), file=answers, flush=True)


if __name__ == "__main__":
    answer_requests(lambda: Server(importlib.import_module(f"adapters.{sys.argv[1]}"), int(sys.argv[2])))
