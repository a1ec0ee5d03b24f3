"""The golden files against the definition (reference.py) with each framework's crop and size (formulas.py).

No tconv in here: it tells whether docs/conventions.md says what the frameworks do. Needs NumPy only. Where a framework
is known to differ (deviations.py), it must do so in every case that is listed there.
usage: formulas_test.py [FRAMEWORK]...      default: all
"""

import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np

import activations
import reference
from deviations import DEVIATIONS
from formulas import FRAMEWORKS, onnx_shape_inference
from integers import tensor
from store import Golden

FOLDER = Path(__file__).resolve().parent / "data"
RELATIVE = 1e-12  # activations in double, by other functions of the C library
NOTICED = 0.9  # the rest have all-zero rows, or one tap
SHOWN = 20  # mismatches printed for each framework


def logical(array, order, wanted):
    """A transposed view of array with its axes from one order of letters to another."""
    return array.transpose([order.index(letter) for letter in wanted])


def expected(framework, case, gradients=True):
    """What the definition gives for a case, in the framework's axis order; ValueError where it should refuse."""
    geometry = framework.geometry(case["args"], case["x"], case["w"])
    layout, order = framework.layout(case["args"]), framework.filter(case["args"])
    x, w = (tensor(case["id"], name, case[name]) for name in "xw")
    b = tensor(case["id"], "b", (case["b"],)) if "b" in case else None
    batched = x.ndim == 4
    x = logical(x if batched else x[None], layout, "NCHW")
    w = logical(w, order, "IOHW")
    turned = framework.turned(case["args"])
    if turned:
        w = w[:, :, ::-1, ::-1]
    results = {"y": reference.forward(x, w, b, geometry)}
    if "act" in case["args"]:
        if case["args"]["act"] not in activations.PADDLE:
            raise ValueError(f"act {case['args']['act']}")
        results["y"] = activations.PADDLE[case["args"]["act"]](results["y"].astype(np.float64))
    if gradients and "dx" in case:
        dy = tensor(case["id"], "dy", case["y"])
        dy = logical(dy if batched else dy[None], layout, "NCHW")
        results.update(zip(("dx", "dw", "db"), reference.backward(x, w, dy, geometry)))
    for name in results:
        if name in ("y", "dx"):
            results[name] = logical(results[name], "NCHW", layout)
            if not batched:
                results[name] = results[name][0]
    if "dw" in results:
        dw = results["dw"][:, :, ::-1, ::-1] if turned else results["dw"]
        results["dw"] = logical(dw, "IOHW", order)
    return results


def mismatch(framework, case, gradients=True):
    """None, or what differs."""
    if "garbage" in case:
        return f"{case['garbage']}: values that no sum of these integers has"
    try:
        results = expected(framework, case, gradients)
    except ValueError as refusal:
        return None if "error" in case else f"the formula refuses ({refusal}), the framework gave {case['y']}"
    if "error" in case:
        return f"the formula gives {results['y'].shape}, the framework said {case['error']}"
    for name in results:
        found = case["results"].get(name)
        if found is None:
            continue  # no gradient of a bias that is not there
        if found.shape != results[name].shape:
            return f"{name}: {found.shape} from the framework, {results[name].shape} from the formula"
        if case.get("real"):
            if not np.allclose(found, results[name], rtol=RELATIVE, atol=RELATIVE):
                return f"{name}: differs by {np.abs(found - results[name]).max()}"
        elif not np.array_equal(found, results[name]):
            return f"{name}: {np.count_nonzero(found != results[name])} of {found.size} values differ"
    return None


def one_row_off(framework):
    """The same with a wrong crop: data that do not tell that apart test nothing."""

    def geometry(args, x, w):
        right = framework.geometry(args, x, w)
        return replace(right, crop=(right.crop[0] + 1, right.crop[1]))

    return replace(framework, geometry=geometry)


def inference_mismatch(case):
    """ONNX: whether shape inference says what onnx_shape_inference says it does."""
    try:
        FRAMEWORKS["onnx"].geometry(case["args"], case["x"], case["w"])
    except ValueError:
        return None
    size = onnx_shape_inference(case["args"], case["x"], case["w"])
    return None if case["inferred"] == size else f"shape inference gives {case['inferred']}, not {size}"


def main():
    failed = False
    for name in sys.argv[1:] or FRAMEWORKS:
        golden = Golden(FOLDER / f"{name}.npz")
        counts, bad = Counter(), 0
        for case in golden.cases:
            wrong = mismatch(FRAMEWORKS[name], case)
            deviation = next((d for d in DEVIATIONS.get(name, ()) if d.applies(case)), None)
            if deviation:
                counts[deviation.name] += bool(wrong)
                if deviation.geometry:
                    other = mismatch(replace(FRAMEWORKS[name], geometry=deviation.geometry), case)
                    if other:
                        bad += 1
                        print(f"{case['id']} {case['args']}: not as described by {deviation.name}: {other}")
                agrees = not wrong and not deviation.sometimes
                wrong = f"agrees, although it is listed as {deviation.name}" if agrees else None
            else:
                counts["compared"] += 1
                counts["compared with a result"] += "y" in case
                counts["a crop one row off noticed"] += "y" in case and mismatch(one_row_off(FRAMEWORKS[name]), case, gradients=False) is not None
            counts["refused" if "error" in case else "accepted"] += 1
            counts["gradients"] += "dx" in case
            if "inferred" in case:
                wrong = wrong or inference_mismatch(case)
            if wrong:
                bad += 1
                if bad <= SHOWN:
                    print(f"{case['id']} {case['group']} {case['args']} x {case['x']} w {case['w']}: {wrong}")
        print(f"{name} {golden.about['versions']}: {dict(counts)}, {bad} differ")
        missing = [d.name for d in DEVIATIONS.get(name, ()) if not counts[d.name]]
        if missing:
            print(f"{name}: no case for {missing}")
        blind = counts["a crop one row off noticed"] < NOTICED * counts["compared with a result"]
        if blind:
            print(f"{name}: the data tell too few wrong crops from right ones")
        failed = failed or bad > 0 or not counts["accepted"] or missing != [] or blind
    return failed


if __name__ == "__main__":
    sys.exit(main())
