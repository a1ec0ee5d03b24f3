#!/usr/bin/env python3
"""Train the network of this example: FSRCNN (Dong et al., 2016), which enlarges a photograph's luma by three.

Every layer is a transposed convolution, the stride-1 ones included: with padding k // 2 they keep the size, and they
are what a `same` convolution with the kernel turned by 180 degrees computes. So the weights below are (C_in, C_out,
kH, kW) from the first step on, and what is trained is what is compiled.

    pip install -r requirements.txt
    python3 train.py                # train; about 15 minutes; writes weights/ and golden/ whenever validation improves
    python3 train.py --evaluate     # the PSNR table of README.md, from weights/
"""

import argparse
import hashlib
import io
import math
from importlib import resources
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import nn
from tqdm import tqdm

HERE = Path(__file__).resolve().parent
WEIGHTS = HERE / "weights" / "fsrcnn_x3.npz"
GOLDEN = HERE / "golden" / "tile.npz"
PHOTOS = HERE / "photos"

# ---- The network -----------------------------------------------------------------------------------------------------

SCALE = 3  # output pixels per input pixel, per side
TILE = 48  # low-resolution pixels a run of the network contributes, per side ...
HALO = 8  # ... and those it reads around them: 2 (extract) + 4 (map1..4) + 2 (upscale)
SIDE = TILE + 2 * HALO  # the input of one run

# id: C_in, C_out, kernel, stride, padding, output padding. The paper's d = 56, s = 12, m = 4.
LAYERS = {
    "extract": (1, 56, 5, 1, 2, 0),
    "shrink": (56, 12, 1, 1, 0, 0),
    **{f"map{i}": (12, 12, 3, 1, 1, 0) for i in (1, 2, 3, 4)},
    "expand": (12, 56, 1, 1, 0, 0),
    "upscale": (56, 1, 9, SCALE, 4, 2),
}


