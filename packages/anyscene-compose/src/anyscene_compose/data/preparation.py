"""Scenes and their elements as squares of one size."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from visioncore.data.memory import Memory
from visioncore.data.squares import Crop, square

from .items import Item

Pixels = NDArray[np.uint8]


class Square(NamedTuple):
    """A square of a scene.

    Attributes:
        scene: (side, side, 3).
        elements: (E, side, side, 4), straight RGBA; those that the square does not show are empty.
        areas: (E,) share of the square that each element takes.
        sizes: of XL: height and width before cutting, row and column of the cut, height and width after it.
    """

    scene: Pixels
    elements: Pixels
    areas: NDArray[np.float64]
    sizes: tuple[int, int, int, int, int, int]


class Squares:
    """Reads scenes as squares, and keeps those from the middle in memory as long as there is room.

    Args:
        items: the scenes.
        side: of the squares in pixels.
        cache_mb: how much memory they may take, in each loading process.
    """

    def __init__(self, items: Sequence[Item], side: int, cache_mb: int = 0) -> None:
        self.items, self.side = tuple(items), side
        self._memory: Memory[Square] = Memory(cache_mb, lambda found: found.scene.nbytes + found.elements.nbytes)

    def __len__(self) -> int:
        return len(self.items)

    def middle(self, index: int, *, mirror: bool = False) -> Square:
        """Return the middle of a scene.

        Raises:
            InputError: if it cannot be read.
        """
        found = self._memory(index, lambda: self.cropped(index, Crop()))
        if not mirror:
            return found
        return found._replace(scene=found.scene[:, ::-1], elements=found.elements[:, :, ::-1])

    def cropped(self, index: int, crop: Crop) -> Square:
        """Return a crop of a scene.

        Raises:
            InputError: if it cannot be read.
        """
        layers, side = self.items[index].layers(), self.side
        height, width = layers.scene.shape[:2]
        # as it is after it was resized to the crop's scale
        scale = side * crop.scale / min(height, width)
        row, column = ((length * scale - side) * share for length, share in ((height, crop.down), (width, crop.across)))
        elements = np.stack([square(each, side, crop) for each in layers.elements])
        areas = elements[..., 3].mean(axis=(1, 2)) / 255
        sizes = (height, width, round(row), round(column), side, side)
        return Square(square(layers.scene, side, crop), elements, areas, sizes)
