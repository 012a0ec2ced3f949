"""The reference path: step by step as the paper and the published networks do it; the other paths are held to it."""

from __future__ import annotations

import copy
from typing import TypeVar

import torch
from torch import Tensor
from torch.nn import functional as F

from .encoder import Attention, Encoder
from .level_transformer import LevelTransformer
from .model import GazeNetwork
from .positional_code import PositionalCode, precise

Network = TypeVar("Network", bound=GazeNetwork)


class ReferenceAttention(Attention):
    """Attention with its weights written out."""

    def forward(self, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        """Return (B, Q, D) for queries (B, Q, D), keys and values (B, N, D)."""
        weights, biases = self.in_proj_weight.chunk(3), self.in_proj_bias.chunk(3)
        q, k, v = (F.linear(*part) for part in zip((query, key, value), weights, biases, strict=True))
        width = q.shape[-1] // self.heads
        heads = []
        for start in range(0, q.shape[-1], width):
            one = slice(start, start + width)
            similarity = q[..., one] @ k[..., one].transpose(1, 2) / width**0.5
            heads.append(F.dropout(similarity.softmax(-1), self.dropout, self.training) @ v[..., one])
        out: Tensor = self.out_proj(torch.cat(heads, dim=-1))
        return out


class ReferenceEncoder(Encoder):
    """The encoder over all tokens, one of which is taken at the end."""

    def forward(self, x: Tensor, position: Tensor, token: int) -> Tensor:
        """Return token number ``token``, (B, D), of what becomes of tokens and positions (B, N, D)."""
        for layer in self.layers:
            x = layer(x, position)
        out: Tensor = self.norm(x)[:, token]
        return out


class ReferenceLevelTransformer(LevelTransformer):
    """A pass of its own for each class token."""

    def forward(self, features: Tensor, only: int | None = None) -> Tensor:
        """Return class features (P, B, D) of features (L, B, D); P is 1 where ``only`` names a class token."""
        chosen = range(len(self.cls_token)) if only is None else (only,)
        return torch.stack([self.encoder(*self.sequence(features, token), 0) for token in chosen])


class ReferenceCode(PositionalCode):
    """The code, one frequency after the other."""

    def forward(self, x: Tensor) -> Tensor:
        """Return codes (..., N (1 + 2 F)) of vectors (..., N)."""
        x = precise(x, self.double_precision)
        parts = [x]
        for k in range(len(self.frequencies)):
            parts += [torch.sin(2.0**k * x), torch.cos(2.0**k * x)]
        return torch.cat(parts, dim=-1)


PLAIN = {
    Attention: ReferenceAttention,
    Encoder: ReferenceEncoder,
    LevelTransformer: ReferenceLevelTransformer,
    PositionalCode: ReferenceCode,
}
"""{part of a network: the same, step by step}."""


def as_reference(model: Network) -> Network:
    """Return a copy of a network that computes in the paper's own steps."""
    reference = copy.deepcopy(model)
    for module in reference.modules():
        module.__class__ = PLAIN.get(type(module), type(module))
    return reference
