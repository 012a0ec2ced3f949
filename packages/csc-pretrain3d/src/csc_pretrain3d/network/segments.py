"""Segments of a batch of images: which of them have points, and which pair belongs to which.

A segment is all pixels of one category in one image, wherever they lie; its id is image * K + category.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from visioncore.errors import InputError


class Segments(NamedTuple):
    """The segments that at least one point falls on.

    Attributes:
        ids: (S,) image * K + category, ascending.
        categories: K, one more than the largest category in the batch; 0 is none.
        row: (M,) segment 0 to S - 1 of each pair, -1 of a pair on category 0.
    """

    ids: Tensor
    categories: int
    row: Tensor

    @property
    def image(self) -> Tensor:
        """(S,) index of the image in the batch."""
        return self.ids.div(self.categories, rounding_mode="floor")

    @property
    def category(self) -> Tensor:
        """(S,) category, from 1 to K - 1."""
        return self.ids % self.categories


def paired_segments(maps: Tensor, image: Tensor, row: Tensor, column: Tensor) -> Segments:
    """Return the segments that pairs of points and pixels fall on.

    Args:
        maps: (B, H, W) integers, category of each pixel, 0 where there is none.
        image: (M,) index in the batch of each pair.
        row: (M,) of its pixel.
        column: (M,) of its pixel.

    Raises:
        InputError: if a category is negative, or a pair lies outside the images.
    """
    low, high = (int(n) for n in maps.aminmax()) if maps.numel() else (0, 0)
    if low < 0:
        raise InputError(f"the lowest category is {low}; categories begin at 0, which is none")
    for what, values, size in zip(("image", "row", "column"), (image, row, column), maps.shape, strict=True):
        if values.numel() and not (values.min() >= 0 and values.max() < size):
            raise InputError(
                f"pairs have {what} {int(values.min())} to {int(values.max())}; it must be 0 to {size - 1}"
            )
    category = maps[image, row, column].long()
    ids = image.long() * (high + 1) + category
    seen = ids[category > 0].unique()
    place = torch.searchsorted(seen, ids) if len(seen) else ids
    return Segments(seen, high + 1, torch.where(category > 0, place, -1))
