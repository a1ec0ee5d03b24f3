"""A contestant on a GPU, in a process of its own (bench/peers/worker.py): python server.py tconv|pytorch f32|tf32|f16|bf16

As bench/peers/serve.py, but tensors are of the arithmetic's type, they are on the device, and its clock times graphs of many runs."""

import pathlib
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "peers"))

import torch  # noqa: E402

from adapters.pytorch import operands  # noqa: E402
from card import TYPES, Card, capability, set_tf32  # noqa: E402
from layers import Layer, Pair  # noqa: E402
from serve import Server, answer_requests  # noqa: E402
from work import useful_flops  # noqa: E402

SHORTEST_SAMPLE = 200e3  # ns, of one graph
MOST_RUNS = 100          # in one graph


class Torch:
    """Eager conv_transpose2d, by the algorithm of cuDNN that is the fastest here."""

    def __init__(self, card, arithmetic: str):
        self.card, self.type = card, TYPES[arithmetic]
        torch.backends.cudnn.benchmark = True
        set_tf32(arithmetic == "tf32")

    def version(self) -> str:
        return f"{torch.__version__}, cuDNN {torch.backends.cudnn.version()}"

    def prepare(self, layer, layout, x, w, b, _threads):
        given, result = [of_type(value, self.type) for value in operands(layer, layout, x, w, b, self.card.device)], None

        def run():
            nonlocal result
            with torch.inference_mode():
                result = torch.conv_transpose2d(*given)

        return run, lambda: (result if layout == "nchw" else result.permute(0, 2, 3, 1)).float().cpu().numpy(), {}


def of_type(value, dtype):
    """A tensor of another type, lying in memory as before; what is no tensor as it is."""
    return value.to(dtype) if isinstance(value, torch.Tensor) else value


class Tconv:
    def __init__(self, card, arithmetic: str):
        import tconv

        self.card, self.tconv, self.arithmetic = card, tconv, arithmetic

    def version(self) -> str:
        return self.tconv.__version__

    def plan(self, spec):
        return self.tconv.CudaPlan(spec)

    def math(self) -> str:
        return "tf32" if self.arithmetic == "tf32" else "fast"

    def isa(self) -> str:
        return f"sm_{capability()}"

    def prepare(self, layer, layout, x, w, b, _threads):
        kind = TYPES[self.arithmetic]
        spec = self.tconv.Spec(pads=(*layer["pad_begin"], *layer["pad_end"]), layout=layout, dtype=str(kind).removeprefix("torch."),
                               math=self.math(), **{
            name: layer[name] for name in ("batch", "in_channels", "out_channels", "in_size", "kernel", "stride", "dilation",
                                           "output_padding", "groups", "bias")})
        plan = self.plan(spec)
        image, weight, bias = (None if array is None else torch.from_numpy(array).to(self.card.device, kind)
                               for array in (x, w, b))
        packed = plan.pack(weight)
        y = torch.empty(spec.output_shape, device=self.card.device, dtype=kind)
        return (lambda: plan.run(image, packed, bias, out=y), lambda: y.float().cpu().numpy(),
                {"kernel": plan.kernel, "isa": self.isa()})


def warm_run(card, run) -> float:
    """Nanoseconds."""
    run()  # here cuDNN tries its algorithms
    card.wait()
    return min(card.nanoseconds(run) for _ in range(3))


def queue_of(card, run, one: float) -> tuple:
    """A function that queues as many runs, of `one` ns each, as make a sample; how many they are; and what to record of that."""
    times = max(1, min(MOST_RUNS, round(SHORTEST_SAMPLE / one)))
    try:
        return card.captured(run, times), times, f"{times} runs a graph"
    except RuntimeError as failure:  # what cannot be captured is timed with what Python costs, and says so
        reason = str(failure).splitlines()[0]

    def one_by_one():
        for _ in range(times):
            run()
    return one_by_one, times, f"{times} runs one by one: {reason}"


class GpuServer(Server):
    def __init__(self, card, adapter):
        super().__init__(adapter, threads=1)
        self.card, self.queue, self.times = card, None, 1

    def prepare(self, request: dict) -> dict:
        self.queue = None
        answer = super().prepare(request)
        if "skip" in answer:
            return answer
        self.queue, self.times, detail = queue_of(self.card, self.run, self.one)
        fields = {name: Pair(*value) if isinstance(value, list) else value for name, value in request["layer"].items()}
        layer = Layer(id="", tier="", crop=fields["pad_begin"], **{name: fields[name] for name in (
            "batch", "in_channels", "out_channels", "in_size", "kernel", "stride", "dilation", "size", "groups", "bias")})
        return {"detail": detail, **answer, "flops_executed": useful_flops(layer)}

    def first_runs(self) -> float:
        return warm_run(self.card, self.run)

    def time(self, request: dict) -> dict:
        self.queue()
        samples, end = [], time.perf_counter() + request["seconds"]
        while not samples or time.perf_counter() < end:
            samples.append(self.card.nanoseconds(self.queue) / self.times)
        return {"ns": samples}

    def rates(self, _request: dict) -> dict:
        return self.card.rates()

    def release(self, request: dict) -> dict:
        self.queue = None
        answer = super().release(request)
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        return answer


ADAPTERS = {"tconv": Tconv, "pytorch": Torch}

if __name__ == "__main__":
    card = Card()
    answer_requests(lambda: GpuServer(card, ADAPTERS[sys.argv[1]](card, sys.argv[2])))
