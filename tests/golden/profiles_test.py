"""tconv's C profiles and gradients against the golden files: crop, size, what is refused, and every value with ==.

Where a framework does otherwise than its profile (deviations.py), tconv is held against the definition instead.
usage: profiles_test.py LIBTCONV.so [FRAMEWORK]...      default: all
"""

import sys
from collections import Counter

import numpy as np

import profile_arguments
from deviations import DEVIATIONS
from formulas import FRAMEWORKS
from formulas_test import FOLDER, expected
from integers import tensor
from library import Library, Refused
from profile_arguments import NotInC
from store import Golden

DIFFERENTIATED = ("torch", "chainer", "paddle", "numpy_ml", "tensorflow", "keras", "jax")  # the others have no gradients
SHOWN = 20
DTYPES = {"F32": np.float32, "F64": np.float64}
REAL = {"F32": 4e-6, "F64": 1e-6}  # activations: see docs/testing.md for the bounds; parameters are float in both
WEIGHTS = {
    "numpy_ml": "NUMPY_ML", "tensorflow": "TENSORFLOW", "keras": "TENSORFLOW", "tflite": "TFLITE",
}  # fmt: skip
JAX_WEIGHTS = {("HWIO", True): "JAX", ("HWOI", False): "JAX_TRANSPOSED", ("OIHW", True): "JAX_OIHW",
               ("IOHW", False): "TORCH", ("OIHW", False): "ONEDNN"}  # fmt: skip
ACTIVATIONS = {  # Paddle's name: tconv's, act_alpha, act_beta
    "softmax": ("SOFTMAX", 0, 0), "relu": ("RELU", 0, 0), "sigmoid": ("SIGMOID", 0, 0), "tanh": ("TANH", 0, 0),
    "relu6": ("CLIP", 0, 6), "leaky_relu": ("LEAKY_RELU", 0.02, 0), "elu": ("ELU", 1, 0), "softplus": ("SOFTPLUS", 0, 0),
    "hard_swish": ("HARD_SWISH", 0, 0), "swish": ("SILU", 0, 0), "gelu": ("GELU", 0, 0),
}  # fmt: skip


def make_spec(library, name, case, dtype):
    """All but what the profile sets; NotInC where arrays do not fit each other."""
    framework, args = FRAMEWORKS[name], case["args"]
    layout, order = framework.layout(args), framework.filter(args)
    spec = library.initialised("spec")
    if len(case["x"]) not in ((3, 4) if name == "torch" else (4,)) or layout not in ("NCHW", "NHWC"):
        raise NotInC("dimensions of x")
    x = dict(zip(layout, [1] * (4 - len(case["x"])) + case["x"]))
    w = dict(zip(order, case["w"]))
    spec.groups = args.get("groups", args.get("group", 1))
    if x["C"] != w["I"] or case.get("b", w["O"] * spec.groups) != w["O"] * spec.groups:
        raise NotInC("channels of x, filter and bias")
    spec.dtype, spec.layout = library.constant(dtype), library.constant(layout)
    spec.has_bias = int("b" in case)
    spec.batch, spec.in_channels, spec.in_h, spec.in_w = (x[axis] for axis in "NCHW")
    spec.out_channels, spec.kernel_h, spec.kernel_w = w["O"] * spec.groups, w["H"], w["W"]
    act = args.get("act")
    if act is not None:
        if act not in ACTIVATIONS:
            raise NotInC(f"act {act}")
        kind, spec.act_alpha, spec.act_beta = ACTIVATIONS[act]
        spec.activation, spec.softmax_axis = library.constant("ACT_" + kind), library.constant("AXIS_LAST")
    return spec, layout


def filter_view(library, name, case, spec, w):
    framework = FRAMEWORKS[name]
    if name != "jax":
        return library.filter_view(spec, WEIGHTS.get(name, "TORCH"), w)
    key = framework.filter(case["args"]), framework.turned(case["args"])
    if key in JAX_WEIGHTS:
        return library.filter_view(spec, JAX_WEIGHTS[key], w)
    view = library.filter_view(spec, "TORCH", w)  # turned IOHW has no name of its own
    view.data += w.itemsize * ((spec.kernel_h - 1) * view.stride[2] + (spec.kernel_w - 1) * view.stride[3])
    view.stride[2], view.stride[3] = -view.stride[2], -view.stride[3]
    return view


def batched(array):
    return array.reshape((1,) * (4 - array.ndim) + array.shape)


