"""The pose transformer: both streams meet, each placed by the axis of its camera."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn

from .encoder import Encoder
from .positional_code import PositionalCode

ORIGINAL, NORMALISED = 0, 1
"""Places of the two streams."""


class PoseTransformer(nn.Module):
    """An encoder over one token for each stream.

    Args:
        encoder: what the tokens go through.
        code: the code of an axis.
        code_length: its length.
        dim: length of a token.
    """

    def __init__(self, encoder: Encoder, code: PositionalCode, code_length: int, dim: int) -> None:
        super().__init__()
        self.encoder, self.code = encoder, code
        lengths = (code_length, dim, dim, dim, dim)
        layers: list[nn.Module] = []
        for inputs, outputs in pairwise(lengths):
            layers += [nn.Linear(inputs, outputs), nn.LeakyReLU(0.1)]
        self.pos_encode = nn.Sequential(*layers[:-1])

    def encode(self, axis: Tensor) -> Tensor:
        """Return positions (..., D) of camera axes (..., 3)."""
        code = self.code(axis)
        position: Tensor = self.pos_encode(code.to(self.pos_encode[0].weight.dtype))
        return position.to(self.encoder.norm.weight.dtype)

    def positions(self, axis: Tensor) -> Tensor:
        """Return positions (B, 2, D): that of the original camera, and those of axes (B, 3) of the virtual one."""
        forward = torch.zeros_like(axis)
        forward[:, 2] = 1
        return self.encode(torch.stack([forward, axis], dim=1))

    def forward(self, original: Tensor, normalised: Tensor, axis: Tensor) -> Tensor:
        """Return features (B, D) of the normalised stream that have seen the original one.

        Args:
            original: features (B, D) of that stream.
            normalised: features (B, D) of that stream.
            axis: (B, 3), the unit vector along which the virtual camera looks, in the frame of the original camera.
        """
        tokens = torch.stack([original, normalised], dim=1)
        out: Tensor = self.encoder(tokens, self.positions(axis), NORMALISED)
        return out