class Layer(nn.Module):
    """One transposed convolution with bias, then a PReLU with a slope per channel (not after the last layer)."""

    def __init__(self, c_in, c_out, kernel, stride, padding, output_padding):
        super().__init__()
        self.geometry = {"stride": stride, "padding": padding, "output_padding": output_padding}
        upscales = stride > 1
        std = 1e-3 if upscales else math.sqrt(2 / (1 + 0.25**2) / (c_in * kernel**2))
        self.weight = nn.Parameter(torch.randn(c_in, c_out, kernel, kernel) * std)
        self.bias = nn.Parameter(torch.zeros(c_out))
        self.slope = None if upscales else nn.Parameter(torch.full((c_out,), 0.25))
        # Channel 0 starts as the image itself, handed from layer to layer and enlarged bilinearly by the last one.
        with torch.no_grad():
            self.weight[:, 0] = 0
            if upscales:  # tap k of input pixel i lands on output pixel 3 i - 4 + k; the pixel's centre is 3 i + 1
                hat = (1 - (torch.arange(kernel) - padding - 1).abs() / stride).clamp(min=0)
                self.weight[0, 0] = torch.outer(hat, hat)
            else:
                self.weight[0, 0, kernel // 2, kernel // 2] = 1

    def forward(self, x):
        y = F.conv_transpose2d(x, self.weight, self.bias, **self.geometry)
        return y if self.slope is None else F.prelu(y, self.slope)


class Fsrcnn(nn.Sequential):
    """[N, 1, H, W] -> [N, 1, 3 H, 3 W]. The keys of its state are those of the file: extract.weight, .bias, .slope."""

    def __init__(self):
        super().__init__()
        for name, shape in LAYERS.items():
            self.add_module(name, Layer(*shape))


def run(net: nn.Module, low: np.ndarray) -> np.ndarray:
    """The network on one luma plane as it is."""
    with torch.inference_mode():
        return np.ascontiguousarray(net(torch.from_numpy(np.ascontiguousarray(low))[None, None])[0, 0].numpy())


def enlarge(net: nn.Module, low: np.ndarray, tile: int = TILE) -> np.ndarray:
    """Enlarge a luma plane tile by tile, exactly as the program does.

    The plane is continued beyond its border by repeating the edge pixels: HALO of them, and as many more at the bottom
    and the right as make whole tiles. Of each run only the middle, 3 * tile pixels per side, is kept. Nothing that is
    kept depends on the zeros a layer reads outside its input, so the size of the tiles does not matter.
    """
    height, width = low.shape
    rows, cols = -(-height // tile), -(-width // tile)
    padded = np.pad(low, ((HALO, rows * tile - height + HALO), (HALO, cols * tile - width + HALO)), mode="edge")
    out = np.empty((rows * tile * SCALE, cols * tile * SCALE), np.float32)
    inner, step = slice(HALO * SCALE, -HALO * SCALE), tile * SCALE
    for r in range(rows):
        for c in range(cols):
            low_tile = padded[r * tile : (r + 1) * tile + 2 * HALO, c * tile : (c + 1) * tile + 2 * HALO]
            out[r * step : (r + 1) * step, c * step : (c + 1) * step] = run(net, low_tile)[inner, inner]
    return out[: height * SCALE, : width * SCALE]


# ---- Photographs -----------------------------------------------------------------------------------------------------

# Only files that lie in the installed packages; nothing is downloaded. README.md has their origins and licences.
TRAINING = {
    "sklearn.datasets": "images/china.jpg images/flower.jpg".split(),
    "skimage.data": "camera.png chelsea.png rocket.jpg motorcycle_left.png motorcycle_right.png brick.png grass.png "
    "gravel.png coins.png page.png text.png".split(),
}
# Never trained on: photos/NAME.png is this box (left, top, right, bottom) of skimage.data's NAME.png with this sha256.
HELD_OUT = {
    "astronaut": ((0, 0, 480, 480), "88431cd9653ccd539741b555fb0a46b61558b301d4110412b5bc28b5e3ea6cb5"),
    "coffee": ((0, 4, 540, 400), "cc02f8ca188b167c775a7101b5d767d1e71792cf762c33d6fa15a4599b5a8de7"),
}
VALIDATION = 8  # one eighth of every training photograph, at the bottom, is for validation only
SCALES = (1.0, 0.9, 0.8, 0.7, 0.6)  # the sizes at which a training photograph is used
PATCH = 48  # low-resolution pixels of a training patch, per side, HALO on each side included


def luma(image: Image.Image) -> np.ndarray:
    """Y of full-range BT.601 YCbCr, 0..1, in float32 without rounding to 8 bits."""
    rgb = np.asarray(image.convert("RGB"), np.float32)
    return (rgb @ np.array([0.299, 0.587, 0.114], np.float32)) / np.float32(255)


def resize(plane: np.ndarray, height: int, width: int) -> np.ndarray:
    """PIL's bicubic filter (a = -0.5) in float; when it shrinks, the filter is widened by the ratio (antialiased)."""
    return np.asarray(Image.fromarray(plane).resize((width, height), Image.Resampling.BICUBIC))


def pair(plane: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(high, low): the plane cropped at the bottom and right to a multiple of three, and that shrunk by three."""
    height, width = (n // SCALE * SCALE for n in plane.shape)
    high = np.ascontiguousarray(plane[:height, :width])
    return high, resize(high, height // SCALE, width // SCALE)


def load_training() -> tuple[list, list]:
    """(training pairs at every scale, validation pairs), from the installed packages."""
    training, validation = [], []
    for package, names in TRAINING.items():
        for name in names:
            data = resources.files(package).joinpath(name).read_bytes()
            digest = hashlib.sha256(data).hexdigest()
            assert digest not in {held_out for _, held_out in HELD_OUT.values()}, f"{name} is held out"
            plane = luma(Image.open(io.BytesIO(data)))
            height, width = plane.shape
            split = height - height // VALIDATION
            validation.append(pair(plane[split:]))
            for scale in SCALES:
                high, low = pair(resize(plane[:split], round(split * scale), round(width * scale)))
                if min(low.shape) >= PATCH:
                    training.append((torch.from_numpy(high), torch.from_numpy(low.copy())))
    return training, validation


def sample(training: list, batch: int, rng: np.random.Generator) -> tuple[torch.Tensor, torch.Tensor]:
    """A batch of (high, low) patches, every position equally likely, each turned and mirrored at random."""
    positions = np.array([(low.shape[0] - PATCH + 1) * (low.shape[1] - PATCH + 1) for _, low in training], float)
    highs, lows = [], []
    for i in rng.choice(len(training), batch, p=positions / positions.sum()):
        high, low = training[i]
        y, x = (int(rng.integers(n - PATCH + 1)) for n in low.shape)
        turns, mirror = int(rng.integers(4)), bool(rng.integers(2))
        for plane, scale, patches in ((high, SCALE, highs), (low, 1, lows)):
            patch = plane[y * scale : (y + PATCH) * scale, x * scale : (x + PATCH) * scale].rot90(turns)
            patches.append(patch.flip(1) if mirror else patch)
    return torch.stack(highs)[:, None], torch.stack(lows)[:, None]


# ---- Training and evaluation -----------------------------------------------------------------------------------------


def psnr(image: np.ndarray, truth: np.ndarray) -> float:
    """Peak 1, both within 0..1, without a border of SCALE pixels."""
    inner = (slice(SCALE, -SCALE),) * 2
    return -10 * math.log10(np.mean((image.clip(0, 1) - truth)[inner].astype(np.float64) ** 2))


def compare(net: nn.Module, high: np.ndarray, low: np.ndarray) -> tuple[float, float]:
    """PSNR of (bicubic enlargement, the network)."""
    return psnr(resize(low, *high.shape), high), psnr(enlarge(net, low), high)


def save(net: nn.Module) -> None:
    """Write weights/fsrcnn_x3.npz, weights/layers.csv and golden/tile.npz (one run of the network)."""
    np.savez(WEIGHTS, **{key: np.ascontiguousarray(value.numpy()) for key, value in net.state_dict().items()})
    WEIGHTS.with_name("layers.csv").write_text(layers_csv())
    _, low = pair(luma(Image.open(PHOTOS / "astronaut.png")))
    tile = np.ascontiguousarray(low[48 : 48 + SIDE, 40 : 40 + SIDE])
    np.savez(GOLDEN, input=tile, output=run(net, tile))


def layers_csv() -> str:
    """The layers of one tile in the columns of bench/shapes/layers.csv, with the optional layout and dtype."""
    text = (
        "id,model,source,N,C_in,H_in,W_in,C_out,kH,kW,stride_h,stride_w,pad_top,pad_left,pad_bottom,pad_right,"
        "out_pad_h,out_pad_w,dil_h,dil_w,groups,bias,activation,H_out,W_out,gflop,domain,norm,gflop_in_bounds,"
        "core,mobile,size_basis,tier,notes,layout,dtype\n"
    )
    for name, (c_in, c_out, k, s, p, op) in LAYERS.items():
        out = (SIDE - 1) * s - 2 * p + k + op
        inside = sum(0 <= i * s - p + tap < out for i in range(SIDE) for tap in range(k))  # of one axis
        gflop, in_bounds = (2 * c_in * c_out * taps**2 / 1e9 for taps in (k * SIDE, inside))
        text += (
            f"{name},FSRCNN x3,examples/superres/train.py,1,{c_in},{SIDE},{SIDE},{c_out},{k},{k},{s},{s},"
            f"{p},{p},{p},{p},{op},{op},1,1,1,1,{'prelu' if s == 1 else 'none'},{out},{out},{gflop:.6g},"
            f"super-resolution,none,{in_bounds:.6g},0,1,size chosen,main,tile {TILE} + halo {HALO},nchw,f32\n"
        )
    return text


def train(steps: int, batch: int, rate: float, seed: int, every: int) -> None:
    """Minimise the squared error with Adam; keep the weights of the best validation."""
    torch.manual_seed(seed)
    torch.use_deterministic_algorithms(True)
    rng = np.random.default_rng(seed)
    training, validation = load_training()
    net = Fsrcnn().to(memory_format=torch.channels_last)
    optimizer = torch.optim.Adam(net.parameters(), rate)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps, eta_min=rate / 100)
    inner, best = slice(HALO * SCALE, -HALO * SCALE), -math.inf
    bar = tqdm(range(1, steps + 1), unit="step", dynamic_ncols=True)
    for step in bar:
        high, low = sample(training, batch, rng)
        # The halo is left out of the loss, as it is of every tile.
        loss = F.mse_loss(net(low)[..., inner, inner], high[..., inner, inner])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        if step % every == 0 or step == steps:
            gain = float(np.mean([ours - bicubic for bicubic, ours in (compare(net, *p) for p in validation)]))
            tqdm.write(f"step {step}: {gain:+.3f} dB over bicubic on the validation strips")
            if gain > best:
                best = gain
                save(net)
            bar.set_postfix(best=f"{best:+.3f} dB")


def evaluate(dump: Path | None) -> None:
    """Print the table of README.md; into `dump` go the luma planes, to test another implementation against."""
    net = Fsrcnn()
    with np.load(WEIGHTS) as weights:
        net.load_state_dict({key: torch.from_numpy(weights[key]) for key in weights.files})
    with np.load(GOLDEN) as golden:
        assert np.allclose(run(net, golden["input"]), golden["output"], 0, 1e-5), "golden/ is not of these weights"
    print("| photograph | size | bicubic, dB | FSRCNN, dB | gain, dB |\n|---|---|---|---|---|")
    for name in HELD_OUT:
        high, low = pair(luma(Image.open(PHOTOS / f"{name}.png")))
        bicubic, ours = compare(net, high, low)
        print(f"| {name} | {high.shape[1]} x {high.shape[0]} | {bicubic:.2f} | {ours:.2f} | {ours - bicubic:+.2f} |")
        tiled, whole = enlarge(net, low), enlarge(net, low, tile=max(low.shape))
        assert np.allclose(tiled, whole, 0, 1e-5), "the tiles differ from one run over the whole photograph"
        if dump:
            dump.mkdir(parents=True, exist_ok=True)
            np.save(dump / f"{name}.low.npy", low)
            np.save(dump / f"{name}.output.npy", tiled)


def cut_photos() -> None:
    """Write photos/ from scikit-image's files."""
    for name, (box, digest) in HELD_OUT.items():
        data = resources.files("skimage.data").joinpath(f"{name}.png").read_bytes()
        assert hashlib.sha256(data).hexdigest() == digest, f"another {name}.png than expected"
        Image.open(io.BytesIO(data)).convert("RGB").crop(box).save(PHOTOS / f"{name}.png", optimize=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    option = parser.add_argument
    option("--evaluate", action="store_true", help="measure weights/ on photos/ instead of training")
    option("--dump", type=Path, metavar="DIR", help="--evaluate, and write NAME.{low,output}.npy to DIR")
    option("--cut-photos", action="store_true", help="write photos/ again from scikit-image and stop")
    option("--steps", type=int, default=8000, help="optimizer steps (default: %(default)s)")
    option("--batch", type=int, default=8, help="patches per step (default: %(default)s)")
    option("--rate", type=float, default=1e-3, help="Adam's first rate, decaying to 1/100 (default: %(default)s)")
    option("--seed", type=int, default=1, help="of the weights and the patches (default: %(default)s)")
    option("--every", type=int, default=500, help="steps between validations (default: %(default)s)")
    option("--threads", type=int, default=1, help="PyTorch's threads (default: %(default)s)")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    if args.cut_photos:
        cut_photos()
    elif args.evaluate or args.dump:
        evaluate(args.dump)
    else:
        train(args.steps, args.batch, args.rate, args.seed, args.every)


if __name__ == "__main__":
    main()
