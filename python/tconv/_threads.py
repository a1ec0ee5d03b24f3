"""How many threads ``threads=None`` means."""

import functools
import os
import pathlib

MOST = 1024


@functools.cache
def physical_cores() -> int:
    """Cores that this process may run on, hyper-threads of one core counted once."""
    allowed = os.sched_getaffinity(0)
    cores = set()
    for cpu in allowed:
        topology = pathlib.Path(f"/sys/devices/system/cpu/cpu{cpu}/topology")
        try:
            cores.add(tuple(int((topology / name).read_text()) for name in ("physical_package_id", "core_id")))
        except (OSError, ValueError):
            return len(allowed)  # a container without /sys
    return len(cores)


def default_threads() -> int:
    """``TCONV_NUM_THREADS`` if it is set and not empty, else the number of physical cores.

    Raises ValueError if the variable is not a number from 1 to 1024.
    """
    text = os.environ.get("TCONV_NUM_THREADS")
    if not text:
        return min(physical_cores(), MOST)
    if not (text.isascii() and text.isdecimal()) or not 1 <= int(text) <= MOST:
        raise ValueError(f"TCONV_NUM_THREADS = {text!r}; it must be a number from 1 to {MOST}")
    return int(text)
