"""3x3 convolutions with a quarter of the multiplications: Winograd's minimal filtering (Lavin & Gray, CVPR 2016).

A map is cut into tiles of 4x4 outputs, each from 6x6 inputs. In a transformed domain of 36 positions the convolution of
all tiles is one product of matrices a position; the transforms are products with fixed matrices. Tiles of 2x2 from 4x4
save only half as much, but their filters take half the memory, which is what counts on small maps. Results differ from
those of the direct sum by rounding: in float32 1e-5 of the largest value, with small tiles 1e-6.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

BLOCK = 128
"""Tiles that are worked on at a time, so that what is in between stays in the cache."""


class _Transforms(NamedTuple):
    """One-dimensional transforms of an algorithm for T outputs at a time."""

    to_input: tuple[tuple[float, ...], ...]
    of_filter: tuple[tuple[float, ...], ...]
    to_output: tuple[tuple[float, ...], ...]


_TRANSFORMS = {
    2: _Transforms(
        to_input=((1, 0, -1, 0), (0, 1, 1, 0), (0, -1, 1, 0), (0, 1, 0, -1)),
        of_filter=((1, 0, 0), (1 / 2, 1 / 2, 1 / 2), (1 / 2, -1 / 2, 1 / 2), (0, 0, 1)),
        to_output=((1, 1, 1, 0), (0, 1, -1, -1)),
    ),
    4: _Transforms(
        to_input=(
            (4, 0, -5, 0, 1, 0),
            (0, -4, -4, 1, 1, 0),
            (0, 4, -4, -1, 1, 0),
            (0, -2, -1, 2, 1, 0),
            (0, 2, -1, -2, 1, 0),
            (0, 4, 0, -5, 0, 1),
        ),
        of_filter=(
            (1 / 4, 0, 0),
            (-1 / 6, -1 / 6, -1 / 6),
            (-1 / 6, 1 / 6, -1 / 6),
            (1 / 24, 1 / 12, 1 / 6),
            (1 / 24, -1 / 12, 1 / 6),
            (0, 0, 1),
        ),
        to_output=((1, 1, 1, 1, 1, 0), (0, 1, -1, 2, -2, 0), (0, 1, 1, 4, 4, 0), (0, 1, -1, 8, -8, 1)),
    ),
}


class Winograd3x3(nn.Module):
    """3x3 convolution, zero padding 1, with a leaky ReLU; without gradients, on the CPU.

    Args:
        weight: (O, C, 3, 3) in float32 or float64.
        bias: (O,), or None.
        slope: of the leaky ReLU for negative values, 0 for a ReLU; None for neither.
        tile: side of the tiles, 2 or 4.
    """

    def __init__(self, weight: Tensor, bias: Tensor | None, slope: float | None, tile: int) -> None:
        super().__init__()
        to_input, of_filter, to_output = (torch.tensor(m, dtype=torch.float64) for m in _TRANSFORMS[tile])
        filters = torch.einsum("ai,bj,ocij->abco", of_filter, of_filter, weight.double()).flatten(0, 1)
        self.register_buffer("filters", filters.to(weight.dtype).contiguous())
        self.register_buffer("to_input", torch.kron(to_input, to_input).to(weight.dtype))
        self.register_buffer("to_output", torch.kron(to_output, to_output).to(weight.dtype))
        self.register_buffer("bias", bias)
        self.slope, self.tile = slope, tile
        self.filters: Tensor
        self.to_input: Tensor
        self.to_output: Tensor
        self.bias: Tensor | None

    def forward(self, x: Tensor) -> Tensor:
        """Return (B, O, H, W), channels-last, for a map (B, C, H, W)."""
        B, C, H, W = x.shape
        tile, (positions, _, outputs) = self.tile, self.filters.shape
        down, across = -(-H // tile), -(-W // tile)
        rows = min(down, max(1, BLOCK // across))
        images = min(B, max(1, BLOCK // (down * across)))
        # Both buffers serve twice: what is transformed takes the place of what it came from.
        size = positions * images * rows * across * max(C, outputs)
        buffers = x.new_empty(size), x.new_empty(size)
        padded = x.new_empty(images, rows * tile + 2, across * tile + 2, C)
        padded[:, :, 0] = 0
        padded[:, :, W + 1 :] = 0
        out = x.new_empty(B, down * tile, across * tile, outputs)
        for image in range(0, B, images):
            for row in range(0, down, rows):
                chosen = out[image : image + images, row * tile : (row + rows) * tile]
                window = _fill(padded, x[image : image + images].permute(0, 2, 3, 1), row * tile, chosen.shape[1] + 2)
                self._convolve(window, chosen, buffers)
        return out[:, :H, :W].permute(0, 3, 1, 2)

    def _convolve(self, window: Tensor, out: Tensor, buffers: tuple[Tensor, Tensor]) -> None:
        """Fill ``out`` (B, H, W, O) from the padded input (B, H + 2, W + 2, C); sides are multiples of the tile's."""
        tile, (positions, C, outputs) = self.tile, self.filters.shape
        B, H, W, _ = out.shape
        shape = (B, H // tile, W // tile)
        tiles = shape[0] * shape[1] * shape[2]
        patches, transformed = (buffer[: positions * tiles * C].view(positions, -1) for buffer in buffers)
        image, row, column, channel = window.stride()
        reached = window.as_strided(
            (tile + 2, tile + 2, *shape, C), (row, column, image, tile * row, tile * column, channel)
        )
        patches.view(reached.shape).copy_(reached)
        torch.mm(self.to_input, patches, out=transformed)
        products = buffers[0][: positions * tiles * outputs].view(positions, tiles, outputs)
        torch.bmm(transformed.view(positions, tiles, C), self.filters, out=products)
        if self.bias is not None:
            # The position in row 1 and column 1 adds to all outputs of a tile alike.
            products[tile + 3] += self.bias
        results = buffers[1][: tile**2 * tiles * outputs].view(tile**2, -1)
        torch.mm(self.to_output, products.view(positions, -1), out=results)
        turned = results.view(tile, tile, *shape, outputs).permute(2, 3, 0, 4, 1, 5)
        out.view(turned.shape).copy_(turned)
        if self.slope is not None:
            F.leaky_relu_(out, self.slope)


def _fill(padded: Tensor, x: Tensor, top: int, height: int) -> Tensor:
    """Copy the rows of a map (B, H, W, C) from ``top`` - 1 on into a buffer, and return ``height`` rows of that.

    The first column of the buffer is zero and stays so, as do those behind the map's last.
    """
    B, H, W, _ = x.shape
    window = padded[:B, :height]
    first, last = max(top - 1, 0), min(top - 1 + height, H)
    window[:, : first - top + 1] = 0
    window[:, first - top + 1 : last - top + 1, 1 : W + 1] = x[:, first:last]
    window[:, last - top + 1 :] = 0
    return window
