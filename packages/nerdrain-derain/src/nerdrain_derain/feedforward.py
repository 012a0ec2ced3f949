"""The gated feed-forward network of a transformer block: one half of the hidden channels opens or shuts the other."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from .layers import Depthwise3x3, Pointwise


class GatedFeedForward(nn.Module):
    """1x1 to 2h channels, depthwise 3x3, gelu(first half) * second half, 1x1 back. Shapes: (B, C, H, W), kept.

    Args:
        channels: C.
        expansion: h = floor(expansion * C).
    """

    def __init__(self, channels: int, expansion: float) -> None:
        super().__init__()
        hidden = int(channels * expansion)
        self.expand = Pointwise(channels, 2 * hidden)
        self.local = Depthwise3x3(2 * hidden)
        self.project = Pointwise(hidden, channels)

    def forward(self, x: Tensor) -> Tensor:
        gate, value = self.local(self.expand(x)).chunk(2, dim=1)
        return self.project(F.gelu(gate) * value)
