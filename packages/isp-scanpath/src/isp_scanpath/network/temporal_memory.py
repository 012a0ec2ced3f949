"""Temporal memories of ChenLSTM: attention over the spatial and semantic vectors of all steps so far."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from .chen_integration import Integrated


class Remembered(NamedTuple):
    """The vectors of j steps so far, with their projections, which are made once.

    Attributes:
        spatial: (B, n, j, HW).
        spatial_entries: (B, n, j, HW).
        semantic: (B, n, j, C).
        semantic_entries: (B, n, j, C).
    """

    spatial: Tensor
    spatial_entries: Tensor
    semantic: Tensor
    semantic_entries: Tensor


class TemporalMemory(nn.Module):
    """Weights over the steps so far, which the last one decides; of the spatial and of the semantic vectors.

    Args:
        grid: rows H and columns W of the map.
        channels: C.
    """

    def __init__(self, grid: tuple[int, int], channels: int) -> None:
        super().__init__()
        self.grid = grid
        self.spatial_entry = nn.Conv2d(1, 1, 3, padding=1)
        self.spatial_last = nn.Conv2d(1, 1, 3, padding=1)
        self.spatial_score = nn.Conv2d(1, 1, grid)
        self.semantic_entry = nn.Linear(channels, channels)
        self.semantic_last = nn.Linear(channels, channels)
        self.semantic_score = nn.Linear(channels, 1)

    def remember(self, earlier: Remembered | None, new: Integrated) -> Remembered:
        """Return the memory with one more step."""
        now = Remembered(
            spatial=new.spatial.unsqueeze(2),
            spatial_entries=self._on_map(self.spatial_entry, new.spatial).unsqueeze(2),
            semantic=new.semantic.unsqueeze(2),
            semantic_entries=self.semantic_entry(new.semantic).unsqueeze(2),
        )
        if earlier is None:
            return now
        return Remembered(*(torch.cat(pair, dim=2) for pair in zip(earlier, now, strict=True)))

    def forward(self, memory: Remembered) -> Integrated:
        """Return the weighted sums of the vectors: spatial (B, n, HW) and semantic (B, n, C)."""
        last = self._on_map(self.spatial_last, memory.spatial[:, :, -1]).unsqueeze(2)
        logits = self._on_map(self.spatial_score, (memory.spatial_entries + last).tanh()).squeeze(-1)
        spatial = logits.softmax(dim=-1).unsqueeze(2) @ memory.spatial
        last = self.semantic_last(memory.semantic[:, :, -1:])
        logits = self.semantic_score((memory.semantic_entries + last).tanh()).squeeze(-1)
        semantic = logits.softmax(dim=-1).unsqueeze(2) @ memory.semantic
        return Integrated(spatial.squeeze(2), semantic.squeeze(2))

    def _on_map(self, layer: nn.Module, values: Tensor) -> Tensor:
        """Return the convolution of vectors (..., HW), viewed as maps: (..., positions that come out)."""
        out: Tensor = layer(values.reshape(-1, 1, *self.grid))
        return out.reshape(*values.shape[:-1], out.shape[1:].numel())
