"""Sampling grids: where in another image each pixel comes from, in coordinates from -1 to 1."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional


def identity_grid(height: int, width: int, *, like: Tensor) -> Tensor:
    """Return the (height, width, 2) coordinates (x, y) of the pixels' centres; those at the border are -1 and 1.

    Args:
        height: rows.
        width: columns.
        like: has the device and dtype of the grid.
    """
    x, y = (_line(n, like) for n in (width, height))
    return torch.stack(torch.broadcast_tensors(x, y[:, None]), dim=-1)


def _line(count: int, like: Tensor) -> Tensor:
    return 2 * torch.arange(count, device=like.device, dtype=like.dtype) / (count - 1) - 1


def resize_grid(grid: Tensor, size: tuple[int, int]) -> Tensor:
    """Resize a grid (B, h, w, 2) bilinearly to (B, H, W, 2), ``size`` being (H, W)."""
    if grid.shape[1:3] == size:
        return grid
    return resize(grid.permute(0, 3, 1, 2), size).permute(0, 2, 3, 1)


def resize(x: Tensor, size: tuple[int, int]) -> Tensor:
    """Resize (B, C, h, w) bilinearly to (B, C, H, W), ``size`` being (H, W)."""
    if x.shape[2:] == size:
        return x
    return functional.interpolate(x, size, mode="bilinear", align_corners=False)


def warp(x: Tensor, grid: Tensor, *, align_corners: bool) -> Tensor:
    """Sample (B, C, H, W) bilinearly where a grid (B, h, w, 2) points; outside of the image there is zero.

    Args:
        x: the image or its features.
        grid: resized to H x W first if it has another size.
        align_corners: whether -1 and 1 are the centres of the border's pixels (LVMM), or their outer edges (LFDM,
            MRAA).
    """
    grid = resize_grid(grid, (x.shape[2], x.shape[3]))
    return functional.grid_sample(x, grid, mode="bilinear", padding_mode="zeros", align_corners=align_corners)
