"""The auxiliary content adapter: tells the U-Net the content in training, so that the style path need not."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from visioncore.errors import InputError

FACTOR = 8
"""Pixels of the image on one side of a place of the latent."""
RESIDUALS = 2
"""Residual blocks of each stage."""


class ContentAdapter(nn.Module):
    """A T2I-Adapter of the full kind, with the names of its tensors; left out at inference.

    Args:
        widths: channels of each stage: those of the U-Net's blocks.
    """

    def __init__(self, widths: Sequence[int]) -> None:
        super().__init__()
        self.unshuffle = nn.PixelUnshuffle(FACTOR)
        self.conv_in = nn.Conv2d(3 * FACTOR**2, widths[0], 3, padding=1)
        stages = zip((widths[0], *widths), widths, strict=False)
        self.body = nn.ModuleList(Stage(before, width, down=i > 0) for i, (before, width) in enumerate(stages))

    def forward(self, images: Tensor) -> list[Tensor]:
        """(B, 3, H, W) in [0, 1] -> a map (B, C, H/8, W/8) for the first block, half as large for each further one.

        They are what diffusers takes as ``down_intrablock_additional_residuals``.

        Raises:
            InputError: if a side is no multiple of 8.
        """
        if images.shape[-2] % FACTOR or images.shape[-1] % FACTOR:
            raise InputError(f"images are {tuple(images.shape)}; H and W must be multiples of {FACTOR}")
        x = self.conv_in(self.unshuffle(images))
        maps = []
        for stage in self.body:
            x = stage(x)
            maps.append(x)
        return maps


class Stage(nn.Module):
    """Residual blocks, half as large as what comes in where ``down``."""

    def __init__(self, channels: int, width: int, down: bool) -> None:
        super().__init__()
        self.downsample = nn.AvgPool2d(2, ceil_mode=True) if down else nn.Identity()
        self.in_conv = nn.Conv2d(channels, width, 1) if channels != width else nn.Identity()
        self.resnets = nn.Sequential(*(Residual(width) for _ in range(RESIDUALS)))

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, width, H, W) or half of that."""
        out: Tensor = self.resnets(self.in_conv(self.downsample(x)))
        return out


class Residual(nn.Module):
    """A 3x3 and a 1x1 convolution, added to what comes in."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.block1 = nn.Conv2d(width, width, 3, padding=1)
        self.block2 = nn.Conv2d(width, width, 1)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W), the same shape out."""
        out: Tensor = x + self.block2(torch.relu(self.block1(x)))
        return out
