"""The zone branch: which zone is looked at, from the image, from the projected points, and from both."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from .config import GazeConfig
from .encoder import Encoder
from .level_transformer import LevelTransformer
from .positional_code import PositionalCode


class ZoneBranch(nn.Module):
    """Three zone heads."""

    def __init__(self, config: GazeConfig, code: PositionalCode) -> None:
        super().__init__()

        def transformer(length: int) -> LevelTransformer:
            encoder = Encoder(config.dim, config.zone_heads, config.feed_forward, config.zone_layers, config.dropout)
            return LevelTransformer(encoder, config.dim, length)

        self.code, self.unit = code, config.unit
        self.planes = nn.ModuleList(nn.Linear(config.code_length, config.dim) for _ in range(3))
        self.points_transformer, self.joint_transformer = transformer(3), transformer(2)
        self.heads = nn.ModuleList(nn.Linear(config.dim, config.zones) for _ in range(3))

    def point_tokens(self, points: Tensor) -> Tensor:
        """Return tokens (3, B, D) of the points (3, B, 3) on the three planes."""
        codes = self.code(points / self.unit).to(next(self.planes.parameters()).dtype)
        tokens = torch.stack([plane(code).relu() for plane, code in zip(self.planes, codes, strict=True)])
        return tokens.to(next(self.heads.parameters()).dtype)

    def forward(self, feature: Tensor, points: Tensor) -> Tensor:
        """Return zone logits (3, B, Z) of image features (B, D) and points (3, B, 3), head after head."""
        on_planes = self.points_transformer(self.point_tokens(points))[0]
        joint = self.joint_transformer(torch.stack([feature, on_planes]))[0]
        features = (feature, on_planes, joint)
        return torch.stack([head(x) for head, x in zip(self.heads, features, strict=True)])
