"""Attention between two sets of tokens, the building block of both decoders."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn


class Attention(nn.Module):
    """Multi-head attention with its own width for queries, keys and values.

    Args:
        width: channels of what comes in and goes out.
        heads: attention heads.
        inner: channels inside, a multiple of the heads; default: ``width``.
    """

    def __init__(self, width: int, heads: int, inner: int | None = None) -> None:
        super().__init__()
        inner = inner or width
        self.heads = heads
        self.q_proj = nn.Linear(width, inner)
        self.k_proj = nn.Linear(width, inner)
        self.v_proj = nn.Linear(width, inner)
        self.out_proj = nn.Linear(inner, width)

    def forward(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        """Return the attended values, (B, Q, width), for queries (B, Q, width), keys and values (B, N, width)."""
        q, k, v = self.project(q, k, v)
        return self.merge(F.scaled_dot_product_attention(q, k, v))

    def project(self, q: Tensor, k: Tensor, v: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return queries, keys and values as (B, heads, tokens, channels of a head)."""
        return self._split(self.q_proj(q)), self._split(self.k_proj(k)), self._split(self.v_proj(v))

    def merge(self, heads: Tensor) -> Tensor:
        """Return (B, heads, Q, channels of a head) as (B, Q, width)."""
        return self.out_proj(heads.transpose(1, 2).flatten(2))

    def _split(self, tokens: Tensor) -> Tensor:
        return tokens.unflatten(-1, (self.heads, -1)).transpose(1, 2)
