"""Images as squares of one size: resized by the shorter side, and cropped."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from visioncore.extras import require

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
    """Return a square (side, side, 3) of an image (H, W, 3), resized bicubically over all that falls into a pixel."""
    height, width = pixels.shape[:2]
    scale = side * crop.scale / min(height, width)
    length = side / scale
    left, top = (width - length) * crop.across, (height - length) * crop.down
    if (height, width) == (side, side) and crop.scale == 1:
        found = pixels
    else:
        pillow = require("PIL.Image", "images")
        box = (left, top, left + length, top + length)
        found = np.asarray(pillow.fromarray(pixels).resize((side, side), pillow.Resampling.BICUBIC, box=box))
    return np.ascontiguousarray(found[:, ::-1] if crop.mirror else found)


class Readable(Protocol):
    """Whatever has pixels, such as an `Item`."""

    def pixels(self) -> NDArray[np.uint8]:
        """Return the image (H, W, 3)."""
        ...


class Squares:
    """Reads images as squares, and keeps those from the middle in memory as long as there is room.

    Args:
        items: the images.
        side: of the squares in pixels.
        cache_mb: how much memory they may take, in each loading process.
    """

    def __init__(self, items: Sequence[Readable], side: int, cache_mb: int = 0) -> None:
        self.items, self.side = tuple(items), side
        self._room = cache_mb * 2**20
        self._kept: dict[int, NDArray[np.uint8]] = {}

    def __len__(self) -> int:
        return len(self.items)

    def middle(self, index: int, *, mirror: bool = False) -> Tensor:
        """Return the middle of an image (3, side, side), uint8.

        Raises:
            InputError: if it cannot be read.
        """
        found = self._kept.get(index)
        if found is None:
            found = square(self.items[index].pixels(), self.side, Crop())
            if found.nbytes <= self._room:
                self._room -= found.nbytes
                self._kept[index] = found
        return _planes(found[:, ::-1] if mirror else found)

    def cropped(self, index: int, crop: Crop) -> Tensor:
        """Return a crop of an image (3, side, side), uint8.

        Raises:
            InputError: if it cannot be read.
        """
        return _planes(square(self.items[index].pixels(), self.side, crop))


def _planes(pixels: NDArray[np.uint8]) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(pixels.transpose(2, 0, 1)))
