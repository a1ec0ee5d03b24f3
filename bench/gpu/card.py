"""A CUDA device through torch: its clock, and the most that it can do."""

import time

import torch

MATMUL = 8192           # rows and columns
COPIED = 1 << 30        # bytes, or an eighth of what is free
REPEATS = 5
TYPES = {"f32": torch.float32, "tf32": torch.float32, "f16": torch.float16, "bf16": torch.bfloat16}
RATES_AGE = 30          # seconds after which rates are measured again, for clocks move; the highest counts


def set_tf32(allowed: bool) -> None:
    """For convolutions and products of matrices both."""
    for backend in (torch.backends.cudnn.conv, torch.backends.cuda.matmul):
        backend.fp32_precision = "tf32" if allowed else "ieee"


def capability(ordinal: int = 0) -> int:
    """80 is 8.0."""
    major, minor = torch.cuda.get_device_capability(ordinal)
    return 10 * major + minor


class Card:
    def __init__(self):
        self.device = torch.device("cuda", 0)
        torch.cuda.set_device(self.device)
        self.known: dict[str, float] = {}
        self.measured = float("-inf")

    def wait(self) -> None:
        torch.cuda.synchronize()

    def nanoseconds(self, work) -> float:
        """What is queued by work(), by the device's own clock."""
        start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        start.record()
        work()
        end.record()
        end.synchronize()
        return start.elapsed_time(end) * 1e6

    def captured(self, run, times: int):
        """A function that queues `times` runs at once: a CUDA graph, so that no time of Python's is measured."""
        aside = torch.cuda.Stream()
        aside.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(aside):  # as torch wants it before a capture
            run()
        torch.cuda.current_stream().wait_stream(aside)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            for _ in range(times):
                run()
        return graph.replay

    def rates(self) -> dict[str, float]:
        """GFLOP/s of a large product in each arithmetic, GB/s of a large copy, read and written bytes both counted."""
        if time.monotonic() - self.measured > RATES_AGE:
            products = ((f"{arithmetic}_gflops", self._product(arithmetic)) for arithmetic in TYPES)
            for name, rate in (*products, ("copy_gbs", self._copy())):
                self.known[name] = max(rate, self.known.get(name, 0.0))
            self.measured = time.monotonic()
        return dict(self.known)

    def _best(self, work) -> float:
        work()
        return min(self.nanoseconds(work) for _ in range(REPEATS))

    def _product(self, arithmetic: str) -> float:
        set_tf32(arithmetic == "tf32")
        a, b = (torch.randn(MATMUL, MATMUL, device=self.device, dtype=TYPES[arithmetic]) for _ in range(2))
        out = torch.empty_like(a)
        rate = 2 * MATMUL**3 / self._best(lambda: torch.mm(a, b, out=out))
        set_tf32(False)
        return rate

    def _copy(self) -> float:
        count = min(COPIED, torch.cuda.mem_get_info()[0] // 8)
        source, target = (torch.empty(count, dtype=torch.uint8, device=self.device) for _ in range(2))
        return 2 * count / self._best(lambda: target.copy_(source))
