"""Observers as vectors: the table that is learnt, and the two layers that turn a vector into a term of a feature."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

MEAN = -1
"""Index of the average observer, who stands for anyone the network does not know."""


class ObserverEncoder(nn.Module):
    """One vector for each observer.

    Args:
        observers: how many.
        channels: numbers in a vector.
        std: their standard deviation before training.
    """

    def __init__(self, observers: int, channels: int, std: float) -> None:
        super().__init__()
        self.table = nn.Parameter(torch.randn(observers, channels) * std)

    def forward(self, observers: Tensor) -> Tensor:
        """Return vectors (..., E) of observers: indices (...), where -1 is the mean of all, or vectors as they are."""
        if observers.is_floating_point():
            return observers
        # index -1 is the last row
        return F.embedding(observers % (len(self.table) + 1), torch.cat([self.table, self.table.mean(0, keepdim=True)]))


def observer_term(observer: int, hidden: int, out: int, dropout: float) -> nn.Sequential:
    """Return the layers that turn an observer's vector into what is added to a feature of ``out`` numbers."""
    return nn.Sequential(nn.Linear(observer, hidden), nn.ReLU(), nn.Dropout(dropout), nn.Linear(hidden, out))
