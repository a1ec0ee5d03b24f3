"""The fastest kernel for a layer on this machine, found by measuring and remembered on disk, or where that fails in memory."""

import json
import os
import pathlib
import tempfile
import time

import numpy as np

from tconv import _cache, _core, _functional

# One kernel's share of the measurement: enough runs to see a quiet one, few enough for slow candidates.
SECONDS = 0.02
MOST_RUNS = 50
# What a plan says of itself where `tconv tune` has measured the layer already, blockings included.
TUNED = "by the tuned row of this layer"

# What this process has measured and could not write down.
_unwritten: dict[str, str] = {}


def cache_file() -> pathlib.Path:
    return _cache.folder() / "kernels.json"


def _processor() -> str:
    try:
        with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as file:
            return next(line.partition(":")[2].strip() for line in file if line.startswith("model name"))
    except (OSError, StopIteration):
        return os.uname().machine


def key_of(spec: _core.Spec) -> str:
    """What a measurement holds for: version, processor, permitted instruction set and layer, but not the thread count."""
    packed = "" if spec.max_packed_bytes < 0 else f"_packed{spec.max_packed_bytes}"
    return "|".join((_core.version, _processor(), os.environ.get("TCONV_ISA", ""), f"{spec}{packed}"))


def _remembered() -> dict[str, str]:
    try:
        kernels = json.loads(cache_file().read_text(encoding="utf-8"))
    except (OSError, RuntimeError, ValueError):  # RuntimeError: this user has no home
        return {}
    if not isinstance(kernels, dict):
        return {}
    return {key: kernel for key, kernel in kernels.items() if isinstance(kernel, str)}


def _remember(key: str, kernel: str) -> None:
    """Writes the whole file anew and renames it, so that readers never see a part. A folder that cannot be written to only
    costs the next process its own measurement."""
    kernels = {**_remembered(), key: kernel}
    try:
        path = cache_file()
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile("w", dir=path.parent, delete=False, encoding="utf-8") as file:
            json.dump(kernels, file, indent=1, sort_keys=True)
        os.replace(file.name, path)
    except (OSError, RuntimeError):
        _unwritten[key] = kernel


def _random_like(shape, dtype) -> np.ndarray:
    values = np.random.default_rng(0).standard_normal(shape, np.float32)
    return values.astype(dtype)


def _seconds(plan: _core.Plan) -> float:
    spec = plan.spec
    x, w = _random_like(spec.input_shape, spec.dtype), _random_like(spec.filter_shape, spec.dtype)
    per_channel = _random_like((spec.out_channels,), spec.dtype)
    y = np.empty(spec.output_shape, spec.dtype)
    packed = plan.pack(w)
    extra = {"bias": per_channel if spec.bias else None, "slope": per_channel if spec.activation == "prelu" else None,
             "residual": None if spec.residual == "none" else y}
    best, spent = float("inf"), 0.0
    for _ in range(MOST_RUNS):
        start = time.perf_counter()
        plan.run(x, packed, out=y, **extra)
        elapsed = time.perf_counter() - start
        best, spent = min(best, elapsed), spent + elapsed
        if spent > SECONDS:
            break
    return best


def candidates(spec: _core.Spec, threads: int) -> list[_core.Plan]:
    """A plan for each kernel that can compute the layer on this processor."""
    plans = []
    for name in _core.kernels():
        try:
            plans.append(_core.Plan(spec, threads=threads, kernel=name))
        except NotImplementedError:
            continue
    return plans


def tuned_plan(spec: _core.Spec, threads: int) -> _core.Plan:
    """The plan by the kernel that was the fastest when this layer was measured here, by ``tconv tune`` or by this function, or
    is now."""
    plan = _functional.plan_of(spec, threads)
    if spec.batch == 0 or TUNED in plan.explain():
        return plan
    key = key_of(spec)
    kernel = _unwritten.get(key) or _remembered().get(key)
    if kernel is not None:
        try:
            return _functional.plan_of(spec, threads, kernel)
        except NotImplementedError:
            pass  # of another build of this version; measured again
    plans = candidates(spec, threads)
    if not plans:
        return _functional.plan_of(spec, threads)  # which says why there is none
    kernel = min(plans, key=_seconds).kernel
    _remember(key, kernel)
    return _functional.plan_of(spec, threads, kernel)
