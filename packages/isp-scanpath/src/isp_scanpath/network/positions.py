"""The sine table of Gazeformer: where on the grid a token is."""

from __future__ import annotations

import math

import torch
from torch import Tensor

_TEMPERATURE = 10_000


def sine_table(grid: tuple[int, int], channels: int) -> Tensor:
    """Return the table (H * W, channels) in float32: the first half of the channels for the row, the second the column.

    Positions run from 0 to 2 pi over the grid; sines lie on even channels, cosines on odd ones.
    """
    half = channels // 2
    rates = torch.exp(torch.arange(0, half, 2, dtype=torch.float32) * (-math.log(_TEMPERATURE) / half))
    waves = []
    for side in grid:
        angles = torch.arange(side, dtype=torch.float32) / (side - 1 + 1e-6) * (2 * math.pi)
        phases = angles[:, None] * rates
        waves.append(torch.stack([phases.sin(), phases.cos()], dim=-1).flatten(1))
    rows, columns = waves
    height, width = grid
    table = torch.cat([rows[:, None].expand(-1, width, -1), columns[None].expand(height, -1, -1)], dim=-1)
    return table.flatten(0, 1)
