"""Images as squares of one size."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from visioncore.data.memory import Memory
from visioncore.data.squares import Crop, square


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
        self._memory: Memory[NDArray[np.uint8]] = Memory(cache_mb, lambda pixels: pixels.nbytes)

    def __len__(self) -> int:
        return len(self.items)

    def middle(self, index: int, *, mirror: bool = False) -> Tensor:
        """Return the middle of an image (3, side, side), uint8.

        Raises:
            InputError: if it cannot be read.
        """
        found = self._memory(index, lambda: square(self.items[index].pixels(), self.side, Crop()))
        return _planes(found[:, ::-1] if mirror else found)

    def cropped(self, index: int, crop: Crop) -> Tensor:
        """Return a crop of an image (3, side, side), uint8.

        Raises:
            InputError: if it cannot be read.
        """
        return _planes(square(self.items[index].pixels(), self.side, crop))


def _planes(pixels: NDArray[np.uint8]) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(pixels.transpose(2, 0, 1)))
