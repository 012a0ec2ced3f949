"""Encoder, decoder and U-Net of one pass at one scale: three levels, halving the size and doubling the channels."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor, nn

from .layers import Conv3x3, Down, Pointwise, Up

Level = Callable[[int], nn.Module]
"""Makes the blocks of level 0, 1 or 2, where C, 2C or 4C channels flow."""


class Encoded(NamedTuple):
    """Outputs of an encoder: ``latent`` (B, 4C, H/4, W/4), ``level1`` (B, C, H, W), ``level2`` (B, 2C, H/2, W/2)."""

    latent: Tensor
    level1: Tensor
    level2: Tensor


class Encoder(nn.Module):
    """(B, C, H, W) -> `Encoded`."""

    def __init__(self, channels: int, level: Level) -> None:
        super().__init__()
        self.level1 = level(0)
        self.down1 = Down(channels)
        self.level2 = level(1)
        self.down2 = Down(2 * channels)
        self.latent = level(2)

    def forward(self, x: Tensor) -> Encoded:
        level1 = self.level1(x)
        level2 = self.level2(self.down1(level1))
        return Encoded(self.latent(self.down2(level2)), level1, level2)


class Decoder(nn.Module):
    """`Encoded` -> (B, C, H, W)."""

    def __init__(self, channels: int, level: Level) -> None:
        super().__init__()
        self.up2 = Up(4 * channels)
        self.reduce2 = Pointwise(4 * channels, 2 * channels)
        self.level2 = level(1)
        self.up1 = Up(2 * channels)
        self.reduce1 = Pointwise(2 * channels, channels)
        self.level1 = level(0)

    def forward(self, encoded: Encoded, reduce1: Pointwise | None = None) -> Tensor:
        """Decode; ``reduce1`` stands in for this decoder's own where the published network shares another's."""
        level2 = self.level2(self.reduce2(torch.cat([self.up2(encoded.latent), encoded.level2], dim=1)))
        merged = torch.cat([self.up1(level2), encoded.level1], dim=1)
        x: Tensor = self.level1((reduce1 or self.reduce1)(merged))
        return x


class UNet(nn.Module):
    """Encoder, decoder and a 3x3 convolution. (B, C, H, W) -> the deep features, and a map of the input's shape."""

    def __init__(self, channels: int, level: Level) -> None:
        super().__init__()
        self.encoder = Encoder(channels, level)
        self.decoder = Decoder(channels, level)
        self.context = Conv3x3(channels, channels)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        encoded = self.encoder(x)
        return encoded.latent, self.context(self.decoder(encoded))
