"""A linear layer in place of the decoders: what the encoder knows by itself, the plainest rival."""

from __future__ import annotations

from einops import rearrange
from torch import Tensor, nn

from .decoders import Coarse

_CELLS = 4
"""Logits along a side for each position of the embedding, as many as the first decoder has."""


class LinearDecoder(nn.Module):
    """Logits of each position are linear in its embedding; no position sees another here.

    Args:
        channels: classes K, background included.
        width: channels of the image embedding.
        hidden: not used; other decoders have one.
        grid: positions g of the embedding along one side.
    """

    def __init__(self, channels: int, width: int, hidden: int, grid: int) -> None:
        super().__init__()
        self.grid = grid
        self.head = nn.Linear(width, channels * _CELLS**2)

    def forward(self, image: Tensor, code: Tensor) -> Coarse:
        """Return coarse logits (B, K, 4g, 4g), without inputs for a second decoder; arguments as of the others."""
        cells = {"g": self.grid, "r": _CELLS, "c": _CELLS}
        logits = rearrange(self.head(image), "b (g h) (k r c) -> b k (g r) (h c)", **cells)
        return Coarse(logits, *(image.new_empty(0) for _ in range(2)))
