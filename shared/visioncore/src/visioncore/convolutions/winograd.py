"""3x3 convolutions with a quarter of the multiplications: Winograd's minimal filtering (Lavin & Gray, CVPR 2016).

A map is cut into tiles of 4x4 outputs, each from 6x6 inputs. In a transformed domain of 36 positions the convolution of
all tiles is one product of matrices a position; the transforms are sums, first along columns and then along rows. Tiles
of 2x2 from 4x4 save only half as much, but their filters take half the memory, which is what counts on small maps.
Results differ from those of the direct sum by rounding: in float32 1e-5 of the largest value, with small tiles 1e-6.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .products import Product

BLOCK = 256
"""Tiles that are worked on at a time, so that what is in between stays in the cache."""

OUTPUTS = 64
"""Outputs whose filters are transformed at a time, for the sake of memory."""

Apply = Callable[[Sequence[Tensor], Sequence[Tensor]], None]
"""Transforms the tensors of the first argument, one a place along an axis, into those of the second."""


class _Transforms(NamedTuple):
    """One-dimensional transforms of an algorithm for T outputs at a time."""

    to_input: Apply
    of_filter: tuple[tuple[float, ...], ...]
    to_output: Apply


def _to_input_2(x: Sequence[Tensor], out: Sequence[Tensor]) -> None:
    torch.sub(x[0], x[2], out=out[0])
    torch.add(x[1], x[2], out=out[1])
    torch.sub(x[2], x[1], out=out[2])
    torch.sub(x[1], x[3], out=out[3])


def _to_output_2(x: Sequence[Tensor], out: Sequence[Tensor]) -> None:
    torch.add(x[0], x[1], out=out[0]).add_(x[2])
    torch.sub(x[1], x[2], out=out[1]).sub_(x[3])


def _to_input_4(x: Sequence[Tensor], out: Sequence[Tensor]) -> None:
    even, odd = torch.sub(x[4], x[2], alpha=4), torch.sub(x[3], x[1], alpha=4)
    torch.add(even, x[0], alpha=4, out=out[0]).sub_(x[2])
    torch.add(even, odd, out=out[1])
    torch.sub(even, odd, out=out[2])
    torch.sub(x[5], x[3], alpha=4, out=out[5]).sub_(odd)
    torch.sub(x[4], x[2], out=even)
    torch.sub(x[3], x[1], out=odd)
    torch.add(even, odd, alpha=2, out=out[3])
    torch.sub(even, odd, alpha=2, out=out[4])


def _to_output_4(x: Sequence[Tensor], out: Sequence[Tensor]) -> None:
    near, far = torch.add(x[1], x[2]), torch.add(x[3], x[4])
    torch.add(x[0], near, out=out[0]).add_(far)
    torch.add(near, far, alpha=4, out=out[2])
    torch.sub(x[1], x[2], out=near)
    torch.sub(x[3], x[4], out=far)
    torch.add(near, far, alpha=2, out=out[1])
    torch.add(near, far, alpha=8, out=out[3]).add_(x[5])


_TRANSFORMS = {
    2: _Transforms(
        to_input=_to_input_2,
        of_filter=((1, 0, 0), (1 / 2, 1 / 2, 1 / 2), (1 / 2, -1 / 2, 1 / 2), (0, 0, 1)),
        to_output=_to_output_2,
    ),
    4: _Transforms(
        to_input=_to_input_4,
        of_filter=(
            (1 / 4, 0, 0),
            (-1 / 6, -1 / 6, -1 / 6),
            (-1 / 6, 1 / 6, -1 / 6),
            (1 / 24, 1 / 12, 1 / 6),
            (1 / 24, -1 / 12, 1 / 6),
            (0, 0, 1),
        ),
        to_output=_to_output_4,
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

    bias: Tensor | None

    def __init__(self, weight: Tensor, bias: Tensor | None, slope: float | None, tile: int) -> None:
        super().__init__()
        matrices = _matrices(weight, tile)
        # each goes as soon as it is in order
        self.products = nn.ModuleList(Product(matrices.pop(0)) for _ in range(len(matrices)))
        self.register_buffer("bias", bias)
        self.slope, self.tile, self.outputs = slope, tile, weight.shape[0]

    def forward(self, x: Tensor) -> Tensor:
        """Return (B, O, H, W), channels-last, for a map (B, C, H, W)."""
        B, C, H, W = x.shape
        tile, outputs = self.tile, self.outputs
        down, across = -(-H // tile), -(-W // tile)
        rows = min(down, max(1, BLOCK // across))
        images = min(B, max(1, BLOCK // (down * across)))
        # Both buffers serve twice: what is transformed takes the place of what it came from.
        size = (tile + 2) ** 2 * images * rows * across * max(C, outputs)
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
        tile, outputs = self.tile, self.outputs
        to_input, _, to_output = _TRANSFORMS[tile]
        B, H, W, _ = out.shape
        C, reach, down, across = window.shape[3], tile + 2, H // tile, W // tile

        def view(buffer: Tensor, *shape: int) -> Tensor:
            return buffer[: torch.Size(shape).numel()].view(shape)

        lines = view(buffers[0], reach, B, down, W + 2, C)
        to_input([window[:, i : i + H - tile + 1 : tile] for i in range(reach)], lines.unbind())
        transformed = view(buffers[1], reach, reach, B * down * across, C)
        shaped = transformed.view(reach, reach, B, down, across, C)
        to_input([lines[:, :, :, j : j + W - tile + 1 : tile] for j in range(reach)], shaped.unbind(1))
        lines = view(buffers[0], tile, reach, B * down * across, outputs)
        for j in range(reach):
            products = [self.products[i * reach + j](transformed[i, j]) for i in range(reach)]
            if j == 1 and self.bias is not None:
                # The position in row 1 and column 1 adds to all outputs of a tile alike.
                products[1] += self.bias
            to_output(products, lines[:, j].unbind())
        lines = lines.view(tile, reach, B, down, across, outputs)
        results = out.view(B, down, tile, across, tile, outputs)
        for i in range(tile):
            to_output(lines[i].unbind(), results[:, :, i].unbind(3))
        if self.slope is not None:
            F.leaky_relu_(out, self.slope)


def _matrices(weight: Tensor, tile: int) -> list[Tensor]:
    """Return the transformed weight, a matrix (C, O) for each position, made in float64, some outputs at a time."""
    of_filter = torch.tensor(_TRANSFORMS[tile].of_filter, dtype=torch.float64)
    outputs, channels = weight.shape[:2]
    matrices = [weight.new_empty(channels, outputs) for _ in range(len(of_filter) ** 2)]
    for start in range(0, outputs, OUTPUTS):
        chosen = slice(start, start + OUTPUTS)
        exact = weight[chosen].double()
        for row, transform in enumerate(of_filter):
            tall = torch.einsum("i,ocij->ocj", transform, exact)
            for column, each in enumerate(of_filter):
                matrices[row * len(of_filter) + column][:, chosen] = torch.einsum("j,ocj->co", each, tall)
    return matrices


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
