"""The golden files: one .npz per framework, an index of cases and arrays of small integers.

Member `index.json` holds the versions, the command and one record per case; `unzip -p torch.npz index.json` prints it.
A record has the framework's own arguments and shapes in its own axis order, and either the shape of the result or the
error with which the framework refused. Results lie one after the other in the arrays y, dx, dw, db.
"""

import io
import json
import zipfile

import numpy as np

RESULTS = ("y", "dx", "dw", "db")
MESSAGE_LENGTH = 200


class Golden:
    """A golden file, read. cases: records of the index, each with "results", a dict of int64 arrays."""

    def __init__(self, path):
        with zipfile.ZipFile(path) as archive:
            index = json.loads(archive.read("index.json"))
            arrays = {name: np.load(io.BytesIO(archive.read(name + ".npy"))) for name in (*RESULTS, "real")}
        self.about = index["about"]
        self.cases = index["cases"]
        at = dict.fromkeys(arrays, 0)
        for case in self.cases:
            case["results"] = {}
            for name in RESULTS:
                if name not in case:
                    continue
                source = "real" if name == "y" and case.get("real") else name
                count = int(np.prod(case[name], dtype=np.int64))
                flat = arrays[source][at[source] : at[source] + count]
                dtype = np.float64 if source == "real" else np.int64
                case["results"][name] = flat.astype(dtype).reshape(case[name])
                at[source] += count
        for name, array in arrays.items():
            if at[name] != len(array):
                raise ValueError(f"{path}: {len(array)} values of {name}, the index accounts for {at[name]}")


def write(path, about, cases):
    """cases: records whose "results" are arrays; the shapes are added here."""
    streams = {name: [] for name in (*RESULTS, "real")}
    lines = []
    for case in cases:
        record = {key: value for key, value in case.items() if key != "results"}
        for name, array in case.get("results", {}).items():
            record[name] = list(array.shape)
            streams["real" if name == "y" and case.get("real") else name].append(array.ravel())
        lines.append(json.dumps(record, separators=(",", ":")))
    index = '{"about":' + json.dumps(about, indent=1) + ',\n"cases":[\n' + ",\n".join(lines) + "\n]}\n"
    with zipfile.ZipFile(path, "w") as archive:
        add(archive, "index.json", index.encode())
        for name, parts in streams.items():
            array = np.concatenate(parts) if parts else np.zeros(0)
            if name == "real":
                array = array.astype(np.float64)
            else:
                fits = not len(array) or np.abs(array).max() < 128
                array = array.astype(np.int8 if fits else np.int16)
            data = io.BytesIO()
            np.save(data, array)
            add(archive, name + ".npy", data.getvalue())


def add(archive, name, data):
    # The date is fixed: the same results are the same file.
    member = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
    member.compress_type = zipfile.ZIP_DEFLATED
    member.external_attr = 0o644 << 16
    archive.writestr(member, data, compresslevel=9)
