"""Observer-centric feature integration of Gazeformer-ISP, and attention to its result, which is never made.

What an observer sees of an image is A + s x d: features A (P, C) that all observers share, and a map of rank one, a
spatial vector s (P) times a direction d (C) of the observer's. Keys, values and means of it fall apart in the same way,
so that the large products are those of the image alone.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from einops import rearrange
from torch import Tensor, nn
from torch.nn import functional as F

from .observers import observer_term


class ObservedMemory(NamedTuple):
    """The features of images as observers see them: shared + spatial x direction.

    Attributes:
        shared: the same for all observers (B, P, C).
        spatial: the observers' weight of each token (B, n, P).
        direction: the observers' change of the features (B, n, C).
    """

    shared: Tensor
    spatial: Tensor
    direction: Tensor

    def weighted_mean(self, weights: Tensor) -> Tensor:
        """Return the mean over tokens (B, n, M, C) of this memory times weights (B, n, M, P)."""
        shared = (weights.flatten(1, 2) @ self.shared).unflatten(1, weights.shape[1:3])
        along = weights @ self.spatial.unsqueeze(-1)
        return (shared + along * self.direction.unsqueeze(2)) / weights.shape[-1]


class Integration(nn.Module):
    """Sums over channels, and over tokens, of the features under the task's and the observer's attention.

    Args:
        positions: tokens P of an image.
        channels: C.
        observer: numbers in an observer's vector.
        hidden: width of the observer's layers.
        dropout: inside the observer's layers, in training.
    """

    def __init__(self, positions: int, channels: int, observer: int, hidden: int, dropout: float) -> None:
        super().__init__()
        self.spatial_observer = observer_term(observer, hidden, positions, dropout)
        self.semantic_observer = observer_term(observer, hidden, channels, dropout)
        self.spatial = nn.Linear(positions, positions)
        self.semantic = nn.Linear(2 * channels, channels)
        self.merge = nn.Linear(2 * channels, channels)

    def forward(self, tokens: Tensor, task: Tensor, attention: Tensor, observer: Tensor) -> ObservedMemory:
        """Return the features of images as observers see them.

        Args:
            tokens: (B, P, C).
            task: attention of the task (B, P).
            attention: of the observers (B, n, P).
            observer: vectors (B, n, E).
        """
        both = (task.unsqueeze(1) + attention) * tokens.sum(dim=-1).unsqueeze(1)
        of_task = (task.unsqueeze(1) @ tokens).expand(-1, attention.shape[1], -1)
        sums = torch.cat([of_task, attention @ tokens], dim=-1)
        spatial = self.spatial(both).relu() + self.spatial_observer(observer)
        semantic = self.semantic(sums).relu() + self.semantic_observer(observer)
        channels = tokens.shape[-1]
        weight = self.merge.weight
        shared = F.linear(tokens, weight[:, :channels], self.merge.bias)
        return ObservedMemory(shared, spatial, F.linear(semantic, weight[:, channels:]))


class ObserverKeys(nn.Module):
    """The queries and keys of an attention to an `ObservedMemory`.

    Args:
        channels: C.
        heads: a divisor of C.
    """

    def __init__(self, channels: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.query = nn.Linear(channels, channels)
        self.key = nn.Linear(channels, channels)

    def forward(self, queries: Tensor, memory: ObservedMemory, positions: Tensor) -> Tensor:
        """Return weights (B, heads, n, T, P), which sum to 1.

        Args:
            queries: with their positions (B, n, T, C).
            memory: what observers see.
            positions: of the tokens (P, C).
        """
        observers = queries.shape[1]
        query = self.split(self.query(queries).flatten(1, 2)) * (queries.shape[-1] // self.heads) ** -0.5
        shared = query @ self.split(self.key(memory.shared + positions)).transpose(-1, -2)
        query, shared = (x.unflatten(2, (observers, -1)) for x in (query, shared))
        along = self.split(F.linear(memory.direction, self.key.weight)).unsqueeze(-1)
        return (shared + query @ along * memory.spatial[:, None, :, None]).softmax(dim=-1)

    def split(self, x: Tensor) -> Tensor:
        """Return (B, heads, N, C / heads) for (B, N, C)."""
        return rearrange(x, "b n (head c) -> b head n c", head=self.heads)


class ObserverAttention(ObserverKeys):
    """Multi-head attention to an `ObservedMemory`.

    Args:
        channels: C.
        heads: a divisor of C.
        dropout: of the weights, in training.
    """

    def __init__(self, channels: int, heads: int, dropout: float) -> None:
        super().__init__(channels, heads)
        self.value = nn.Linear(channels, channels)
        self.out = nn.Linear(channels, channels)
        self.dropout = nn.Dropout(dropout)

    def forward(self, queries: Tensor, memory: ObservedMemory, positions: Tensor) -> Tensor:
        """Return (B, n, T, C); arguments as for `ObserverKeys.forward`."""
        weights = self.dropout(super().forward(queries, memory, positions))
        shared = weights.flatten(2, 3) @ self.split(self.value(memory.shared))
        along = weights @ memory.spatial[:, None, :, :, None]
        direction = self.split(F.linear(memory.direction, self.value.weight)).unsqueeze(3)
        attended = shared.unflatten(2, weights.shape[2:4]) + along * direction
        out: Tensor = self.out(rearrange(attended, "b head n t c -> b n t (head c)"))
        return out
