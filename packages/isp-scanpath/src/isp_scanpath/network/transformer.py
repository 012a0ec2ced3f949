"""Layers of Gazeformer's transformer, all with the norm behind the addition."""

from __future__ import annotations

import torch.nn.functional as F
from einops import rearrange
from torch import Tensor, nn


class SelfAttention(nn.Module):
    """Multi-head attention of tokens to each other.

    Args:
        channels: C.
        heads: a divisor of C.
        dropout: of the weights, in training.
    """

    def __init__(self, channels: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.heads, self.dropout = heads, dropout
        self.inputs = nn.Linear(channels, 3 * channels)
        self.out = nn.Linear(channels, channels)

    def forward(self, tokens: Tensor, values: Tensor) -> Tensor:
        """Return (B, N, C) for queries and keys of ``tokens`` and values of ``values``, each (B, N, C)."""
        channels = tokens.shape[-1]
        weight, bias = self.inputs.weight, self.inputs.bias
        query, key = F.linear(tokens, weight[: 2 * channels], bias[: 2 * channels]).chunk(2, dim=-1)
        value = F.linear(values, weight[2 * channels :], bias[2 * channels :])
        q, k, v = (rearrange(x, "b n (head c) -> b head n c", head=self.heads) for x in (query, key, value))
        attended = F.scaled_dot_product_attention(q, k, v, dropout_p=self.dropout if self.training else 0.0)
        out: Tensor = self.out(rearrange(attended, "b head n c -> b n (head c)"))
        return out


class FeedForward(nn.Module):
    """Two linear layers with a ReLU in between; (..., C), kept.

    Args:
        channels: C.
        hidden: width in between.
        dropout: behind the ReLU, in training.
    """

    def __init__(self, channels: int, hidden: int, dropout: float) -> None:
        super().__init__()
        self.expand = nn.Linear(channels, hidden)
        self.contract = nn.Linear(hidden, channels)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.contract(self.dropout(self.expand(x).relu()))
        return out


class EncoderLayer(nn.Module):
    """Self-attention and feed-forward network; queries and keys know their positions, values do not.

    Args:
        channels: C.
        heads: a divisor of C.
        feed_forward: width of the feed-forward network.
        dropout: everywhere, in training.
    """

    def __init__(self, channels: int, heads: int, feed_forward: int, dropout: float) -> None:
        super().__init__()
        self.attention = SelfAttention(channels, heads, dropout)
        self.feed_forward = FeedForward(channels, feed_forward, dropout)
        self.norm1 = nn.LayerNorm(channels)
        self.norm2 = nn.LayerNorm(channels)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor, positions: Tensor) -> Tensor:
        """Return tokens (B, P, C) for tokens (B, P, C) at positions (P, C)."""
        x = self.norm1(x + self.dropout(self.attention(x + positions, x)))
        out: Tensor = self.norm2(x + self.dropout(self.feed_forward(x)))
        return out
