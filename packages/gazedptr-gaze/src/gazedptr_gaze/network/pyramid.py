"""The feature pyramid: one token for each stage of a trunk."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn


class Level(nn.Module):
    """A 1x1 convolution, batch norm and the mean over all pixels; there is no activation."""

    def __init__(self, channels: int, dim: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, dim, 1, bias=False)
        self.bn = nn.BatchNorm2d(dim)

    def forward(self, stage: Tensor) -> Tensor:
        """Return tokens (B, D) of maps (B, C, H, W)."""
        pooled: Tensor = self.bn(self.conv(stage)).mean(dim=(2, 3))
        return pooled


class Pyramid(nn.Module):
    """One level for each stage."""

    def __init__(self, widths: Sequence[int], dim: int) -> None:
        super().__init__()
        self.levels = nn.ModuleList(Level(width, dim) for width in widths)

    def forward(self, stages: Sequence[Tensor]) -> Tensor:
        """Return tokens (4, B, D) of the maps of a trunk, the finest first."""
        return torch.stack([level(stage) for level, stage in zip(self.levels, stages, strict=True)])
