"""3x3 convolutions of enlarged maps, computed before they are enlarged: a quarter of the multiplications.

A convolution mixes channels, at nine shifts; bilinear enlarging mixes positions, alike in all channels. So the channels
can be mixed first, on the small map, and what comes of each shift be enlarged and moved to its place: two products with
matrices that are zero but for a band, one along the columns and one along the rows, done in blocks along the band.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import torch
from torch import Tensor, nn

BLOCK = 32
"""Rows, or columns, of the result that are worked on at a time."""


class Band(NamedTuple):
    """What some neighbouring places along a side of the enlarged map, and those beside them, are made of.

    Attributes:
        start: the first of the R places.
        first: the first of the K places of the small map that they depend on.
        weights: (3, R, K): of the place before, of the place itself, and of the one behind; zero outside the map.
    """

    start: int
    first: int
    weights: Tensor


@lru_cache(maxsize=64)
def bands(length: int, start: int, stop: int, dtype: torch.dtype) -> tuple[Band, ...]:
    """Return the blocks of places ``start`` to ``stop`` of a side that was ``length`` long and is doubled.

    It is doubled as `decoder.upsample` does: bilinear, with the corners aligned.
    """
    exact = torch.arange(2 * length, dtype=torch.float64) * ((length - 1) / (2 * length - 1))
    below = exact.floor().long().clamp(max=max(0, length - 2))
    above = (below + 1).clamp(max=length - 1)
    share = exact - below
    found = []
    for begin in range(start, stop, BLOCK):
        places = torch.arange(begin, min(begin + BLOCK, stop))
        first = int(below[max(0, begin - 1)])
        last = int(above[min(int(places[-1]) + 1, 2 * length - 1)])
        weights = torch.zeros(3, len(places), last - first + 1, dtype=torch.float64)
        for shift in range(3):
            (inside,) = torch.where((places + shift >= 1) & (places + shift <= 2 * length))
            beside = places[inside] + shift - 1
            weights[shift, inside, below[beside] - first] += 1 - share[beside]
            weights[shift, inside, above[beside] - first] += share[beside]
        found.append(Band(begin, first, weights.to(dtype)))
    return tuple(found)


class EnlargedConvolution(nn.Module):
    """Adds the 3x3 convolution, zero padding 1, of an enlarged map to another map; without gradients, on the CPU.

    Args:
        weight: (O, C, 3, 3).
    """

    def __init__(self, weight: Tensor) -> None:
        super().__init__()
        self.outputs = weight.shape[0]
        self.mix: Tensor
        self.register_buffer("mix", weight.permute(2, 1, 3, 0).flatten(2).contiguous())

    def forward(self, x: Tensor, base: Tensor, top: int = 0) -> Tensor:
        """Return ``base``, changed in place.

        Args:
            x: the map (B, C, H, W), channels-last.
            base: rows from ``top`` on of what is added to, (B, O, rows, 2W), channels-last.
            top: their first row's place among the 2H rows of the enlarged map.
        """
        B, C, H, W = x.shape
        pixels, result = x.permute(0, 2, 3, 1), base.permute(0, 2, 3, 1)
        columns = [
            (band.start, 3 * band.first, band.weights.permute(1, 2, 0).flatten(1))
            for band in bands(W, 0, 2 * W, x.dtype)
        ]
        for start, first, weights in bands(H, top, top + base.shape[2], x.dtype):
            _, rows, height = weights.shape
            for image in range(B):
                known = pixels[image, first : first + height].reshape(-1, C)
                mixed = torch.bmm(known.expand(3, -1, -1), self.mix).view(3, height, -1)
                tall = torch.mm(weights[0], mixed[0]).addmm_(weights[1], mixed[1]).addmm_(weights[2], mixed[2])
                lines = tall.view(rows, -1, self.outputs)
                block = result[image, start - top : start - top + rows]
                for column, place, across in columns:
                    part = torch.bmm(across.expand(rows, -1, -1), lines[:, place : place + across.shape[1]])
                    block[:, column : column + len(across)] += part
        return base
