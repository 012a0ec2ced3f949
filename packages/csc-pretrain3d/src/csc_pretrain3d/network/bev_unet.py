"""The network over the bird's-eye map that finds instances: a U-Net with one way up that splits into two at its end."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .drop_block import DropBlock
from .panoptic_config import PanopticConfig


class DoubleConvolution(nn.Module):
    """Two 3x3 convolutions, each with norm and leaky ReLU."""

    def __init__(self, channels_in: int, channels: int) -> None:
        super().__init__()
        self.conv = nn.Sequential(
            *(nn.Conv2d(channels_in, channels, 3, padding=1), nn.BatchNorm2d(channels), nn.LeakyReLU()),
            *(nn.Conv2d(channels, channels, 3, padding=1), nn.BatchNorm2d(channels), nn.LeakyReLU()),
        )

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.conv(x)
        return out


class Entry(nn.Module):
    """A norm of the input, and the first two convolutions."""

    def __init__(self, channels_in: int, channels: int) -> None:
        super().__init__()
        self.conv = nn.Sequential(nn.BatchNorm2d(channels_in), DoubleConvolution(channels_in, channels))

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.conv(x)
        return out


class Down(nn.Module):
    """Half the cells along each side."""

    def __init__(self, channels_in: int, channels: int) -> None:
        super().__init__()
        self.mpconv = nn.Sequential(nn.MaxPool2d(2), DoubleConvolution(channels_in, channels))

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.mpconv(x)
        return out


class Up(nn.Module):
    """Twice the cells along each side, beside those of the way down."""

    def __init__(self, channels_in: int, channels: int, drop: DropBlock) -> None:
        super().__init__()
        self.conv = DoubleConvolution(channels_in, channels)
        self.drop = drop

    def forward(self, x: Tensor, skip: Tensor) -> Tensor:
        x = F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=True)
        below, right = skip.shape[2] - x.shape[2], skip.shape[3] - x.shape[3]
        x = F.pad(x, (right // 2, right - right // 2, below // 2, below - below // 2))
        out: Tensor = self.drop(self.conv(torch.cat([skip, x], dim=1)))
        return out


class Output(nn.Module):
    """One 1x1 convolution."""

    def __init__(self, channels_in: int, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels_in, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.conv(x)
        return out


class BEVUNet(nn.Module):
    """Bird's-eye features (B, C, distances, angles) -> heat of centres (B, 1, ...) and offsets to them (B, 2, ...).

    Args:
        channels: C.
        config: width and what is dropped.
    """

    def __init__(self, channels: int, config: PanopticConfig) -> None:
        super().__init__()
        w, drop = config.width, DropBlock(config.dropped, config.block)
        self.inc = Entry(channels, w)
        self.down1, self.down2 = Down(w, 2 * w), Down(2 * w, 4 * w)
        self.down3, self.down4 = Down(4 * w, 8 * w), Down(8 * w, 8 * w)
        self.up1, self.up2, self.up3 = Up(16 * w, 4 * w, drop), Up(8 * w, 2 * w, drop), Up(4 * w, w, drop)
        self.i_up4_center, self.i_up4_offset = Up(2 * w, w // 2, drop), Up(2 * w, w // 2, drop)
        self.i_outc_center, self.i_outc_offset = Output(w // 2, 1), Output(w // 2, 2)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        first = self.inc(x)
        second = self.down1(first)
        third = self.down2(second)
        fourth = self.down3(third)
        x = self.up3(self.up2(self.up1(self.down4(fourth), fourth), third), second)
        centre, offset = self.i_up4_center(x, first), self.i_up4_offset(x, first)
        return self.i_outc_center(centre), self.i_outc_offset(offset)
