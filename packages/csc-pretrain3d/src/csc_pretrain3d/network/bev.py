"""Points read a bird's-eye map."""

from __future__ import annotations

import torch
from torch import Tensor

from .config import VoxelNetConfig


def sample_bev(bev: Tensor, points: Tensor, batch: Tensor, config: VoxelNetConfig | None = None) -> Tensor:
    """Return the map's features (P, C) at points, bilinear between the corners of its cells' indices.

    The corners are clamped to the map one by one and the weights are taken from the clamped ones, as published: on the
    last row or column and beyond them the weights do not add up to 1.

    Args:
        bev: (B, C, rows along y, columns along x).
        points: x, y, z in metres (P, 3); z is not read.
        batch: index in the batch of each point (P,).
        config: where the grid lies; default: the published one.
    """
    c = config or VoxelNetConfig()
    rows, columns = bev.shape[2:]
    _, cells_y, cells_x = c.grid
    # the published corner is a number in float32
    lowest = torch.tensor(c.lowest, dtype=torch.float32).tolist()
    x = (points[:, 0] - lowest[0]) / c.voxel_size[0] / (cells_x // columns)
    y = (points[:, 1] - lowest[1]) / c.voxel_size[1] / (cells_y // rows)
    x0, y0 = x.floor().long(), y.floor().long()
    x1, y1 = (x0 + 1).clamp(0, columns - 1), (y0 + 1).clamp(0, rows - 1)
    x0, y0 = x0.clamp(0, columns - 1), y0.clamp(0, rows - 1)
    found = bev.new_zeros(())
    for row, of_row in ((y0, y1 - y), (y1, y - y0)):
        for column, of_column in ((x0, x1 - x), (x1, x - x0)):
            found = found + bev[batch.long(), :, row, column] * (of_row * of_column)[:, None].to(bev.dtype)
    return found
