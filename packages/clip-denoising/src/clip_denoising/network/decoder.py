"""The learnable decoder (paper, section 3.2): from the coarsest feature to the image, with finer ones as skips."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .config import CLIPDenoiserConfig
from .lite_encoder import LITE_CHANNELS

SLOPE = 0.2
"""Of the leaky ReLU for negative values."""


def upsample(x: Tensor) -> Tensor:
    """Upsample a map (B, C, H, W) to twice the size, bilinear with aligned corners.

    Where it samples therefore depends on the size: the network is not equivariant to translation.
    """
    return F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=True)


def centre_crop(x: Tensor, size: Sequence[int]) -> Tensor:
    """Return the centre of a map, ``size`` rows and columns; of two centres the upper left one."""
    top, left = ((length - wanted) // 2 for length, wanted in zip(x.shape[2:], size, strict=True))
    return x[..., top : top + size[0], left : left + size[1]]


class ConvBlock(nn.Module):
    """Two 3x3 convolutions without bias, a leaky ReLU after each; before them, optional upsampling and a skip.

    Args:
        channels: of the map.
        skip: channels of the finer feature that is concatenated with the upsampled map; 0 for neither.
        outputs: channels that come out.
    """

    def __init__(self, channels: int, skip: int, outputs: int) -> None:
        super().__init__()
        self.channels, self.skip = channels, skip
        self.conv1 = nn.Conv2d(channels + skip, outputs, 3, padding=1, bias=False)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1, bias=False)

    def forward(self, x: Tensor, skip: Tensor | None = None) -> Tensor:
        """Return the next map.

        Args:
            x: (B, channels, H, W).
            skip: (B, skip, 2H, 2W); of a larger one, the centre is taken.

        Returns:
            (B, outputs, 2H, 2W), without a skip (B, outputs, H, W).
        """
        if skip is not None:
            x = upsample(x)
            x = torch.cat([x, centre_crop(skip, x.shape[2:])], dim=1)
        x = F.leaky_relu(self.conv1(x), SLOPE, inplace=True)
        return F.leaky_relu(self.conv2(x), SLOPE, inplace=True)


class Decoder(nn.Module):
    """Five blocks and a last convolution.

    Args:
        config: the network's settings.
    """

    def __init__(self, config: CLIPDenoiserConfig) -> None:
        super().__init__()
        width = config.width
        *skips, coarsest = (width, 4 * width, 8 * width, 16 * width) if config.encoder == "clip" else LITE_CHANNELS
        outputs = (8 * width, 4 * width, 2 * width, width, width)
        self.blocks = nn.ModuleList(
            ConvBlock(*channels)
            for channels in zip((coarsest, *outputs), (0, *reversed(skips), 3), outputs, strict=False)
        )
        self.last = nn.Conv2d(width, config.channels, 3, padding=1, bias=False)

    def forward(self, features: Sequence[Tensor]) -> Tensor:
        """Return the image (B, C, H, W), not clamped, for the five dense features from fine to coarse."""
        *skips, x = features
        first, *others = self.blocks
        x = first(x)
        for block, skip in zip(others, reversed(skips), strict=True):
            x = block(x, skip)
        image: Tensor = self.last(x)
        return image
