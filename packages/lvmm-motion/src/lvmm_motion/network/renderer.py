"""Renderer R: the source image, moved, with what was hidden filled in."""

from __future__ import annotations

import itertools
from typing import NamedTuple

import torch
from torch import Tensor, nn

from .blocks import Down, Residual, Same, Up
from .config import FlowAutoencoderConfig
from .flow import FlowPredictor, Motion
from .grids import resize, warp


class Rendered(NamedTuple):
    """B frames."""

    prediction: Tensor
    """(B, 3, H, W); without occlusion and with skips it may leave [0, 1]."""
    deformed: Tensor
    """(B, 3, H, W) the source image, moved, and nothing filled in."""
    warped_features: Tensor
    """(B, C, H/4, W/4) moved features at the smallest size, before a refiner has changed them."""


class Renderer(nn.Module):
    """Convolutions around the warped features of the source image, named as in the authors' checkpoints."""

    def __init__(self, config: FlowAutoencoderConfig) -> None:
        super().__init__()
        self.skips = config.skips
        self.align_corners = config.align_corners
        self.pixelwise_flow_predictor = FlowPredictor(config)
        widths = [config.width * 2**i for i in range(config.levels + 1)]
        self.first = Same(3, config.width, kernel=7)
        self.down_blocks = nn.ModuleList(Down(a, b) for a, b in itertools.pairwise(widths))
        self.bottleneck = nn.Sequential()
        for i in range(config.bottleneck):
            self.bottleneck.add_module(f"r{i}", Residual(widths[-1]))
        backwards = widths[::-1]
        self.up_blocks = nn.ModuleList(Up(a, b) for a, b in itertools.pairwise(backwards))
        self.final = nn.Conv2d(config.width, 3, 7, padding=3)

    def encode(self, source: Tensor) -> list[Tensor]:
        """Return the source image's features, the largest first: (B, C, H, W), (B, 2C, H/2, W/2), ..."""
        features = [self.first(source)]
        for block in self.down_blocks:
            features.append(block(features[-1]))
        return features

    def decode(self, source: Tensor, features: list[Tensor], motion: Motion, refined: Tensor | None = None) -> Rendered:
        """Return the frames of some motions.

        Args:
            source: (B, 3, H, W) images in [0, 1].
            features: what `encode` returns for them.
            motion: the motions, at any size.
            refined: (B, C, H/4, W/4) features that take the place of the moved ones at the smallest size.
        """
        warped = self.moved(features[-1], motion)
        x = self.bottleneck(warped if refined is None else refined)
        for block, skip in zip(self.up_blocks, reversed(features[1:]), strict=True):
            x = block(self.moved(skip, motion, x) if self.skips else x)
        if self.skips:
            x = self.moved(features[0], motion, x)
        x = torch.sigmoid(self.final(x))
        if self.skips:
            x = self.moved(source, motion, x)
        deformed = warp(source, motion.flow, align_corners=self.align_corners)
        return Rendered(x, deformed, warped)

    def moved(self, feature: Tensor, motion: Motion, previous: Tensor | None = None) -> Tensor:
        """Move a feature; ``previous`` shows where it was hidden."""
        warped = warp(feature, motion.flow, align_corners=self.align_corners)
        if motion.occlusion is None:
            return warped if previous is None else warped + previous
        seen = resize(motion.occlusion, (feature.shape[2], feature.shape[3]))
        return warped * seen if previous is None else warped * seen + previous * (1 - seen)
