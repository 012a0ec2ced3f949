"""Observer-centric feature integration of ChenLSTM-ISP: what a map and the observer's attention see in the image."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from .observers import observer_term

_DROPOUT = 0.2


class Integrated(NamedTuple):
    """A spatial vector (B, n, HW) and a semantic one (B, n, C)."""

    spatial: Tensor
    semantic: Tensor


class Seen(NamedTuple):
    """The image as observers see it, before any map: what stays the same at all steps.

    Attributes:
        tokens: visual features (B, HW, C).
        channel_sum: their sum over channels (B, 1, HW).
        attention: each observer's attention (B, n, HW).
        attended: mean over positions of attention times features (B, n, C).
        spatial_term: the observers' part of the spatial vector (B, n, HW).
        semantic_term: the observers' part of the semantic vector (B, n, 2C).
    """

    tokens: Tensor
    channel_sum: Tensor
    attention: Tensor
    attended: Tensor
    spatial_term: Tensor
    semantic_term: Tensor


class Integration(nn.Module):
    """Means over channels, and over positions, of the features under a map and under the observer's attention.

    The means of products are products of sums and of matrices, so the weighted features are never made.

    Args:
        positions: HW.
        channels: C.
        observer: numbers in an observer's vector.
        hidden: width of the observer's layers.
    """

    def __init__(self, positions: int, channels: int, observer: int, hidden: int) -> None:
        super().__init__()
        self.spatial_observer = observer_term(observer, hidden, positions, _DROPOUT)
        self.semantic_observer = observer_term(observer, hidden, 2 * channels, _DROPOUT)
        self.spatial = nn.Linear(positions, positions)
        self.semantic = nn.Linear(2 * channels, channels)

    def see(self, tokens: Tensor, attention: Tensor, observer: Tensor) -> Seen:
        """Return the part that does not depend on the map; shapes as in `Seen`, observers' vectors (B, n, E)."""
        return Seen(
            tokens=tokens,
            channel_sum=tokens.sum(dim=-1).unsqueeze(1),
            attention=attention,
            attended=attention @ tokens / tokens.shape[1],
            spatial_term=self.spatial_observer(observer),
            semantic_term=self.semantic_observer(observer),
        )

    def forward(self, seen: Seen, action_map: Tensor) -> Integrated:
        """Return the spatial and semantic vectors of observers under a map (B, n, HW)."""
        positions, channels = seen.tokens.shape[1:]
        spatial = (action_map + seen.attention) * seen.channel_sum / (2 * channels)
        semantic = torch.cat([action_map @ seen.tokens / positions, seen.attended], dim=-1)
        return Integrated(
            self.spatial(spatial.relu() + seen.spatial_term), self.semantic(semantic.relu() + seen.semantic_term)
        )