def compute(library, name, case, dtype, fill=None):
    """(crop, size, results) by tconv, with the gradients that the framework gave too; Refused or NotInC.
    fill: of profile_arguments, that of this name unless given."""
    spec, layout = make_spec(library, name, case, dtype)
    profile = "onnx" if name == "onnxruntime" else name
    params = library.initialised(profile + "_params")
    (fill or getattr(profile_arguments, name))(params, case["args"], library.constant)
    if hasattr(params, "groups"):
        params.groups = spec.groups
    elif hasattr(params, "group"):
        params.group = spec.groups
    library.profile(profile, spec, params)
    x, w = (tensor(case["id"], role, case[role]).astype(DTYPES[dtype]) for role in "xw")
    b = tensor(case["id"], "b", (case["b"],)).astype(DTYPES[dtype]) if "b" in case else None
    filter_of_w = filter_view(library, name, case, spec, w)
    y = library.run(spec, batched(x), filter_of_w, b, layout)
    results = {"y": y.reshape(y.shape[4 - x.ndim :])}
    if "dx" in case:
        dy, dw = tensor(case["id"], "dy", results["y"].shape).astype(DTYPES[dtype]), np.full_like(w, np.nan)
        filter_of_dw = filter_view(library, name, case, spec, dw)
        dx, db = library.gradients(spec, batched(x), filter_of_w, filter_of_dw, batched(dy), layout)
        results.update(dx=dx.reshape(x.shape), dw=dw, db=db)
    return (spec.pad_top, spec.pad_left), library.output_size(spec), results


def wanted(name, case):
    """(geometry, results) by the definition, or the ValueError with which the framework's formula refuses."""
    try:
        return FRAMEWORKS[name].geometry(case["args"], case["x"], case["w"]), expected(FRAMEWORKS[name], case)
    except ValueError as refusal:
        return refusal


def mismatch(library, name, case, dtype, right, deviates, fill=None):
    """None, or what differs. right: what wanted() gave."""
    refused = isinstance(right, ValueError)
    try:
        crop, size, results = compute(library, name, case, dtype, fill)
    except Refused as refusal:
        return None if refused else f"tconv refuses ({refusal}), the framework gave {case.get('y')}"
    if refused:
        return f"tconv gives {results['y'].shape}, the framework refuses ({case.get('error', right)})"
    geometry, defined = right
    if crop != tuple(geometry.crop) or size != tuple(geometry.size):
        return f"crop {crop} and size {size}, not {geometry.crop} and {geometry.size}"
    compared = [("definition", defined)]
    if not deviates:
        compared.append(("framework", case["results"]))
    for source, given in compared:
        for result, values in given.items():
            found = results[result]
            if found.shape != values.shape:
                return f"{result}: {found.shape}, not {values.shape} as the {source}"
            tolerance = REAL[dtype]
            same = np.allclose(found, values, rtol=tolerance, atol=tolerance) if case.get("real") else np.array_equal(found, values)
            if not same:
                return f"{result}: differs from the {source} in {np.count_nonzero(found != values)} of {found.size} values"
    return None


def main():
    library, failed = Library(sys.argv[1]), False
    dtypes = [dtype for dtype in DTYPES if dtype in library.dtypes()]
    for dtype in DTYPES.keys() - dtypes:
        print(f"[SKIP] no kernels for {dtype} in this library")
    for name in sys.argv[2:] or FRAMEWORKS:
        golden = Golden(FOLDER / f"{name}.npz")
        counts, bad = Counter(), 0
        for case in golden.cases:
            deviation = next((d for d in DEVIATIONS.get(name, ()) if d.applies(case)), None)
            right = wanted(name, case)
            for dtype in dtypes:
                try:
                    wrong = mismatch(library, name, case, dtype, right, deviation is not None)
                except NotInC:
                    counts["about Python's forms of arguments"] += 1
                    continue
                counts["refused" if "error" in case else "computed " + dtype] += 1
                counts["gradients " + dtype] += "dx" in case
                counts["otherwise than the framework"] += deviation is not None
                if wrong:
                    bad += 1
                    if bad <= SHOWN:
                        print(f"{case['id']} {dtype} {case['group']} {case['args']} x {case['x']} w {case['w']}: {wrong}")
        print(f"{name}: {dict(counts)}, {bad} differ")
        untested = not all(counts["computed " + dtype] for dtype in dtypes) or not dtypes
        if name in DIFFERENTIATED:
            untested = untested or not all(counts["gradients " + dtype] for dtype in dtypes)
        failed = failed or bad > 0 or untested
    return failed


if __name__ == "__main__":
    sys.exit(main())
