"""A stream: trunk, pyramid and level transformer turn one face into features."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from .config import GazeConfig
from .encoder import Encoder
from .level_transformer import LevelTransformer
from .pyramid import Pyramid
from .trunk import Trunk


class UnusedHead(nn.Module):
    """A linear layer that every published file holds and no published network uses; kept so that nothing is lost."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.register_buffer("weight", torch.zeros(2, dim))
        self.register_buffer("bias", torch.zeros(2))


def make_encoder(config: GazeConfig) -> Encoder:
    """Return an encoder of a stream or of the pose transformer."""
    return Encoder(config.dim, config.heads, config.feed_forward, config.layers, config.dropout)


class Stream(nn.Module):
    """One face -> class features, and the pooled features of its four levels.

    Args:
        config: settings of the network.
        tokens: number of class tokens.
    """

    def __init__(self, config: GazeConfig, tokens: int = 1) -> None:
        super().__init__()
        self.trunk = Trunk(config.widths, config.blocks)
        self.pyramid = Pyramid(config.widths, config.dim)
        self.transformer = LevelTransformer(make_encoder(config), config.dim, len(config.widths), tokens)
        self.feed = UnusedHead(config.dim)

    def forward(self, face: Tensor, only: int | None = None) -> tuple[Tensor, Tensor]:
        """Return class features (P, B, D), of one class token if ``only`` names it, and level features (4, B, D).

        Args:
            face: (B, 3, H, W) in [0, 1], blue first; sides of at least 32.
            only: number of the class token; None for all.
        """
        levels = self.pyramid(self.trunk(face))
        return self.transformer(levels, only), levels


class AngleHeads(nn.Module):
    """Heads for (yaw, pitch) that help training: one on a stream's feature, one on each of its levels."""

    def __init__(self, dim: int, levels: int, *, with_stream: bool) -> None:
        super().__init__()
        self.stream = nn.Linear(dim, 2) if with_stream else None
        self.levels = nn.ModuleList(nn.Linear(dim, 2) for _ in range(levels))

    def forward(self, feature: Tensor, levels: Tensor) -> Tensor:
        """Return gazes (5 or 4, B, 2) in radians of a feature (B, D) and levels (4, B, D), that of the stream first."""
        first = [] if self.stream is None else [self.stream(feature)]
        return torch.stack([*first, *(head(level) for head, level in zip(self.levels, levels, strict=True))])
