"""Position code of the decoders: SAM's prompt encoder without a prompt."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn


class EmptyPrompt(nn.Module):
    """The position code of the image embedding, and the embedding of the missing mask prompt.

    Args:
        width: channels of the image embedding.
        grid: positions g along one side of it.
    """

    def __init__(self, width: int, grid: int) -> None:
        super().__init__()
        self.grid = grid
        self.register_buffer("frequencies", torch.randn(2, width // 2))
        self.frequencies: Tensor
        self.no_mask_embed = nn.Parameter(torch.randn(width))
        # A constant of the weights, so computed with them.
        self.register_buffer("code", self._position_code(), persistent=False)
        self.code: Tensor

    def forward(self, embedding: Tensor) -> Tensor:
        """Return the image embedding (B, width, g, g) with the missing prompt added, as positions (B, N, width)."""
        return embedding.flatten(2).transpose(1, 2) + self.no_mask_embed

    @torch.no_grad()
    def _position_code(self) -> Tensor:
        """Return the sines and cosines of random projections of x and y in [-1, 1], (1, N, width)."""
        if self.frequencies.is_meta:
            return self.frequencies.new_empty(1, self.grid**2, 2 * self.frequencies.shape[1])
        frequencies = self.frequencies.cpu()  # Apple's GPUs have no float64
        centres = (torch.arange(self.grid, dtype=torch.float64, device=frequencies.device) + 0.5) / self.grid
        y, x = torch.meshgrid(centres, centres, indexing="ij")
        places = torch.stack((x, y), dim=-1).flatten(0, 1) * 2 - 1
        angles = 2 * math.pi * (places @ frequencies.double())
        return torch.cat((angles.sin(), angles.cos()), dim=-1)[None].to(self.frequencies)

    def _load_from_state_dict(self, *arguments: Any) -> None:
        super()._load_from_state_dict(*arguments)
        self.code = self._position_code()
