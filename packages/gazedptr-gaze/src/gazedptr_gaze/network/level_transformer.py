"""The level transformer: class tokens that gather what a set of features holds."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from .encoder import Encoder


class LevelTransformer(nn.Module):
    """Class tokens, each of which sees the features but no other class token.

    Args:
        encoder: what the tokens go through.
        dim: length of a token.
        length: number of features.
        tokens: number of class tokens.
    """

    def __init__(self, encoder: Encoder, dim: int, length: int, tokens: int = 1) -> None:
        super().__init__()
        self.cls_token = nn.Parameter(torch.randn(tokens, 1, dim))
        self.encoder = encoder
        self.token_pos_embedding = nn.Embedding(tokens, dim)
        self.pos_embedding = nn.Embedding(length, dim)

    def sequence(self, features: Tensor, token: int) -> tuple[Tensor, Tensor]:
        """Return the tokens and positions (B, 1 + L, D) of one class token.

        The published networks join positions the other way round than tokens: the class token has that of the first
        feature, and the last feature that of the class token.
        """
        batch = features.shape[1]
        tokens = torch.cat([self.cls_token[token].expand(1, batch, -1), features]).transpose(0, 1)
        position = torch.cat([self.pos_embedding.weight, self.token_pos_embedding.weight[token : token + 1]])
        return tokens, position.expand(batch, -1, -1)

    def forward(self, features: Tensor, only: int | None = None) -> Tensor:
        """Return class features (P, B, D) of features (L, B, D); P is 1 where ``only`` names a class token."""
        chosen = range(len(self.cls_token)) if only is None else (only,)
        parts = [self.sequence(features, token) for token in chosen]
        tokens, position = (torch.cat(part) for part in zip(*parts, strict=True))
        out: Tensor = self.encoder(tokens, position, 0)
        return out.unflatten(0, (len(chosen), features.shape[1]))
