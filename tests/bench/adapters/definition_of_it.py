"""A peer for tests: the definition itself. Ways to misbehave are asked for in MISBEHAVE."""

import os
import signal
import sys
import time

import definition
from layers import Layer, Pair


def version() -> str:
    print("chatter on standard output")
    return "1.0"


def prepare(fields, layout, x, w, b, threads):
    how = os.environ.get("MISBEHAVE", "")
    if how == "refuse":
        raise ValueError("it does not like this one")
    if how == "crash":
        print("about to crash", file=sys.stderr, flush=True)
        os.kill(os.getpid(), signal.SIGSEGV)
    if how == "raise":
        raise RuntimeError("a bug of its own")
    if how == "hang":
        time.sleep(600)
    shape = {name: Pair(*fields[name]) for name in ("in_size", "kernel", "stride", "dilation", "size")}
    layer = Layer(id="", tier="", batch=fields["batch"], in_channels=fields["in_channels"], groups=fields["groups"],
                  out_channels=fields["out_channels"], crop=Pair(*fields["pad_begin"]), bias=fields["bias"], **shape)
    nchw = x if layout == "nchw" else x.transpose(0, 3, 1, 2)
    result = None

    def run():
        nonlocal result
        if how == "crash later" and result is not None:
            os.kill(os.getpid(), signal.SIGKILL)
        result = definition.forward(layer, nchw, w, b)
        if how == "wrong":
            result[0, 0, 0, 0] += 1

    return run, lambda: result if layout == "nhwc" else result.transpose(0, 3, 1, 2), f"{threads} threads"
