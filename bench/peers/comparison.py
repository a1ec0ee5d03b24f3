"""What a row of results says: who is best, by how much, and the mean of many. No peer is needed for it."""

import math


def best_peer(row: dict) -> tuple[str, float] | None:
    """Name and time of the fastest peer that was timed on this layer."""
    timed = [(result["ns_median"], name) for name, result in row["peers"].items() if result["status"] == "timed"]
    if not timed:
        return None
    ns, name = min(timed)
    return name, ns


def speedup(row: dict, peer: str | None = None) -> float | None:
    """Time of a peer, the best one if none is named, over ours: above 1 we are faster. None if either has no time."""
    if row["tconv"]["status"] != "timed":
        return None
    if peer is None:
        best = best_peer(row)
        return best[1] / row["tconv"]["ns_median"] if best else None
    result = row["peers"].get(peer, {})
    return result["ns_median"] / row["tconv"]["ns_median"] if result.get("status") == "timed" else None


def geometric_mean(values: list[float]) -> float | None:
    return math.exp(math.fsum(map(math.log, values)) / len(values)) if values else None


def mean_speedup(rows: list[dict], peer: str | None = None) -> tuple[float | None, int]:
    """Over the layers that both were timed on, and how many those are."""
    values = [value for row in rows if (value := speedup(row, peer)) is not None]
    return geometric_mean(values), len(values)


def losses(rows: list[dict], margin: float = 1.0) -> list[tuple[float, dict]]:
    """Layers on which the best peer takes less than `margin` of our time, the worst first."""
    slower = [(value, row) for row in rows if (value := speedup(row)) is not None and value < margin]
    return sorted(slower, key=lambda pair: pair[0])


def roof(flops_executed: float, rates: dict) -> dict:
    """The least time on this machine, as `tconv bench` has it: docs/tool.md."""
    compute, bandwidth = flops_executed / rates["fma_gflops"], rates["bytes"] / rates["copy_gbs"]
    return {"roof": "compute" if compute > bandwidth else "bandwidth", "ns_roof": max(compute, bandwidth) + 1000,
            "fma_gflops": rates["fma_gflops"], "copy_gbs": rates["copy_gbs"], "bytes": rates["bytes"]}
