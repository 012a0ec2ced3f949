"""The paper's idea: light is a factor, so what dims a photo is undone by one factor for each colour."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class ChannelGain(nn.Module):
    """One positive gain for each channel, 1 at first."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.log_gain = nn.Parameter(torch.zeros(channels, 1, 1))

    def forward(self, image: Tensor) -> Tensor:
        """Return images (B, C, H, W) times their gains."""
        return image * self.log_gain.exp()
