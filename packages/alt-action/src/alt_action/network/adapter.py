"""The video adapter: the texts of the entities ask the regions of all frames what happens."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .config import ALTConfig

START = 0.1
"""Of gamma, the share of the adapter in the video vector."""


class Attention(nn.Module):
    """Attention with a linear layer each for query, key, value and output."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.query, self.key = nn.Linear(width, width), nn.Linear(width, width)
        self.value, self.out = nn.Linear(width, width), nn.Linear(width, width)

    def split(self, x: Tensor) -> Tensor:
        """Return (B, heads, N, d / heads) of (B, N, d)."""
        return x.unflatten(-1, (self.heads, -1)).transpose(1, 2)

    def forward(self, x: Tensor, others: Tensor, bias: Tensor | None) -> Tensor:
        """Return (B, Q, d) for tokens (B, Q, d) that look at others (B, N, d); the bias is added to their logits."""
        return self.attend(x, self.key(others), self.value(others), bias)

    def attend(self, x: Tensor, key: Tensor, value: Tensor, bias: Tensor | None) -> Tensor:
        """Return (B, Q, d) for tokens (B, Q, d), keys and values (B, N, d) and a bias of logits (B, 1, 1, N)."""
        query, key, value = self.split(self.query(x)), self.split(key), self.split(value)
        mixed = F.scaled_dot_product_attention(query, key, value, attn_mask=bias)
        out: Tensor = self.out(mixed.transpose(1, 2).flatten(2))
        return out


class MLP(nn.Module):
    """Two linear layers with the exact GELU between them."""

    def __init__(self, inputs: int, inside: int, outputs: int) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(inputs, inside), nn.Linear(inside, outputs)

    def forward(self, x: Tensor) -> Tensor:
        """Return (..., outputs) of (..., inputs)."""
        out: Tensor = self.second(F.gelu(self.first(x)))
        return out


class AdapterBlock(nn.Module):
    """Attention to the regions, attention among the queries, MLP; each behind a norm and beside a shortcut."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.norm_cross, self.cross = nn.LayerNorm(width), Attention(width, heads)
        self.norm_self, self.own = nn.LayerNorm(width), Attention(width, heads)
        self.norm_mlp, self.mlp = nn.LayerNorm(width), MLP(width, 4 * width, width)

    def forward(self, x: Tensor, regions: Tensor, bias: Tensor, mask: Tensor | None) -> Tensor:
        """Return queries (B, Q, d).

        Args:
            x: queries (B, Q, d).
            regions: (B, N, d).
            bias: (B, 1, 1, N), logarithms of the sizes of the regions.
            mask: (B, 1, 1, Q), 0 for queries that count and minus infinity for others; None if all count.
        """
        x = x + self.cross(self.norm_cross(x), regions, bias)
        return self.after_cross(x, mask)

    def after_cross(self, x: Tensor, mask: Tensor | None) -> Tensor:
        """Return queries (B, Q, d) after the rest of the block, once they have looked at the regions."""
        normed = self.norm_self(x)
        x = x + self.own(normed, normed, mask)
        out: Tensor = x + self.mlp(self.norm_mlp(x))
        return out


class VideoAdapter(nn.Module):
    """Entities and regions of all frames -> one vector that is added to the mean of the frames."""

    def __init__(self, config: ALTConfig) -> None:
        super().__init__()
        width, shared = config.tower.width, config.tower.embed_dim
        self.query_mlp = MLP(shared, width, width)
        self.query_places = nn.Parameter(torch.empty(config.places, width))
        self.region_norm, self.region_mlp = nn.LayerNorm(width), MLP(width, width, width)
        self.region_places = nn.Parameter(torch.empty(config.places, width))
        self.blocks: nn.ModuleList = nn.ModuleList(AdapterBlock(width, config.heads) for _ in range(config.layers))
        self.norm, self.out = nn.LayerNorm(width), nn.Linear(width, shared, bias=False)
        self.gamma = nn.Parameter(torch.full((shared,), START))
        for parameter in (self.query_places, self.region_places):
            nn.init.trunc_normal_(parameter, std=0.02, a=-0.04, b=0.04)
        for module in self.modules():
            if isinstance(module, nn.Linear):
                # by its width: with one deviation for all widths a narrow adapter says next to nothing at first
                nn.init.xavier_uniform_(module.weight)
                if module.bias is not None:
                    nn.init.zeros_(module.bias)

    def forward(self, queries: Tensor, weights: Tensor, regions: Tensor, size: Tensor) -> Tensor:
        """Return vectors (B, D) of videos, times gamma.

        Args:
            queries: (B, T, K, D), texts of the entities of each frame.
            weights: (B, T, K), how much each counts; 0 where there is none.
            regions: (B, T, 1 + n, d), tokens of the frames.
            size: (B, T, 1 + n), patches of each.
        """
        x = self.ask(queries)
        seen = self.region_mlp(self.region_norm(regions))
        seen = (seen + places(self.region_places, regions.shape[1])[:, None]).flatten(1, 2)
        bias = size.flatten(1).to(x.dtype).log()[:, None, None]
        mask = self.mask(weights, x.dtype)
        for block in self.layers():
            x = block(x, seen, bias, mask)
        return self.pool(x, weights)

    def layers(self) -> list[AdapterBlock]:
        """Return the blocks, first to last."""
        return [block for block in self.blocks if isinstance(block, AdapterBlock)]

    def ask(self, queries: Tensor) -> Tensor:
        """Return the queries that enter the first block, (B, T K, d), of the texts of entities (B, T, K, D)."""
        x = self.query_mlp(queries) + places(self.query_places, queries.shape[1])[:, None]
        return x.flatten(1, 2)

    @staticmethod
    def mask(weights: Tensor, dtype: torch.dtype) -> Tensor:
        """Return logits (B, 1, 1, T K) that keep queries from looking at those of weight 0 in (B, T, K)."""
        there = weights.flatten(1)[:, None, None] > 0
        return torch.zeros_like(there, dtype=dtype).masked_fill(~there, -torch.inf)

    def pool(self, x: Tensor, weights: Tensor) -> Tensor:
        """Return vectors (B, D), times gamma, of queries (B, T K, d) and their weights (B, T, K)."""
        share = weights.flatten(1)
        share = share / share.sum(dim=1, keepdim=True)
        mean = (self.norm(x) * share[..., None].to(x.dtype)).sum(dim=1)
        vector: Tensor = self.gamma * self.out(mean)
        return vector


def places(learned: Tensor, frames: int) -> Tensor:
    """Return positions in time (frames, d), interpolated linearly between the learned ones (P, d)."""
    if len(learned) == frames:
        return learned
    return F.interpolate(learned.T[None], size=frames, mode="linear", align_corners=False)[0].T
