"""A small image tower for machines without CLIP: a map of EfficientNet-Lite0, whose places are merged into regions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from visioncore.backbones.efficientnet_lite import CHANNELS, STRIDES, EfficientNetLite
from visioncore.configs import check_most
from visioncore.errors import InputError

from .alignment import precise_product
from .merging import match, merge_sizes, merge_source, merge_tokens
from .output import Regions

_WAVES = (0.25, 0.5, 1.0, 2.0)
"""Periods along a side of the image of the sines and cosines that say where a token is."""


@dataclass(frozen=True)
class LiteTowerConfig:
    """Configuration of the tower.

    Attributes:
        stages: of EfficientNet-Lite0, 1 to 7; the map of the last is taken.
        layers: how many times tokens of the map are merged.
        image_size: side of the square images in pixels, a multiple of the stride of the map.
        embed_dim: length D of the vectors that images and texts share.

    Raises:
        InputError: if a value is out of its range.
    """

    stages: int = 5
    layers: int = 4
    image_size: int = 224
    embed_dim: int = 384

    def __post_init__(self) -> None:
        for name in ("stages", "layers", "image_size", "embed_dim"):
            if getattr(self, name) < 1:
                raise InputError(f"{name} is {getattr(self, name)}; it must be at least 1")
        check_most(self, stages=len(CHANNELS), layers=256, image_size=16384, embed_dim=16384)
        if self.image_size % self.patch:
            raise InputError(f"image_size is {self.image_size}; it must be a multiple of the stride, {self.patch}")

    @property
    def patch(self) -> int:
        """Side of what a place of the map stands for, in pixels."""
        return STRIDES[self.stages - 1]

    @property
    def width(self) -> int:
        """Length d of a token: the channels of the map, and where it is."""
        return CHANNELS[self.stages - 1] + 4 * len(_WAVES)

    @property
    def patches(self) -> int:
        """Places N of the map."""
        return (self.image_size // self.patch) ** 2


class LiteTower(nn.Module):
    """Images -> regions; the mean of the map takes the part of CLIP's class token.

    Args:
        config: the settings.
    """

    def __init__(self, config: LiteTowerConfig) -> None:
        super().__init__()
        self.config = config
        self.trunk = EfficientNetLite(config.stages)
        self.ln_post = nn.LayerNorm(config.width)
        self.proj = nn.Parameter(config.width**-0.5 * torch.randn(config.width, config.embed_dim))

    def regions(self, frames: Tensor, merges: Sequence[int]) -> Regions:
        """Return the regions of frames.

        Args:
            frames: (F, 3, S, S), with ImageNet's mean and deviation.
            merges: places to merge away each time.

        Raises:
            InputError: if the frames are of another size.
        """
        side = self.config.image_size
        if frames.shape[1:] != (3, side, side):
            raise InputError(f"frames are {tuple(frames.shape)}; they must be (F, 3, {side}, {side})")
        # in this layout the filters of single channels take about half the time on a CPU
        maps = self.trunk(frames.contiguous(memory_format=torch.channels_last))[-1]
        return self.merged(self.placed(maps.flatten(2).transpose(1, 2)), merges)

    def placed(self, x: Tensor) -> Tensor:
        """Return tokens (F, N, d) of the places of a map (F, N, channels), row by row: what is there, and where."""
        side = self.config.image_size // self.config.patch
        at = (torch.arange(side, device=x.device, dtype=torch.float32) + 0.5) / side
        turns = 2 * torch.pi * at[:, None] * torch.tensor(_WAVES, device=x.device)
        waves = torch.cat([turns.sin(), turns.cos()], dim=1)
        rows, columns = waves.repeat_interleave(side, dim=0), waves.repeat(side, 1)
        return torch.cat([x, torch.cat([rows, columns], dim=1).to(x.dtype).expand(x.shape[0], -1, -1)], dim=2)

    def merged(self, x: Tensor, merges: Sequence[int]) -> Regions:
        """Return the regions of tokens (F, N, d), which are merged if their directions are alike."""
        x = torch.cat([x.mean(dim=1, keepdim=True), x], dim=1)
        size = torch.ones(x.shape[:2], dtype=torch.int64, device=x.device)
        source = torch.arange(x.shape[1], device=x.device).expand(x.shape[:2])
        for r in merges:
            if r:
                merge = match(x, r)
                x, source = merge_tokens(x, size, merge), merge_source(source, merge)
                size = merge_sizes(size, merge)
        tokens: Tensor = self.ln_post(x)
        return Regions(tokens, F.normalize(precise_product(tokens, self.proj), dim=-1), size, source)
