"""Perceptual hashes: nearly equal images have nearly equal ones."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from ..extras import require

BITS = 64
MOST_APART = 3
"""Bits by which the hashes of duplicates may differ."""
_SIDE, _LOW = 32, 8
_GREY = np.array([0.299, 0.587, 0.114], np.float32)


def perceptual_hash(pixels: NDArray[np.uint8]) -> int:
    """Return 64 bits of an image (H, W, 3): which of its lowest frequencies are above their median.

    They stay the same, but for a few, when an image is resized, compressed or made a little brighter.
    """
    pillow = require("PIL.Image", "images")
    grey = (pixels @ _GREY).round().astype(np.uint8)
    small = np.asarray(pillow.fromarray(grey).resize((_SIDE, _SIDE), pillow.Resampling.BICUBIC), np.float32)
    low = _cosines() @ small @ _cosines().T
    # the mean tells of brightness alone; and what is not there at all has no sign
    low[0, 0] = 0
    low[np.abs(low) < 1e-2] = 0
    bits = (low > np.median(low)).flatten()
    return int.from_bytes(np.packbits(bits).tobytes(), "big")


@lru_cache(maxsize=1)
def _cosines() -> NDArray[np.float32]:
    """Return the first rows of the discrete cosine transform."""
    rows, columns = np.arange(_LOW)[:, None], np.arange(_SIDE)[None]
    return (np.cos(np.pi * rows * (2 * columns + 1) / (2 * _SIDE)) / _SIDE).astype(np.float32)


def duplicates(hashes: Sequence[int], apart: int = MOST_APART) -> dict[int, int]:
    """Return the index of each image that is nearly equal to an earlier one that is kept -> the index of that one.

    Exact, and without comparing all pairs: hashes that differ in n bits agree in one of n + 1 stretches.

    Args:
        hashes: of the images.
        apart: bits by which they may differ, up to 15.
    """
    edges = np.linspace(0, BITS, apart + 2).astype(int)
    buckets: defaultdict[tuple[int, int], list[int]] = defaultdict(list)
    found: dict[int, int] = {}
    for index, value in enumerate(hashes):
        keys = [(int(start), value >> int(start) & ((1 << int(stop - start)) - 1)) for start, stop in pairwise(edges)]
        near = (other for key in keys for other in buckets[key])
        twin = next((other for other in near if (hashes[other] ^ value).bit_count() <= apart), None)
        if twin is not None:
            found[index] = twin
            continue
        for key in keys:
            buckets[key].append(index)
    return found
