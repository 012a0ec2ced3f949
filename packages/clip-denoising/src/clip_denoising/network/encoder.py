"""CLIP's frozen image tower as a source of dense features of the noisy image (paper, section 3.2)."""

from __future__ import annotations

from typing import Self

import torch
from torch import Tensor

from visioncore.backbones.clip import STAGES, CLIPResNet, CLIPResNetConfig

from .config import CLIPDenoiserConfig


class DenseEncoder(CLIPResNet):
    """The tower up to its third stage, frozen unless the configuration says otherwise.

    "Frozen" holds for weights alone: as published, batch norms use the statistics of the batch in training and
    re-estimate their running ones, which are then those of noisy images in [0, 1].

    Args:
        config: the network's settings.
    """

    def __init__(self, config: CLIPDenoiserConfig) -> None:
        one, two, three, four = config.blocks
        super().__init__(CLIPResNetConfig(config.width, (one, two, three, four if config.keep_layer4 else 0)))
        self.config = config
        self.requires_grad_(config.train_encoder)

    def forward(self, image: Tensor) -> list[Tensor]:
        """Return the dense features of images (B, 3, H, W) in [0, 1], from fine to coarse.

        They are the image itself, (B, w, H/2, W/2) of the stem, and (B, 4w, H/4, W/4), (B, 8w, H/8, W/8) and
        (B, 16w, H/16, W/16) of the stages.
        """
        features = [self.stem(image)]
        x = self.avgpool(features[0])
        for stage in self.stages()[: STAGES - 1]:
            x = stage(x)
            features.append(x)
        if self.config.keep_layer4 and self.training:
            # Its output is not used, but its running statistics are part of the published files.
            with torch.no_grad():
                self.stages()[-1](x)
        return [image, *features]

    def train(self, mode: bool = True) -> Self:
        """Switch to training mode, except for frozen batch norms."""
        return super().train(mode and self.config.encoder_bn == "batch")
