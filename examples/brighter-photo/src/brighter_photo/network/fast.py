"""The fast path: what does not depend on the image is computed once."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from .model import Brighter


class FastBrighter(nn.Module):
    """A network for inference alone; later changes of the weights it was made from are not seen."""

    gain: Tensor

    @torch.no_grad()
    def __init__(self, model: Brighter) -> None:
        super().__init__()
        self.register_buffer("gain", model.gain.log_gain.exp())

    @torch.no_grad()
    def forward(self, image: Tensor) -> Tensor:
        """Return bright images (B, C, H, W), not clamped, of images with values in [0, 1]."""
        return image * self.gain
