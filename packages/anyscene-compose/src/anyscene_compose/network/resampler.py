"""The resampler: features of an element, however many, -> a few tokens in the space of the prompt's."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from .config import InjectorConfig


class Resampler(nn.Module):
    """Learned queries that look at the features of an element.

    Args:
        config: of the injector.
    """

    def __init__(self, config: InjectorConfig) -> None:
        super().__init__()
        width = config.width
        self.queries = nn.Parameter(width**-0.5 * torch.randn(config.tokens, width))
        self.inwards = nn.Linear(config.features, width)
        self.layers = nn.ModuleList(ResamplerLayer(width, config.heads) for _ in range(config.layers))
        self.outwards = nn.Linear(width, config.context)
        self.norm = nn.LayerNorm(config.context)

    def forward(self, features: Tensor) -> Tensor:
        """(E, P, D) features -> (E, tokens, context); each element is seen by itself."""
        seen = self.inwards(features)
        x = self.queries.expand(len(features), -1, -1)
        for layer in self.layers:
            x = layer(x, seen)
        tokens: Tensor = self.norm(self.outwards(x))
        return tokens


class ResamplerLayer(nn.Module):
    """Attention of the queries to features and to each other, and an MLP, each behind a norm and beside a shortcut."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm_queries, self.norm_features = nn.LayerNorm(width), nn.LayerNorm(width)
        self.to_q = nn.Linear(width, width, bias=False)
        self.to_kv = nn.Linear(width, 2 * width, bias=False)
        self.to_out = nn.Linear(width, width, bias=False)
        self.mlp = nn.Sequential(
            nn.LayerNorm(width), nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width)
        )

    def forward(self, x: Tensor, seen: Tensor) -> Tensor:
        """(E, N, width) queries and (E, P, width) features -> (E, N, width)."""
        x = x + self._attend(self.norm_queries(x), self.norm_features(seen))
        out: Tensor = x + self.mlp(x)
        return out

    def _attend(self, x: Tensor, seen: Tensor) -> Tensor:
        query = self.to_q(x)
        key, value = self.to_kv(torch.cat((seen, x), dim=1)).chunk(2, dim=-1)
        query, key, value = (each.unflatten(-1, (self.heads, -1)).transpose(1, 2) for each in (query, key, value))
        mixed = functional.scaled_dot_product_attention(query, key, value)
        out: Tensor = self.to_out(mixed.transpose(1, 2).flatten(2))
        return out
