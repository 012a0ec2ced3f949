"""Images as squares of one size: resized by the shorter side, and cropped."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..extras import require

FARTHEST = 1.25
"""Shorter side, over the side of a square, that an image is resized to at most before a random crop."""


@dataclass(frozen=True)
class Crop:
    """Where a square is cut out.

    Attributes:
        scale: of the shorter side over the side of the square, at least 1.
        across, down: place among those where it fits: 0 left or top, 1 right or bottom.
        mirror: exchange left and right.
    """

    scale: float = 1.0
    across: float = 0.5
    down: float = 0.5
    mirror: bool = False


def drawn_crop(rng: np.random.Generator, flip: float) -> Crop:
    """Return a random crop.

    Args:
        rng: draws it.
        flip: probability that it is mirrored.
    """
    scale, across, down = rng.uniform(1, FARTHEST), rng.random(), rng.random()
    return Crop(scale, across, down, bool(rng.random() < flip))


def square(pixels: NDArray[np.uint8], side: int, crop: Crop) -> NDArray[np.uint8]:
    """Return a square (side, side, C) of an image (H, W, C), resized over all that falls into a pixel.

    RGB is resized bicubically. RGBA, of straight alpha, is weighted by it, and resized by a filter that does not
    overshoot, so that no alpha is left away from where it was; where there is none, colours are 0.
    """
    height, width = pixels.shape[:2]
    scale = side * crop.scale / min(height, width)
    length = side / scale
    left, top = (width - length) * crop.across, (height - length) * crop.down
    if (height, width) == (side, side) and crop.scale == 1:
        found = pixels
    else:
        pillow = require("PIL.Image", "images")
        box = (left, top, left + length, top + length)
        kind = pillow.Resampling.HAMMING if pixels.shape[2] == 4 else pillow.Resampling.BICUBIC
        found = np.asarray(pillow.fromarray(pixels).resize((side, side), kind, box=box))
    return np.ascontiguousarray(found[:, ::-1] if crop.mirror else found)
