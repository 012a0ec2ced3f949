"""The transformer encoder: positions are added to queries and keys in every layer, never to values."""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class Attention(nn.Module):
    """Multi-head attention with the packed projection of `torch.nn.MultiheadAttention`."""

    def __init__(self, dim: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.heads, self.dropout = heads, dropout
        self.in_proj_weight = nn.Parameter(torch.empty(3 * dim, dim))
        self.in_proj_bias = nn.Parameter(torch.zeros(3 * dim))
        self.out_proj = nn.Linear(dim, dim)
        nn.init.xavier_uniform_(self.in_proj_weight)
        nn.init.zeros_(self.out_proj.bias)

    def forward(self, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        """Return (B, Q, D) for queries (B, Q, D), keys and values (B, N, D)."""
        weights, biases = self.in_proj_weight.chunk(3), self.in_proj_bias.chunk(3)
        q, k, v = (
            F.linear(x, weight, bias).unflatten(-1, (self.heads, -1)).transpose(1, 2)
            for x, weight, bias in zip((query, key, value), weights, biases, strict=True)
        )
        dropout = self.dropout if self.training else 0.0
        mixed = F.scaled_dot_product_attention(q, k, v, dropout_p=dropout)
        out: Tensor = self.out_proj(mixed.transpose(1, 2).flatten(2))
        return out


class EncoderLayer(nn.Module):
    """Attention and two linear layers, each with a shortcut and a norm behind it."""

    def __init__(self, dim: int, heads: int, feed_forward: int, dropout: float) -> None:
        super().__init__()
        self.self_attn = Attention(dim, heads, dropout)
        self.linear1 = nn.Linear(dim, feed_forward)
        self.linear2 = nn.Linear(feed_forward, dim)
        self.norm1, self.norm2 = nn.LayerNorm(dim), nn.LayerNorm(dim)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor, position: Tensor, keep: slice = slice(None)) -> Tensor:
        """Return tokens (B, K, D), those that ``keep`` names of tokens and positions (B, N, D)."""
        placed, drop = x + position, self.dropout
        x = self.norm1(x[:, keep] + drop(self.self_attn(placed[:, keep], placed, x)))
        out: Tensor = self.norm2(x + drop(self.linear2(drop(F.relu(self.linear1(x))))))
        return out


class Encoder(nn.Module):
    """Encoder layers, which start as copies of one, and a norm."""

    def __init__(self, dim: int, heads: int, feed_forward: int, layers: int, dropout: float) -> None:
        super().__init__()
        first = EncoderLayer(dim, heads, feed_forward, dropout)
        self.layers = nn.ModuleList(copy.deepcopy(first) for _ in range(layers))
        self.norm = nn.LayerNorm(dim)

    def forward(self, x: Tensor, position: Tensor, token: int) -> Tensor:
        """Return token number ``token``, (B, D), of what becomes of tokens and positions (B, N, D).

        No other token needs a query or the linear layers of the last layer.
        """
        *first, last = self.layers
        for layer in first:
            x = layer(x, position)
        out: Tensor = self.norm(last(x, position, slice(token, token + 1)))[:, 0]
        return out
