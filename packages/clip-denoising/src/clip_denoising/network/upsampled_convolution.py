"""3x3 convolutions of upsampled maps, computed before upsampling: a quarter of the multiplications.

A convolution mixes channels, at nine shifts; bilinear upsampling mixes positions, alike in all channels. So channels
can be mixed first, on the small map, and the result of each shift is upsampled and moved to its place: two products
with matrices that are zero but for a band, one along the columns and one along the rows, done in blocks of the band.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

BLOCK = 16
"""Rows, or columns, of the result that one product makes: the more, the more of the matrix is zero."""
TOGETHER = 4
"""Blocks of rows whose channels are mixed together: neighbouring ones need the same rows at their edges."""


class Band(NamedTuple):
    """Interpolation weights of some neighbouring positions, and those beside them, along a side of the upsampled map.

    Attributes:
        start: the first of the R positions.
        first: the first of the K positions of the small map that they depend on.
        weights: (3, R, K): of the position before, of the position itself, and of the next one; zero outside the map.
        flat: the same as (R, 3K), the three next to each other for every position.
    """

    start: int
    first: int
    weights: Tensor
    flat: Tensor

    @property
    def rows(self) -> int:
        """R."""
        return self.weights.shape[1]

    @property
    def depth(self) -> int:
        """K."""
        return self.weights.shape[2]


@lru_cache(maxsize=64)
def bands(length: int, start: int, stop: int, dtype: torch.dtype) -> tuple[Band, ...]:
    """Return the blocks of positions ``start`` to ``stop`` along a side that was ``length`` long and is doubled.

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
        weights = weights.to(dtype)
        found.append(Band(begin, first, weights, weights.permute(1, 2, 0).flatten(1)))
    return tuple(found)


class UpsampledConvolution(nn.Module):
    """Adds the 3x3 convolution, zero padding 1, of an upsampled map to another map, with a leaky ReLU behind it.

    Without gradients, on the CPU.

    Args:
        weight: (O, C, 3, 3).
        slope: of the leaky ReLU for negative values.
    """

    def __init__(self, weight: Tensor, slope: float) -> None:
        super().__init__()
        self.outputs, self.slope = weight.shape[0], slope
        self.mix: Tensor
        self.register_buffer("mix", weight.permute(2, 1, 3, 0).flatten(2).contiguous())

    def forward(self, x: Tensor, base: Tensor, top: int = 0) -> Tensor:
        """Return ``base``, changed in place.

        Args:
            x: the map (B, C, H, W), channels-last.
            base: rows from ``top`` on of what is added to, (B, O, rows, 2W), channels-last.
            top: their first row's place among the 2H rows of the upsampled map.
        """
        B, _, H, W = x.shape
        pixels, result = x.permute(0, 2, 3, 1), base.permute(0, 2, 3, 1)
        blocks = bands(H, top, top + base.shape[2], x.dtype)
        most = max(block.depth for block in blocks) * TOGETHER * W * 9 * self.outputs
        buffers = x.new_empty(most), x.new_empty(BLOCK * TOGETHER * W * 3 * self.outputs)
        for block in range(0, len(blocks), TOGETHER):
            chosen = blocks[block : block + TOGETHER]
            start, stop = chosen[0].start - top, chosen[-1].start + chosen[-1].rows - top
            for image in range(B):
                lines = self._upsample_rows(pixels[image], chosen, buffers)
                part = result[image, start:stop]
                for band in bands(W, 0, 2 * W, x.dtype):
                    known = lines[:, 3 * band.first : 3 * (band.first + band.depth)]
                    moved = torch.bmm(band.flat.expand(len(lines), -1, -1), known)
                    part[:, band.start : band.start + band.rows] += moved
                F.leaky_relu_(part, self.slope)
        return base

    def _upsample_rows(self, pixels: Tensor, blocks: Sequence[Band], buffers: tuple[Tensor, Tensor]) -> Tensor:
        """Return rows (R, 3W, O) of the upsampled map, mixed for each of the three columns that a result depends on.

        Args:
            pixels: the map (H, W, C).
            blocks: which rows, without a gap.
            buffers: for what is in between, and for the result.
        """
        first, last = blocks[0].first, blocks[-1].first + blocks[-1].depth
        known = pixels[first:last].reshape(-1, pixels.shape[2])
        mixed = buffers[0][: 9 * len(known) * self.outputs].view(3, len(known), -1)
        for matrix, out in zip(self.mix, mixed, strict=True):
            torch.mm(known, matrix, out=out)
        mixed = mixed.view(3, last - first, -1)
        rows = sum(block.rows for block in blocks)
        tall = buffers[1][: rows * mixed.shape[2]].view(rows, -1)
        for block, part in zip(blocks, tall.split([block.rows for block in blocks]), strict=True):
            above, here, below = mixed[:, block.first - first : block.first - first + block.depth]
            torch.mm(block.weights[0], above, out=part)
            part.addmm_(block.weights[1], here).addmm_(block.weights[2], below)
        return tall.view(rows, -1, self.outputs)
