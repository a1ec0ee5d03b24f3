"""Where a framework does otherwise than tconv's profile of it, and why tconv does what it does.

Each case of a golden file that a Deviation applies to must really differ: what a later version mends has to go from here.
"""

from dataclasses import dataclass
from typing import Callable


@dataclass(frozen=True)
class Deviation:
    name: str
    tconv: str  # what tconv does instead
    applies: Callable  # of a case


def empty_result(case):
    return 0 in case.get("y", ())[-3:] and 0 not in case["x"]


DEVIATIONS = {
    "chainer": (
        Deviation(
            "chainer: an outsize of 0 gives an empty array",
            "refuses: an output has at least one row and one column",
            empty_result,
        ),
        Deviation(
            "chainer: a negative pad gives slices counted from the wrong end",
            "refuses",
            lambda case: case["args"].get("pad") == -1,
        ),
    ),
    "numpy_ml": (
        Deviation(
            "numpy_ml: pads that leave nothing give an empty array",
            "refuses: an output has at least one row and one column",
            empty_result,
        ),
        Deviation(
            "numpy_ml: a dilation of -1 makes every tap fall on one place",
            "refuses: a dilation counts zeros between taps",
            lambda case: case["args"].get("dilation") == -1,
        ),
    ),
    "paddle": (
        Deviation(
            "paddle: output_padding from the stride up to the dilation passes the check, then the CPU kernel fails",
            "computes it, by the check: output_padding < max(stride, dilation)",
            lambda case: "are inconsistent" in case.get("error", ""),
        ),
        Deviation(
            "paddle: pads that leave nothing give an empty array",
            "refuses: an output has at least one row and one column",
            empty_result,
        ),
        Deviation(
            "paddle: a dilation of 0 is accepted",
            "refuses: a dilation is at least 1",
            lambda case: case["args"].get("dilation") == 0,
        ),
    ),
}
