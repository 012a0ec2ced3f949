"""How the camera moved between two frames, as a map of the plane."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from visioncore.devices import without_autocast

from .blocks import Encoder
from .config import FlowAutoencoderConfig

OUTPUTS = {"zero": 0, "shift": 2, "affine": 6, "perspective": 8}
"""Numbers that each kind of background motion has."""


class BackgroundPredictor(nn.Module):
    """A 3x3 matrix that takes homogeneous coordinates of the driving frame to those of the source image."""

    def __init__(self, config: FlowAutoencoderConfig) -> None:
        super().__init__()
        self.kind = config.background
        if self.kind != "zero":
            self.encoder = Encoder(6, config.background_width, config.most_channels, config.background_blocks)
            widest = min(config.most_channels, config.background_width * 2**config.background_blocks)
            self.fc = nn.Linear(widest, OUTPUTS[self.kind])
            still = {"shift": [0, 0], "affine": [1, 0, 0, 0, 1, 0], "perspective": [1, 0, 0, 0, 1, 0, 0, 0]}[self.kind]
            with torch.no_grad():
                self.fc.weight.zero_()
                self.fc.bias.copy_(torch.tensor(still))

    def forward(self, source: Tensor, driving: Tensor) -> Tensor:
        """Source and driving frames (B, 3, H, W) -> (B, 3, 3)."""
        matrix = torch.eye(3, device=source.device, dtype=source.dtype).repeat(len(source), 1, 1)
        if self.kind == "zero":
            return matrix
        seen = self.encoder(torch.cat((source, driving), dim=1))[-1].to(source.dtype).mean(dim=(2, 3))
        with without_autocast(source.device):
            numbers = self.fc(seen)
        if self.kind == "shift":
            matrix[:, :2, 2] = numbers
        else:
            matrix = torch.cat((numbers, matrix.flatten(1)[:, numbers.shape[1] :]), dim=1).view(-1, 3, 3)
        return matrix
