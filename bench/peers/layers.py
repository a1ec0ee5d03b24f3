"""The layers that are raced: rows of bench/shapes/layers.csv, without activation, in the one form that all peers are told.

Every spelling of a layer comes down to (crop, size) per axis (docs/conventions.md). Peers want pads instead: `pads` has
the leading ones, equal to the crop, and the trailing ones that give this size without an output padding; they are
negative where the layer has outputs past the last tap. `ending` splits that into what most peers have words for.
"""

import argparse
import csv
import dataclasses
import pathlib
from typing import NamedTuple

SUITE = pathlib.Path(__file__).resolve().parent.parent / "shapes" / "layers.csv"


class Pair(NamedTuple):
    """Rows, columns."""

    h: int
    w: int

    def __str__(self) -> str:
        return f"{self.h}x{self.w}"


@dataclasses.dataclass(frozen=True)
class Layer:
    id: str
    tier: str
    batch: int
    in_channels: int
    out_channels: int
    in_size: Pair
    kernel: Pair
    stride: Pair
    dilation: Pair
    crop: Pair
    size: Pair
    groups: int
    bias: bool

    @property
    def full(self) -> Pair:
        """The whole scatter, before it is cropped."""
        return Pair(*(s * (i - 1) + d * (k - 1) + 1
                      for i, k, s, d in zip(self.in_size, self.kernel, self.stride, self.dilation)))

    @property
    def trailing(self) -> Pair:
        """What is cut off at the end of each axis; negative where outputs lie past the last tap."""
        return Pair(*(full - crop - size for full, crop, size in zip(self.full, self.crop, self.size)))

    @property
    def ending(self) -> tuple[Pair, Pair]:
        """`trailing` as pad and output padding, neither of them negative, one of them zero on each axis."""
        return Pair(*(max(0, t) for t in self.trailing)), Pair(*(max(0, -t) for t in self.trailing))

    @property
    def tensorflow_padding(self) -> str | None:
        """SAME or VALID where that gives this crop: the padding of the convolution whose gradient the layer is."""
        same = valid = True
        for i, k, s, crop, size in zip(self.in_size, self.kernel, self.stride, self.crop, self.size):
            total = max(0, (i - 1) * s + k - size)
            same = same and -(-size // s) == i and crop == total // 2
            valid = valid and size >= k and (size - k) // s + 1 == i and crop == 0
        return "SAME" if same else "VALID" if valid else None

    @property
    def input_shape(self) -> tuple:
        return (self.batch, self.in_channels, *self.in_size)

    @property
    def filter_shape(self) -> tuple:
        return (self.in_channels, self.out_channels // self.groups, *self.kernel)

    @property
    def output_shape(self) -> tuple:
        return (self.batch, self.out_channels, *self.size)

    @property
    def flops(self) -> float:
        """By the full count, as gflops_nominal counts."""
        per_pixel = 2 * self.in_channels * self.out_channels // self.groups * self.kernel.h * self.kernel.w
        return float(per_pixel) * self.batch * self.in_size.h * self.in_size.w

    def text(self, layout: str, dtype: str = "f32") -> str:
        """As `tconv` takes it. Pads are those of `ending`: two spellings of one layer are one layer here too."""
        pad, extra = self.ending
        return (f"n{self.batch}_c{self.in_channels}_h{self.in_size.h}_w{self.in_size.w}_o{self.out_channels}_k{self.kernel}"
                f"_s{self.stride}_p{self.crop.h},{self.crop.w},{pad.h},{pad.w}_op{extra.h},{extra.w}_d{self.dilation}"
                f"_g{self.groups}_{dtype}_{layout}" + ("" if self.bias else "_nobias"))

    def fields(self) -> dict:
        """Plain numbers, for the adapters in other processes."""
        pad, extra = self.ending
        return {"batch": self.batch, "in_channels": self.in_channels, "out_channels": self.out_channels,
                "in_size": self.in_size, "kernel": self.kernel, "stride": self.stride, "dilation": self.dilation,
                "pad_begin": self.crop, "pad_end": pad, "output_padding": extra, "size": self.size,
                "groups": self.groups, "bias": self.bias, "tensorflow_padding": self.tensorflow_padding}


def layer_of(row: dict) -> Layer:
    def pair(h: str, w: str) -> Pair:
        return Pair(int(row[h]), int(row[w]))

    in_size, kernel, stride = pair("H_in", "W_in"), pair("kH", "kW"), pair("stride_h", "stride_w")
    dilation, crop = pair("dil_h", "dil_w"), pair("pad_top", "pad_left")
    end, extra = pair("pad_bottom", "pad_right"), pair("out_pad_h", "out_pad_w")
    size = Pair(*(s * (i - 1) + d * (k - 1) + 1 - c - e + o
                  for i, k, s, d, c, e, o in zip(in_size, kernel, stride, dilation, crop, end, extra)))
    return Layer(id=row["id"], tier=row.get("tier") or "", batch=int(row["N"]), in_channels=int(row["C_in"]),
                 out_channels=int(row["C_out"]), in_size=in_size, kernel=kernel, stride=stride, dilation=dilation, crop=crop,
                 size=size, groups=int(row["groups"]), bias=(row.get("bias") or "1") == "1")


def read_layers(path: pathlib.Path = SUITE, ids: list[str] = (), tier: str = "") -> list[Layer]:
    """The rows in their order. ValueError if an id or a tier is not in the table."""
    with open(path, newline="", encoding="utf-8") as file:
        layers = [layer_of(row) for row in csv.DictReader(file)]
    if unknown := sorted(set(ids) - {layer.id for layer in layers}):
        raise ValueError(f"--ids: no row of {path} is called {', '.join(unknown)}")
    if tier and tier not in (tiers := {layer.tier for layer in layers}):
        raise ValueError(f"--tier: '{tier}' is none of {', '.join(sorted(tiers))}")
    return [layer for layer in layers if (not ids or layer.id in ids) and (not tier or layer.tier == tier)]


def add_selection(parser: argparse.ArgumentParser) -> None:
    """The options whose values read_layers() takes: options.layers, .ids and .tier."""
    def names(text: str) -> list[str]:
        return [name for name in text.split(",") if name]

    parser.add_argument("--layers", type=pathlib.Path, default=SUITE, metavar="CSV", help="default: bench/shapes/layers.csv")
    parser.add_argument("--ids", type=names, default=[], help="only these rows, separated by commas")
    parser.add_argument("--tier", default="", help="only rows of this tier")
