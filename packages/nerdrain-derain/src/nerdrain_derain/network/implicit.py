"""The implicit neural representations: small networks that decode a colour for every pixel from features (paper, 3.2).

As published, each pixel's features are the 3x3 neighbourhood of a map, with relative coordinates and the cell size
appended, and four shifted evaluations are blended. There the query grid equals the feature grid, so that the
coordinates are all zero, the cell entries are both 2, and the four evaluations are one. What remains, to rounding, is a
3x3 convolution and three 1x1 convolutions, a quarter of the work; that is what stands here. The first layer keeps its
published shape, columns without effect included, so that weights can be exchanged.
"""

from __future__ import annotations

import torch.nn.functional as F
from einops import rearrange
from torch import Tensor, nn

from .layers import Up, to_map, to_pixels

COORDINATES = 18  # columns that only ever meet zeros
CELL = 2  # columns that only ever meet the constant 2


class PixelDecoder(nn.Module):
    """Features of a map -> an RGB image of the same size. Shapes: (B, C, H, W) -> (B, 3, H, W).

    Args:
        channels: C.
        hidden: width of the three hidden layers.
    """

    def __init__(self, channels: int, hidden: int = 256) -> None:
        super().__init__()
        self.channels = channels
        self.layers = nn.ModuleList(
            [
                nn.Linear(9 * channels + COORDINATES + CELL, hidden),
                nn.Linear(hidden, hidden),
                nn.Linear(hidden, hidden),
                nn.Linear(hidden, 3),
            ]
        )

    def forward(self, features: Tensor) -> Tensor:
        first, *others = self._linears()
        neighbours = rearrange(
            first.weight[:, : 9 * self.channels], "out (c row column) -> out c row column", row=3, column=3
        )
        bias = first.bias + 2 * first.weight[:, -CELL:].sum(dim=1)
        x = to_pixels(F.conv2d(features, neighbours, bias, padding=1))
        for layer in others:
            x = layer(F.relu(x, inplace=True))
        return to_map(x)

    def _linears(self) -> list[nn.Linear]:
        return [layer for layer in self.layers if isinstance(layer, nn.Linear)]


class ImplicitRepresentation(nn.Module):
    """Deep features of a scale -> that scale's first estimate, as a change of its input image.

    Args:
        channels: C of the scale's first level; the features have 4C channels at a quarter of the image's sides.
        hidden: width of the pixel decoder.

    Shapes: (B, 4C, H/4, W/4) -> (B, 3, H, W).
    """

    def __init__(self, channels: int, hidden: int = 256) -> None:
        super().__init__()
        self.up2 = Up(4 * channels)
        self.up1 = Up(2 * channels)
        self.decode = PixelDecoder(channels, hidden)

    def forward(self, latent: Tensor) -> Tensor:
        image: Tensor = self.decode(self.up1(self.up2(latent)))
        return image
