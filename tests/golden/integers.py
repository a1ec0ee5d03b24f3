"""Small integers that are the same everywhere: the tensors of the golden files are drawn, not stored.

splitmix64 of Steele, Lea and Flood, as in java.util.SplittableRandom: element i of stream s is the output for the
state s + i * 0x9E3779B97F4A7C15, reduced to -2..2. Written out here because generators of libraries may change.
"""

import zlib

import numpy as np

GAMMA = np.uint64(0x9E3779B97F4A7C15)


def integers(stream, shape):
    """int64 array of this shape with values -2..2; stream is any int, one per tensor."""
    count = int(np.prod(shape, dtype=np.int64))
    with np.errstate(over="ignore"):
        z = np.uint64(stream) + np.arange(1, count + 1, dtype=np.uint64) * GAMMA
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        z = z ^ (z >> np.uint64(31))
    return (z % np.uint64(5)).astype(np.int64).reshape(shape) - 2


def tensor(case_id, role, shape):
    """The tensor of a case: role is "x", "w", "b" or "dy", the stream comes from the name of the case."""
    return integers(zlib.crc32(f"{case_id}/{role}".encode()), shape)
