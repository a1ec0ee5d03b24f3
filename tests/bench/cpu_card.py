"""bench/gpu/server.py on a machine without a GPU: its card is the processor, its graphs are loops.
python cpu_card.py tconv|pytorch f32|tf32|f16|bf16"""

import sys
import time
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "bench" / "gpu"))

import server  # noqa: E402
from serve import answer_requests  # noqa: E402


PEAKS = {"f32_gflops": 100.0, "tf32_gflops": 800.0, "f16_gflops": 1600.0, "bf16_gflops": 1600.0, "copy_gbs": 10.0}


class CpuCard:
    device = torch.device("cpu")

    def wait(self):
        pass

    def nanoseconds(self, work):
        start = time.perf_counter_ns()
        work()
        return max(1, time.perf_counter_ns() - start)

    def captured(self, run, times):
        if times == 1:
            raise RuntimeError("operation not permitted when stream is capturing\nand more")

        def replay():
            for _ in range(times):
                run()
        return replay

    def rates(self):
        return PEAKS


class OnCpu(server.Tconv):
    def plan(self, spec):
        return self.tconv.Plan(spec, threads=1)

    def math(self):
        return "fast"  # processors have no TF32

    def isa(self):
        return "sm_0"


if __name__ == "__main__":
    card = CpuCard()
    adapters = {**server.ADAPTERS, "tconv": OnCpu}
    answer_requests(lambda: server.GpuServer(card, adapters[sys.argv[1]](card, sys.argv[2])))
