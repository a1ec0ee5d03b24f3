#!/usr/bin/env python3
"""Draws layers that are not in layers.csv but of its kinds, and prints them as layer texts, one a line.

    build/release/bin/tconv bench --seconds 0.05 --layer $(bench/shapes/draw_layers.py --count 500 --seed 1)

Sizes are log-uniform over the suite's ranges, made odd as often as not; one layer in ten each is depthwise, grouped,
one-dimensional, dilated with a stride, strided past its kernel (s > k), thin (a map of 1 to 3 rows) or tiny (1x1 to 4x4).
The same seed gives the same layers. Layers above --gflop are drawn again.
"""

import argparse
import math
import random


def log_uniform(rng: random.Random, low: int, high: int) -> int:
    return round(math.exp(rng.uniform(math.log(low), math.log(high))))


def draw(rng: random.Random, most_gflop: float, layout: str) -> str:
    while True:
        kind = rng.choice(("dense", "dense", "dense", "dense", "few", "depthwise", "grouped", "flat", "dilated", "sparse",
                           "thin", "tiny"))
        channels, outputs = log_uniform(rng, 8, 512), log_uniform(rng, 8, 512)
        if rng.random() < 0.5:
            channels, outputs = (max(8, n // 8 * 8) for n in (channels, outputs))
        height = width = log_uniform(rng, 5, 256)
        if rng.random() < 0.5:
            width = log_uniform(rng, 5, 256)
        kernel, stride = rng.choice(((2, 2), (3, 2), (4, 2), (5, 2), (3, 1), (5, 1), (6, 3), (4, 4), (8, 4), (9, 3), (16, 8)))
        dilation, groups = 1, 1
        if kind == "few":
            outputs = rng.randint(1, 4)
            channels = rng.choice((1, 2, 3, 16, 32, 64, 128))
        elif kind == "depthwise":
            channels = outputs = groups = log_uniform(rng, 8, 512)
        elif kind == "grouped":
            groups = rng.choice((2, 4, 8, 32))
            channels, outputs = groups * log_uniform(rng, 1, 32), groups * log_uniform(rng, 1, 32)
        elif kind == "dilated":
            dilation = rng.randint(2, 4)
        elif kind == "sparse":
            stride = kernel + rng.randint(1, 3)
        elif kind == "thin":
            height = rng.randint(1, 3)
        elif kind == "tiny":
            height, width = rng.randint(1, 4), rng.randint(1, 4)
        flat = kind == "flat"
        if flat:
            height, width = 1, log_uniform(rng, 64, 8192)
        kernels, strides, dilations = ((1, n) if flat else (n, n) for n in (kernel, stride, dilation))
        pads = [min(max(k - s, 0) // 2, k) for k, s in zip(kernels, strides)]
        op = [rng.randint(0, max(s, d) - 1) if rng.random() < 0.2 else 0 for s, d in zip(strides, dilations)]
        batch = rng.choice((1, 1, 1, 1, 2, 8))
        gflop = 2e-9 * batch * channels * (outputs // groups) * height * width * kernels[0] * kernels[1]
        out = [(n - 1) * s - 2 * p + d * (k - 1) + 1 + o
               for n, s, p, d, k, o in zip((height, width), strides, pads, dilations, kernels, op)]
        if gflop > most_gflop or min(out) < 1 or batch * outputs * out[0] * out[1] > 2e7:
            continue
        activation = rng.choice(("", "", "_relu", "_leaky_relu0.2"))
        return (f"n{batch}_c{channels}_h{height}_w{width}_o{outputs}_k{kernels[0]}x{kernels[1]}_s{strides[0]}x{strides[1]}"
                f"_p{pads[0]},{pads[1]},{pads[0]},{pads[1]}_op{op[0]},{op[1]}_d{dilations[0]}x{dilations[1]}_g{groups}"
                f"_f32_{layout}{activation}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=500, help="how many layers (500)")
    parser.add_argument("--seed", type=int, default=1, help="which layers (1)")
    parser.add_argument("--gflop", type=float, default=2.0, help="the largest layer, in GFLOP (2)")
    parser.add_argument("--layout", choices=("nchw", "nhwc", "both"), default="both", help="both: half of each (default)")
    options = parser.parse_args()
    rng = random.Random(options.seed)
    for _ in range(options.count):
        layout = rng.choice(("nchw", "nhwc")) if options.layout == "both" else options.layout
        print(draw(rng, options.gflop, layout))


if __name__ == "__main__":
    main()
