"""Runs a framework on one case after the other and keeps what it answers. Used by the record_*.py scripts."""

import argparse
import json
import platform
import random
import re
from importlib.metadata import version
from pathlib import Path

import numpy as np

import store
from integers import tensor

FOLDER = Path(__file__).resolve().parent


class Recorder:
    """compute(args, x, w, b) -> y, or (y, pullback) with pullback(dy) -> (dx, dw, db); arrays in, arrays out."""

    def __init__(self, framework, packages, compute, dtypes=("float32", "float64"), aliases=(), script=None):
        script = script or framework  # one script, and one environment, may record two frameworks
        self.framework = framework
        self.compute = compute
        self.dtypes = dtypes
        self.about = {
            "framework": framework,
            "versions": {name: version(name) for name in packages},
            "python": platform.python_version(),
            "command": f"python tests/golden/record_{script}.py",
            "requirements": f"tests/golden/requirements/{script}.txt",
            "dtypes": list(dtypes),
            "aliases": list(aliases),
        }
        self.cases = []
        self.counts = {"accepted": 0, "refused": 0}
        self.seen = set()

    def add(self, group, args, x, w, bias=True, **more):
        """One case with data drawn for it. x, w: shapes in the framework's order; the filter's C_out by out_channels.
        more: keys for the record; "dtypes" among them replaces those of the recorder. Returns the record, or None for a case that is there already."""
        key = json.dumps([args, x, w, bias, more], sort_keys=True)
        if key in self.seen:
            return None
        self.seen.add(key)
        case = {"id": f"{self.framework}/{len(self.cases)}", "group": group, "args": args, "x": list(x), "w": list(w)}
        case.update(more)
        data = {"x": tensor(case["id"], "x", x), "w": tensor(case["id"], "w", w), "b": None}
        if bias:
            case["b"] = int(bias)
            data["b"] = tensor(case["id"], "b", (int(bias),))
        try:
            case["results"] = self.run(case, data)
            self.counts["accepted"] += 1
        except Refusal as refusal:
            case["error"] = refusal.text
            self.counts["refused"] += 1
        self.cases.append(case)
        return case

    def run(self, case, data):
        """Integers, found equal in every dtype; for a case with "real" what the widest dtype gave."""
        results = None
        for dtype in case.get("dtypes", self.dtypes):
            cast = {name: None if a is None else a.astype(dtype) for name, a in data.items()}
            try:
                answer = self.compute(case["args"], cast["x"], cast["w"], cast["b"])
            except Exception as error:  # whatever a framework raises is its refusal
                raise Refusal(error) from error
            y, pullback = answer if isinstance(answer, tuple) else (answer, None)
            y = np.asarray(y)
            found = {"y": y}
            if pullback:
                dy = tensor(case["id"], "dy", y.shape).astype(dtype)
                try:
                    found.update(zip(store.RESULTS[1:], pullback(dy)))
                except Exception as error:  # a framework may compute what it cannot differentiate
                    case["backward_error"] = Refusal(error).text
            found = {name: np.asarray(a, np.float64) for name, a in found.items() if a is not None}
            if case.get("real"):
                results = found
                continue
            # Data are integers, so results are, equal in every dtype: what is not was never computed.
            garbage = [name for name, a in found.items() if not np.array_equal(a, np.rint(a))
                       or results and name in results and not np.array_equal(a, results[name])]  # fmt: skip
            if garbage:
                case["garbage"] = garbage
                return {}
            results = {**(results or {}), **{name: np.rint(a).astype(np.int64) for name, a in found.items()}}
        return results

    def finish(self):
        path = FOLDER / "data" / f"{self.framework}.npz"
        path.parent.mkdir(exist_ok=True)
        self.about["counts"] = self.counts
        store.write(path, self.about, self.cases)
        print(f"{path.name}: {self.counts}, {path.stat().st_size} bytes, {self.about['versions']}")


class Refusal(Exception):
    def __init__(self, error):
        # Only what the error says: no traces, colours, addresses in memory, or paths of the machine that recorded it.
        text = re.sub(r"\x1b\[\d*m|\{\{.*?\}\}", "", str(error))
        text = re.sub(r"(/[\w.+-]+)+/", "", re.sub(r"0x[0-9a-f]+", "0x", text))
        lines = [line.strip() for line in text.splitlines()]
        lines = [line for line in lines if line and not line.startswith(("-", "C++ Traceback", "Error Message"))]
        self.text = f"{type(error).__name__}: {' '.join(lines)}"[: store.MESSAGE_LENGTH]
        super().__init__(self.text)


class Draw:
    """Parameters of small layers. random.Random is the same in every version of Python for these methods."""

    def __init__(self, seed):
        self.random = random.Random(seed)

    def pick(self, *values):
        return values[int(self.random.random() * len(values))]

    def range(self, first, last):
        return first + int(self.random.random() * (last - first + 1))

    def chance(self, probability):
        return self.random.random() < probability

    def axis(self, kernels=(1, 2, 2, 3, 3, 4, 5), strides=(1, 1, 2, 2, 3, 4), dilations=(1, 1, 1, 2, 3)):
        """I, K, s, d of one axis."""
        return self.range(1, 5), self.pick(*kernels), self.pick(*strides), self.pick(*dilations)

    def channels(self, groups=(1, 1, 1, 2, 3)):
        """C_in, C_out / groups, groups."""
        g = self.pick(*groups)
        return g * self.pick(1, 1, 2) if g > 1 else self.range(1, 3), self.pick(1, 1, 2) if g > 1 else self.range(1, 3), g

    def batch(self):
        return self.pick(1, 1, 1, 2)


def extent(i, k, s, d):
    """Length of the full scatter along one axis."""
    return s * (i - 1) + d * (k - 1) + 1


def arguments(description):
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--random", type=int, default=1000, help="how many random layers the framework must accept")
    return parser.parse_args()
