"""The style encoder: statistics of a reference -> style tokens of each level."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional

from .config import LEVELS, ArtAdapterConfig, Level

LEAST_DEVIATION = 1e-4
"""Of a statistic over images; one that hardly varies stays small."""


class LevelEncoder(nn.Module):
    """The tokens of one level.

    Args:
        statistics: how many numbers describe the level.
        config: settings of the adapter.
    """

    mean: Tensor
    deviation: Tensor

    def __init__(self, statistics: int, config: ArtAdapterConfig) -> None:
        super().__init__()
        self.shape = config.tokens, config.width
        self.register_buffer("mean", torch.zeros(statistics))
        self.register_buffer("deviation", torch.ones(statistics))
        self.norm = nn.LayerNorm(statistics)
        self.inwards = nn.Linear(statistics, config.hidden)
        self.outwards = nn.Linear(config.hidden, config.tokens * config.width)
        self.gain = nn.Parameter(torch.tensor(config.gain))

    @torch.no_grad()
    def calibrate(self, statistics: Tensor) -> None:
        """Let images be told apart by how they differ: nearly all of a statistic is the same in all of them.

        Args:
            statistics: (N, statistics) of images to train on.
        """
        self.mean.copy_(statistics.mean(dim=0))
        self.deviation.copy_(statistics.std(dim=0, correction=0).clamp(min=LEAST_DEVIATION))

    def forward(self, statistics: Tensor) -> Tensor:
        """(B, statistics) -> (B, tokens, width), each token of length gain * sqrt(width)."""
        x = functional.gelu(self.inwards(self.norm((statistics - self.mean) / self.deviation)))
        tokens = self.outwards(x).unflatten(1, self.shape)
        # token embeddings of the text encoder are tiny: larger ones would drown the text
        return functional.layer_norm(tokens, self.shape[1:]) * self.gain


class StyleEncoder(nn.Module):
    """One encoder for each level."""

    def __init__(self, config: ArtAdapterConfig) -> None:
        super().__init__()
        for level in LEVELS:
            self.add_module(level, LevelEncoder(config.statistics(level), config))

    def forward(self, statistics: Mapping[Level, Tensor]) -> dict[Level, Tensor]:
        """Return the tokens (B, tokens, width) of each level that statistics (B, n) are given of."""
        return {level: self.get_submodule(level)(statistics[level]) for level in LEVELS if level in statistics}
