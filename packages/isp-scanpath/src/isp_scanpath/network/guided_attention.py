"""Additive attention that a guide steers: an observer's vector, or the embedding of a task."""

from __future__ import annotations

from torch import Tensor, nn


class GuidedAttention(nn.Module):
    """Weights over feature vectors: softmax(a(tanh(P f + Q g))).

    It finds where an observer, or a task, draws the eye, and it prioritises an observer's action maps.

    Args:
        features: channels of a feature vector.
        guide: numbers in a guide.
        hidden: width in between.
    """

    def __init__(self, features: int, guide: int, hidden: int) -> None:
        super().__init__()
        self.features = nn.Linear(features, hidden)
        self.guide = nn.Linear(guide, hidden)
        self.score = nn.Linear(hidden, 1)

    def forward(self, features: Tensor, guide: Tensor) -> Tensor:
        """Return weights (..., M), which sum to 1, of M feature vectors (..., M, C) for guides (..., G)."""
        mixed = (self.features(features) + self.guide(guide).unsqueeze(-2)).tanh()
        weights: Tensor = self.score(mixed).squeeze(-1).softmax(dim=-1)
        return weights
