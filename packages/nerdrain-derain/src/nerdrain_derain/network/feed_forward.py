"""The gated feed-forward network of a transformer block: one half of the hidden channels gates the other."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .layers import Depthwise3x3, Pointwise, to_map, to_pixels

STRIDE = 16


class GatedFeedForward(nn.Module):
    """1x1 to 2h channels, depthwise 3x3, gelu(first half) * second half, 1x1 back. Shapes: (B, C, H, W), kept.

    The two halves are computed as maps of their own, so that what comes after them runs over memory without gaps, and
    with channels of zeros up to a multiple of 16, which processors take in one stride.

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
        return self.layers()(x)

    def layers(self) -> Callable[[Tensor], Tensor]:
        """Return the forward pass with its weights made ready, for use on many strips."""
        padding = -self.project.in_channels % STRIDE
        halves = [
            (F.pad(expand, (0, padding)), F.pad(local, (0, 0) * 3 + (0, padding)))
            for expand, local in zip(self.expand.matrix().chunk(2, dim=1), self.local.weight.chunk(2), strict=True)
        ]
        project = F.pad(self.project.matrix(), (0, 0, 0, padding))

        def forward(x: Tensor) -> Tensor:
            pixels = to_pixels(x)
            gate, value = (
                F.conv2d(to_map(pixels @ expand), local, padding=1, groups=len(local)) for expand, local in halves
            )
            opened = F.gelu(gate)
            opened = torch.mul(opened, value, out=None if torch.is_grad_enabled() else opened)
            return to_map(to_pixels(opened) @ project)

        return forward
