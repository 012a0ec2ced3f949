"""The convolutions and norms the network is made of, on channels-last maps.

Every map is (B, C, H, W) to the outside. Inside, a map stays in channels-last memory, so that a 1x1 convolution is a
matrix product over pixels, and a norm reads each pixel's channels in one run. The views in between cost nothing.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def to_pixels(x: Tensor) -> Tensor:
    """View a map (B, C, H, W) as pixels (B, H, W, C)."""
    return x.permute(0, 2, 3, 1)


def to_map(x: Tensor) -> Tensor:
    """View pixels (B, H, W, C) as a map (B, C, H, W)."""
    return x.permute(0, 3, 1, 2)


class Pointwise(nn.Conv2d):
    """1x1 convolution without bias, computed as a matrix product over pixels.

    Shapes: (B, C_in, H, W) -> (B, C_out, H, W).
    """

    def __init__(self, channels_in: int, channels_out: int) -> None:
        super().__init__(channels_in, channels_out, kernel_size=1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return to_map(to_pixels(x) @ self.matrix())

    def matrix(self) -> Tensor:
        """Return the weights in the layout for products with pixels: (C_in, C_out), contiguous."""
        return self.weight.flatten(1).t().contiguous()


class Conv3x3(nn.Conv2d):
    """3x3 convolution that keeps the size (zero padding 1). Shapes: (B, C_in, H, W) -> (B, C_out, H, W)."""

    def __init__(self, channels_in: int, channels_out: int, *, bias: bool = False) -> None:
        super().__init__(channels_in, channels_out, kernel_size=3, padding=1, bias=bias)


class Depthwise3x3(nn.Conv2d):
    """3x3 convolution of each channel by itself (zero padding 1, no bias). Shapes: (B, C, H, W), kept."""

    def __init__(self, channels: int) -> None:
        super().__init__(channels, channels, kernel_size=3, padding=1, groups=channels, bias=False)


class ChannelNorm(nn.Module):
    """Layer norm over the channels of each pixel, with biased variance and eps 1e-5.

    Args:
        channels: C.
        bias: the published form. Without it the mean is not subtracted from the numerator and nothing is added, while
            the variance stays about the mean.

    Shapes: (B, C, H, W), kept.
    """

    eps = 1e-5

    def __init__(self, channels: int, *, bias: bool = True) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels)) if bias else None

    def forward(self, x: Tensor) -> Tensor:
        pixels = to_pixels(x)
        if self.bias is not None:
            return to_map(F.layer_norm(pixels, self.weight.shape, self.weight, self.bias, self.eps))
        variance = pixels.var(dim=-1, keepdim=True, correction=0)
        return to_map(pixels * torch.rsqrt(variance + self.eps) * self.weight)


class Down(nn.Sequential):
    """Half the size, twice the channels: 3x3 convolution, then pixel unshuffle. (B, C, H, W) -> (B, 2C, H/2, W/2)."""

    def __init__(self, channels: int) -> None:
        super().__init__(Conv3x3(channels, channels // 2), nn.PixelUnshuffle(2))


class Up(nn.Sequential):
    """Twice the size, half the channels: 3x3 convolution, then pixel shuffle. (B, C, H, W) -> (B, C/2, 2H, 2W)."""

    def __init__(self, channels: int) -> None:
        super().__init__(Conv3x3(channels, channels * 2), nn.PixelShuffle(2))


def nearest_down(x: Tensor, factor: int) -> Tensor:
    """Keep every ``factor``-th row and column from the first on: nearest resizing of sides it divides."""
    return x[..., ::factor, ::factor]


def nearest_up(x: Tensor) -> Tensor:
    """Repeat every pixel twice along both axes."""
    return F.interpolate(x, scale_factor=2, mode="nearest")
