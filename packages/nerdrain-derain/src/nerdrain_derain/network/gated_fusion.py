"""Gated fusion of two stages' deep features, fed back to the coarser scale (paper, 3.3: bidirectional feedback)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from .layers import Conv3x3


class GatedFusion(nn.Module):
    """Weigh an earlier and a later map, and the part they agree on, pixel by pixel.

    Args:
        channels: C of both maps.

    Shapes: two maps (B, C, H, W) -> (B, C, H, W).
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.query = Conv3x3(channels, channels, bias=True)
        self.key = Conv3x3(channels, channels, bias=True)
        self.gate_earlier = Conv3x3(2 * channels, 2, bias=True)
        self.gate_later = Conv3x3(2 * channels, 2, bias=True)

    def forward(self, earlier: Tensor, later: Tensor) -> Tensor:
        agreement = torch.sigmoid(self.query(earlier) * self.key(later))
        gated = self._gated(earlier, agreement, self.gate_earlier)
        return gated + self._gated(later, agreement, self.gate_later)

    @staticmethod
    def _gated(x: Tensor, agreement: Tensor, gate: nn.Module) -> Tensor:
        agreed = x * agreement
        own_weight, agreed_weight = gate(torch.cat([x, agreed], dim=1)).split(1, dim=1)
        return x * own_weight + agreed * agreed_weight


class SumFusion(nn.Module):
    """The plain sum of both maps, an ablation of the paper."""

    def forward(self, earlier: Tensor, later: Tensor) -> Tensor:
        return earlier + later
