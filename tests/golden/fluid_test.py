"""tconv's profile of the old paddle.fluid.dygraph.Conv2DTranspose, which runs on no Python of today.

Where its arguments are those that Paddle 3 still has, it is held against what Paddle 3 computed and refused (paddle.npz);
where they are not, against the formulas: fluid had no such argument, and the profile refuses it. The test prints which
groups of cases, named after the traps of docs/conventions.md, are held against which.
usage: fluid_test.py LIBTCONV.so
"""

import sys
from collections import Counter

import profile_arguments
from deviations import DEVIATIONS
from formulas_test import FOLDER
from library import Library
from profile_arguments import NotInC
from profiles_test import DTYPES, mismatch, wanted
from store import Golden

ARGUMENTS = {"stride", "padding", "dilation", "groups", "output_size", "act", "data_format"}


def missing_in_fluid(args):
    """The argument, or the form of one, that fluid did not have; None if it had all."""
    padding = args.get("padding", 0)
    if isinstance(padding, str):
        return f"padding {padding}"
    if not isinstance(padding, int) and len(padding) > 2:
        return "padding of four sides"
    if args.get("output_padding", 0) not in (0, [0, 0]):
        return "output_padding"
    return next((name for name in args if name not in {*ARGUMENTS, "api", "output_padding"}), None)


def main():
    library, bad = Library(sys.argv[1]), 0
    golden = Golden(FOLDER / "paddle.npz")
    by_paddle, by_formula = Counter(), Counter()
    for case in golden.cases:
        if case["args"].get("data_format", "NCHW") != "NCHW":
            continue  # the layer of fluid.dygraph had none but NCHW, and in C it is the spec's
        missing = missing_in_fluid(case["args"])
        deviates = any(d.applies(case) for d in DEVIATIONS["paddle"])
        right = ValueError(f"fluid had no {missing}") if missing else wanted("paddle", case)
        for dtype in DTYPES.keys() & library.dtypes():
            try:
                wrong = mismatch(library, "paddle", case, dtype, right, deviates, profile_arguments.fluid)
            except NotInC:
                continue
            (by_formula if missing or deviates else by_paddle)[case["group"]] += 1
            if wrong:
                bad += 1
                print(f"{case['id']} {dtype} {case['group']} {case['args']} x {case['x']} w {case['w']}: {wrong}")
    print(f"fluid against Paddle {golden.about['versions']['paddlepaddle']}: {dict(by_paddle)}")
    print(f"fluid against the formulas: {dict(by_formula)}")
    print(f"{bad} differ")
    return bad > 0 or not by_paddle["T4_act_softmax"] or not by_paddle["T1_output_size"] or not by_formula["T1_output_padding"]


if __name__ == "__main__":
    sys.exit(main())
